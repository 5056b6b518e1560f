//! Sums and differences that flow into a normalization: operands have one scale, and nothing is rounded.

use crate::emit::Emitter;
use melior::ir::Value;
use melior::ir::operation::OperationLike;
use tessera_mlir::{Error, Result};
use tessera_nn::{NnOp, ops::Binary};
use tessera_qnn::ops::{self, RequantizeAttrs};

/// Writes an op of [`crate::model::Role::Adds`].
pub(crate) fn convert<'c, 'a>(e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Value<'c, 'a>> {
    let info = &e.model.ops[op];
    let NnOp::Binary { kind: kind @ (Binary::Add | Binary::Sub), .. } = info.decoded else {
        return Err(Error::new("expected a sum or a difference"));
    };
    let (a, b) = (e.get(info.operands[0])?, e.get(info.operands[1])?);
    let location = info.op.location();
    let to = e.quant(info.result);
    let multipliers = vec![vec![1], vec![if kind == Binary::Sub { -1 } else { 1 }]];
    let attrs = RequantizeAttrs { multipliers, axis: 0, bias: vec![], shift: 0, min: to.min, max: to.max };
    e.insert(ops::requantize(location, &[a, b], &attrs, &to))
}
