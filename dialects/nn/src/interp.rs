//! The reference interpreter of nn: what each op means, in `f32`.
//!
//! Invariants:
//! - Sums are taken in `f32` in the order of `tessera_mlir::kernels`; results agree with other runtimes up to rounding only.
//! - Indices are numbers too, below 2^24, where `f32` has every integer.
//! - Inputs have the declared shapes and finite elements; anything else is an error that says what was expected.

use crate::ops::{Binary, NnOp};
use melior::ir::{OperationRef, operation::OperationLike};
use ndarray::ArrayD;
use rayon::prelude::*;
use tessera_mlir::func::Func;
use tessera_mlir::op::op_name;
use tessera_mlir::params::{Param, Params};
use tessera_mlir::plan::{self, Step};
use tessera_mlir::types::TensorType;
use tessera_mlir::{
    Error, Result,
    compute::{self, Real},
};

/// Above the greatest index: from here on `f32` leaves integers out.
const INDICES: f64 = (1 << 24) as f64;

/// A function of nn ops ready to run, each over the positions of its operands; free of MLIR, so it may be shared between threads.
#[derive(Clone, Debug)]
pub struct Plan(plan::Plan<ArrayD<f32>, NnOp<usize>>);

struct Decoder;

impl plan::Decode<ArrayD<f32>, NnOp<usize>> for Decoder {
    fn op(&mut self, op: OperationRef) -> Result<NnOp<usize>> {
        let Some(decoded) = NnOp::decode(op)? else {
            return Err(Error::at(op.location(), format!("{} is not an op of the nn dialect", op_name(op))));
        };
        let mut positions = 0..;
        decoded.try_map(|_| positions.next().ok_or_else(|| Error::new("too many operands")))
    }

    fn parameter(&mut self, param: &Param, ty: &TensorType) -> Result<ArrayD<f32>> {
        let data = param.data.f32s()?.to_vec();
        ArrayD::from_shape_vec(ty.shape.clone(), data).map_err(|e| Error::new(format!("parameter: {e}")))
    }
}

/// What an op gives for operands, in the arithmetic of their type.
///
/// # Errors
/// When operands do not fit.
pub fn compute<T: Real>(op: &NnOp<&ArrayD<T>>) -> Result<ArrayD<T>> {
    match op {
        NnOp::Conv { x, w, bias, attrs } => compute::conv2d(x, w, *bias, attrs),
        NnOp::Linear { x, w, bias } => compute::linear(x, w, *bias),
        NnOp::MatMul { a, b } => compute::matmul(a, b),
        NnOp::Map { x, f } => Ok(x.mapv(|v| T::nearest(f.value(v.into())))),
        NnOp::Binary { kind: Binary::Add, a, b } => compute::zip_broadcast(a, b, |a, b| a + b),
        NnOp::Binary { kind: Binary::Sub, a, b } => compute::zip_broadcast(a, b, |a, b| a - b),
        NnOp::Binary { kind: Binary::Mul, a, b } => compute::zip_broadcast(a, b, |a, b| a * b),
        NnOp::MaxPool { x, attrs } => compute::max_pool(x, attrs),
        NnOp::AvgPool { x, attrs, count_include_pad } => compute::avg_pool(x, attrs, *count_include_pad),
        NnOp::Softmax { x, mask } => compute::softmax(x, *mask),
        NnOp::Norm { x, centred, epsilon } => compute::norm(x, *centred, epsilon.0),
        NnOp::Embedding { table, ids } => compute::embedding(table, ids, |id| index(id.into())),
        NnOp::ArgMax { x } => Ok(compute::argmax(x)?.mapv(|at| T::nearest(at as f64))),
        NnOp::Reshape { x, shape } => compute::reshape(x, shape),
        NnOp::Transpose { x, perm } => compute::transpose(x, perm),
        NnOp::Concat { xs, axis } => compute::concat(xs, *axis),
        NnOp::Pad { x, low, high, value } => compute::pad(x, low, high, T::nearest(value.0)),
        NnOp::Slice { x, starts, sizes, strides } => compute::slice(x, starts, sizes, strides),
    }
}

/// The index that a number is.
fn index(number: f64) -> Option<usize> {
    (number >= 0.0 && number.fract() == 0.0 && number < INDICES).then_some(number as usize)
}

impl Plan {
    /// Decodes a function with its weights.
    ///
    /// # Errors
    /// Every op that is not an nn op, and parameters that are missing or of another type.
    pub fn new(function: &Func, params: &Params) -> Result<Self> {
        plan::Plan::new(function, params, &mut Decoder).map(Plan)
    }

    /// Names and shapes of the inputs.
    pub fn inputs(&self) -> &[plan::Input] {
        &self.0.inputs
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> &[String] {
        &self.0.outputs
    }

    /// The ops, in order.
    pub fn steps(&self) -> &[Step<NnOp<usize>>] {
        &self.0.steps
    }

    /// Runs one inference.
    ///
    /// # Errors
    /// When inputs have other shapes than declared, or elements that are not finite.
    pub fn run(&self, inputs: &[ArrayD<f32>]) -> Result<Vec<ArrayD<f32>>> {
        self.run_observed(inputs, |_, _| ())
    }

    /// Runs one inference; `observe` sees the result of every op.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run_observed(
        &self,
        inputs: &[ArrayD<f32>],
        observe: impl FnMut(&Step<NnOp<usize>>, &ArrayD<f32>),
    ) -> Result<Vec<ArrayD<f32>>> {
        for (declared, x) in self.0.inputs.iter().zip(inputs) {
            if declared.ty.shape != x.shape() {
                let (name, expected) = (&declared.name, &declared.ty.shape);
                return Err(Error::new(format!(
                    "input {name:?}: expected shape {expected:?}, found {:?}",
                    x.shape()
                )));
            }
            if let Some(i) = x.iter().position(|v| !v.is_finite()) {
                return Err(Error::new(format!(
                    "input {:?}: element {i} is not a finite number",
                    declared.name
                )));
            }
        }
        self.0.run(inputs, |step, operands| compute(&step.op.map(|&i| operands[i])), observe)
    }

    /// Runs one inference with the result of the step of that number in the place of what the step would give. What the steps before it give is
    /// known, and not computed again.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run_with(
        &self,
        inputs: &[ArrayD<f32>],
        known: &[ArrayD<f32>],
        (replaced, result): (usize, &ArrayD<f32>),
    ) -> Result<Vec<ArrayD<f32>>> {
        let eval = |step: &Step<NnOp<usize>>, operands: &[&ArrayD<f32>]| {
            let number = self.0.steps.partition_point(|other| other.index < step.index);
            match known.get(number) {
                _ if number == replaced => Ok(result.clone()),
                Some(value) if number < replaced => Ok(value.clone()),
                _ => compute(&step.op.map(|&i| operands[i])),
            }
        };
        self.0.run(inputs, eval, |_, _| ())
    }

    /// Runs many inferences on all cores; results in the order of the inputs.
    ///
    /// # Errors
    /// As [`Plan::run`], for the first input that fails.
    pub fn run_many(&self, batch: &[Vec<ArrayD<f32>>]) -> Result<Vec<Vec<ArrayD<f32>>>> {
        batch.par_iter().map(|inputs| self.run(inputs)).collect()
    }
}

/// Runs `@main` of a module once.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run`].
pub fn run(module: OperationRef, inputs: &[ArrayD<f32>], params: &Params) -> Result<Vec<ArrayD<f32>>> {
    Plan::new(&Func::main(module)?, params)?.run(inputs)
}
