//! Ops that keep the scale: they move integers or compare them.

use super::Emitter;
use crate::model::Model;
use melior::ir::operation::OperationLike;
use tessera_mlir::{Error, Result};
use tessera_nn::NnOp;
use tessera_qnn::ops;

pub(super) fn check(model: &Model, op: usize) -> Result<()> {
    match &model.ops[op].view {
        NnOp::Pad { value, .. } if value.0 != 0.0 => {
            Err(Error::new(format!("padding with {value} is not supported; only with 0")))
        }
        _ => Ok(()),
    }
}

pub(super) fn convert(e: &mut Emitter, op: usize) -> Result<()> {
    let info = &e.model.ops[op];
    let mut operands = Vec::with_capacity(info.operands.len());
    for &o in &info.operands {
        operands.push(e.get(o)?);
    }
    let (x, location) = (operands[0], info.op.location());
    let built = match &info.view {
        NnOp::Relu { .. } => ops::relu(location, x),
        NnOp::MaxPool { attrs, .. } => ops::max_pool(location, x, attrs),
        NnOp::Reshape { shape, .. } => ops::reshape(location, x, shape),
        NnOp::Transpose { perm, .. } => ops::transpose(location, x, perm),
        NnOp::Concat { axis, .. } => ops::concat(location, &operands, *axis),
        NnOp::Pad { low, high, .. } => ops::pad(location, x, low, high),
        NnOp::Slice { starts, sizes, strides, .. } => ops::slice(location, x, starts, sizes, strides),
        _ => return Err(Error::new("expected an op that keeps the scale")),
    };
    let value = e.insert(built)?;
    e.set(info.result, value);
    Ok(())
}
