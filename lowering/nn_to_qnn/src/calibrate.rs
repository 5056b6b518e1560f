//! Calibration: runs a network on representative data and writes the range of every value into the IR.

use crate::histogram::Histogram;
use melior::ir::OperationRef;
use ndarray::ArrayD;
use rayon::prelude::*;
use tessera_mlir::func::Func;
use tessera_mlir::params::Params;
use tessera_mlir::{Error, Result, attrs};
use tessera_nn::interp::Plan;

/// How ranges follow from the values that were seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Least and greatest value.
    MinMax,
    /// Leaves out the rarest values at each end, in per cent: 99.99 keeps all but one in ten thousand.
    Percentile(f64),
}

impl Default for Method {
    fn default() -> Self {
        Method::Percentile(99.99)
    }
}

/// Samples per histogram: bounds memory, and is the unit of work for a core.
const CHUNK: usize = 16;

/// Runs `@main` on every sample (one array per input of the model) and writes `nn.range` on its inputs and ops.
///
/// Inputs keep their full range whatever the method: what a user may feed is not noise.
///
/// # Errors
/// Without samples, when a sample does not fit the inputs, or a value is not finite.
pub fn calibrate(
    module: OperationRef,
    weights: &Params,
    samples: &[Vec<ArrayD<f32>>],
    method: Method,
) -> Result<()> {
    if samples.is_empty() {
        return Err(Error::new("calibration needs at least one sample, found none"));
    }
    if let Method::Percentile(p) = method
        && !(50.0..=100.0).contains(&p)
    {
        return Err(Error::new(format!("expected a percentile in 50..=100, found {p}")));
    }
    let function = Func::main(module)?;
    let plan = Plan::new(&function, weights)?;
    let (inputs, steps) = (plan.inputs().len(), plan.steps().len());
    let empty = || vec![Histogram::default(); inputs + steps];
    let seen = samples
        .par_chunks(CHUNK)
        .map(|chunk| -> Result<Vec<Histogram>> {
            let mut seen = empty();
            for sample in chunk {
                for (h, x) in seen.iter_mut().zip(sample) {
                    h.add(x.iter().copied());
                }
                let mut next = inputs;
                let mut infinite = None;
                plan.run_observed(sample, |step, value| {
                    if value.iter().any(|v| !v.is_finite()) {
                        infinite.get_or_insert_with(|| step.name());
                    }
                    seen[next].add(value.iter().copied());
                    next += 1;
                })?;
                if let Some(name) = infinite {
                    return Err(Error::new(format!(
                        "node {name:?} gives values that are not finite numbers"
                    )));
                }
            }
            Ok(seen)
        })
        .try_reduce_with(|a, b| Ok(a.into_iter().zip(&b).map(|(a, b)| a.merge(b)).collect()));
    let Some(seen) = seen.transpose()? else { return Ok(()) };
    for (i, h) in seen.iter().take(inputs).enumerate() {
        let (lo, hi) = h.range();
        function.set_argument_range(i, lo, hi);
    }
    let ops = function.ops();
    for (step, h) in plan.steps().iter().zip(&seen[inputs..]) {
        let (lo, hi) = match method {
            Method::MinMax => h.range(),
            Method::Percentile(p) => h.percentile(p),
        };
        attrs::set_range(ops[step.op], lo, hi);
    }
    Ok(())
}
