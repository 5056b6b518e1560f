//! The reference interpreter of nn: what each op means, in `f32`.
//!
//! Invariants:
//! - Sums are taken in `f32` in the order of the kernels; results agree with other runtimes up to rounding only.
//! - Inputs have the declared shapes and finite elements; anything else is an error that says what was expected.

use crate::ops::{Binary, ConvAttrs, NnOp, PoolAttrs};
use melior::ir::{OperationRef, operation::OperationLike};
use ndarray::ArrayD;
use rayon::prelude::*;
use tessera_mlir::func::{Func, op_name};
use tessera_mlir::params::{Param, Params};
use tessera_mlir::plan::{self, Step};
use tessera_mlir::types::TensorType;
use tessera_mlir::{Error, Result, kernels};

/// A decoded op.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in the op's documentation")]
pub enum Kernel {
    Conv(ConvAttrs),
    Linear,
    MatMul,
    Relu,
    Binary(Binary),
    MaxPool(PoolAttrs),
    AvgPool { attrs: PoolAttrs, count_include_pad: bool },
    Reshape(Vec<usize>),
    Transpose(Vec<usize>),
    Concat(usize),
    Pad { low: Vec<usize>, high: Vec<usize>, value: f32 },
    Slice { starts: Vec<usize>, sizes: Vec<usize>, strides: Vec<usize> },
}

/// A function of nn ops ready to run; free of MLIR, so it may be shared between threads.
#[derive(Clone, Debug)]
pub struct Plan(plan::Plan<ArrayD<f32>, Kernel>);

struct Decoder;

impl plan::Decode<ArrayD<f32>, Kernel> for Decoder {
    fn op(&mut self, op: OperationRef) -> Result<Kernel> {
        let Some(view) = NnOp::view(op)? else {
            return Err(Error::at(op.location(), format!("{} is not an op of the nn dialect", op_name(op))));
        };
        Ok(match view {
            NnOp::Conv { attrs, .. } => Kernel::Conv(attrs),
            NnOp::Linear { .. } => Kernel::Linear,
            NnOp::MatMul { .. } => Kernel::MatMul,
            NnOp::Relu { .. } => Kernel::Relu,
            NnOp::Binary { kind, .. } => Kernel::Binary(kind),
            NnOp::MaxPool { attrs, .. } => Kernel::MaxPool(attrs),
            NnOp::AvgPool { attrs, count_include_pad, .. } => Kernel::AvgPool { attrs, count_include_pad },
            NnOp::Reshape { shape, .. } => Kernel::Reshape(shape),
            NnOp::Transpose { perm, .. } => Kernel::Transpose(perm),
            NnOp::Concat { axis, .. } => Kernel::Concat(axis),
            NnOp::Pad { low, high, value, .. } => Kernel::Pad { low, high, value },
            NnOp::Slice { starts, sizes, strides, .. } => Kernel::Slice { starts, sizes, strides },
        })
    }

    fn parameter(&mut self, param: &Param, ty: &TensorType) -> Result<ArrayD<f32>> {
        let data = param.data.f32s()?.to_vec();
        ArrayD::from_shape_vec(ty.shape.clone(), data).map_err(|e| Error::new(format!("parameter: {e}")))
    }
}

fn eval(step: &Step<Kernel>, x: &[&ArrayD<f32>]) -> Result<ArrayD<f32>> {
    let bias = x.get(2).copied();
    match &step.kernel {
        Kernel::Conv(attrs) => kernels::conv2d(x[0], x[1], bias, attrs),
        Kernel::Linear => kernels::linear(x[0], x[1], bias),
        Kernel::MatMul => kernels::matmul(x[0], x[1]),
        Kernel::Relu => Ok(x[0].mapv(|v| if v < 0.0 { 0.0 } else { v })),
        Kernel::Binary(Binary::Add) => kernels::zip_broadcast(x[0], x[1], |a, b| a + b),
        Kernel::Binary(Binary::Sub) => kernels::zip_broadcast(x[0], x[1], |a, b| a - b),
        Kernel::Binary(Binary::Mul) => kernels::zip_broadcast(x[0], x[1], |a, b| a * b),
        Kernel::MaxPool(attrs) => kernels::max_pool(x[0], attrs),
        Kernel::AvgPool { attrs, count_include_pad } => kernels::avg_pool(x[0], attrs, *count_include_pad),
        Kernel::Reshape(shape) => kernels::reshape(x[0], shape),
        Kernel::Transpose(perm) => kernels::transpose(x[0], perm),
        Kernel::Concat(axis) => kernels::concat(x, *axis),
        Kernel::Pad { low, high, value } => kernels::pad(x[0], low, high, *value),
        Kernel::Slice { starts, sizes, strides } => kernels::slice(x[0], starts, sizes, strides),
    }
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
    pub fn steps(&self) -> &[Step<Kernel>] {
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
        observe: impl FnMut(&Step<Kernel>, &ArrayD<f32>),
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
        self.0.run(inputs, eval, observe)
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
