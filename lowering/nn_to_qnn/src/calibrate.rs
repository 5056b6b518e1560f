//! Calibration: runs a network on representative data and writes the range of every value into the IR.
//!
//! A module names its samples by the attribute `tessera.samples`, as it names its parameters: a safetensors file with an
//! array for each input, whose first extent counts the samples.

use crate::features;
use crate::histogram::Histogram;
use melior::ir::{OperationRef, operation::OperationLike};
use ndarray::ArrayD;
use rayon::prelude::*;
use tessera_mlir::func::Func;
use tessera_mlir::params::{self, Param, ParamData, Params};
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::{Error, Result, attrs, context_of, shape, types};
use tessera_nn::interp::Plan;

/// The module attribute that names the samples.
pub const SAMPLES: &str = "tessera.samples";

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

/// Runs `@main` on every sample (one array per input of the model) and writes `nn.range` on its inputs and ops, and `nn.reach` on inputs
/// whose features reach very differently far.
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
        // any text may come, whatever was seen
        let texts = function.argument_texts(i).map_or(0.0, |texts| texts as f64);
        function.set_argument_range(i, lo, hi.max(texts));
        if let Some(reach) = features::seen(samples.iter().filter_map(|sample| sample.get(i))) {
            function.set_argument(i, features::REACH, attrs::f64s(function.context(), &reach));
        }
    }
    let ops = function.ops();
    for (step, h) in plan.steps().iter().zip(&seen[inputs..]) {
        let (lo, hi) = match method {
            Method::MinMax => h.range(),
            Method::Percentile(p) => h.percentile(p),
        };
        attrs::set_range(ops[step.index], lo, hi);
    }
    Ok(())
}

/// `nn-calibrate`
pub struct NnCalibrate;

impl Pass for NnCalibrate {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "nn-calibrate",
            summary: "Write the range of every value into the IR, from samples of the inputs",
            expects: "a function @main of nn ops; samples named by the module attribute `tessera.samples`, a safetensors file \
                      with an f32 array for each input, its first extent the number of samples; or inputs that carry \
                      ranges already",
            guarantees: "every input and every op carries a range (nn.range) that holds what was seen, and the samples are \
                         not named any more, unless they are kept; a module without samples whose inputs carry ranges is left as it is",
            rejects: "a module without samples and without ranges; samples that do not fit the inputs; values that are not \
                      finite numbers",
            options: const {
                &[
                    OptionSpec::choice(
                        "method",
                        "the whole range that was seen, or that of most values",
                        "min-max",
                        &["min-max", "percentile"],
                    ),
                    OptionSpec::float(
                        "percentile",
                        "share of the values kept by the method of that name, in per cent",
                        99.9,
                        50.0,
                        100.0,
                    ),
                    OptionSpec::boolean("keep-samples", "leave the samples named, for nn-choose-bits", false),
                ]
            },
            example: r#"func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<1x4xf32> {nn.name = "y"}) {
  %r = nn.relu %x {nn.range = array<f64: 0.0, 1.0>} : tensor<1x4xf32>
  return %r : tensor<1x4xf32>
}"#,
        }
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let Ok(name) = attrs::read_string(module, SAMPLES) else {
            let inputs = main.arguments().len();
            if (0..inputs).all(|input| main.argument_range(input).is_some()) {
                return Ok(());
            }
            return Err(Error::new(format!(
                "there is nothing to calibrate with: expected the attribute '{SAMPLES}' with the name of a safetensors file"
            )));
        };
        let samples = unpack(&main, &*params::get(&name)?).map_err(|error| error.context(&name))?;
        let method = match options.choice("method") {
            "percentile" => Method::Percentile(options.float("percentile")),
            _ => Method::MinMax,
        };
        calibrate(module, &*params::of(module)?, &samples, method)?;
        if !options.boolean("keep-samples") {
            attrs::remove(module, SAMPLES);
        }
        Ok(())
    }
}

/// Gives a module samples (one array per input each) under a name, registered in this process.
///
/// # Errors
/// When a sample does not fit the inputs.
pub fn attach_samples(module: OperationRef, name: &str, samples: &[Vec<ArrayD<f32>>]) -> Result<()> {
    let main = Func::main(module)?;
    let mut packed = Params::default();
    for (input, value) in main.arguments().into_iter().enumerate() {
        let name = main.argument_name(input);
        let arrays = samples.iter().filter_map(|sample| sample.get(input));
        let values = arrays.flat_map(|array| array.iter().copied()).collect();
        let shape = [&[samples.len()], types::of(value)?.shape.as_slice()].concat();
        let param = Param::new(shape, ParamData::F32(values));
        packed.insert(name.as_str(), param.map_err(|error| error.context(format!("samples of {name:?}")))?);
    }
    params::put(name, packed);
    attrs::set(module, SAMPLES, attrs::string(context_of(module.location()), name));
    Ok(())
}

/// Samples of a file as one array per input each.
pub(crate) fn unpack(main: &Func, packed: &Params) -> Result<Vec<Vec<ArrayD<f32>>>> {
    let mut samples: Vec<Vec<ArrayD<f32>>> = vec![];
    for (input, value) in main.arguments().into_iter().enumerate() {
        let name = main.argument_name(input);
        let param = packed.get(&name)?;
        let extents = types::of(value)?.shape;
        let fits = param.shape.split_first().filter(|(_, rest)| **rest == extents[..]);
        let Some((&count, _)) = fits else {
            let expected = shape::show(&extents);
            let found = shape::show(&param.shape);
            return Err(Error::new(format!(
                "samples of {name:?}: expected the shape Nx{expected}, found {found}"
            )));
        };
        if input > 0 && count != samples.len() {
            let expected = samples.len();
            return Err(Error::new(format!(
                "expected {expected} samples of {name:?} as of the others, found {count}"
            )));
        }
        samples.resize(count, vec![]);
        let size = shape::elements(&extents)?;
        for (sample, values) in samples.iter_mut().zip(param.data.f32s()?.chunks_exact(size)) {
            let array = ArrayD::from_shape_vec(extents.clone(), values.to_vec());
            sample.push(array.map_err(|error| Error::new(error.to_string()))?);
        }
    }
    Ok(samples)
}
