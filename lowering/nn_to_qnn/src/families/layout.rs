//! Ops that keep the scale: they move integers or compare them.

use super::{Converted, Family};
use crate::emit::Emitter;
use crate::model::{Model, Role};
use melior::ir::operation::OperationLike;
use tessera_mlir::functions::Map;
use tessera_mlir::{Error, Result};
use tessera_nn::NnOp;
use tessera_qnn::QnnOp;

/// Ops that move integers of any width.
pub(super) struct Move;

/// Ops that compare integers of few bits.
pub(super) struct Compare;

/// Whether a function of real numbers is the same function of stored integers, at any scale: max(x, 0) alone is.
pub(super) fn keeps_scale(f: &Map) -> bool {
    f.clamp() == Some((0.0, f64::INFINITY))
}

impl Family for Move {
    fn role(&self) -> Role {
        Role::Moves
    }

    fn check(&self, model: &Model, op: usize) -> Result<()> {
        match &model.ops[op].decoded {
            NnOp::Pad { value, .. } if value.0 != 0.0 => {
                Err(Error::new(format!("padding with {value} is not supported; only with 0")))
            }
            _ => Ok(()),
        }
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        keep(e, op)
    }
}

impl Family for Compare {
    fn role(&self) -> Role {
        Role::Compares
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        keep(e, op)
    }
}

/// The same op on stored integers.
fn keep<'c, 'a>(e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
    let info = &e.model.ops[op];
    let mut numbers = info.operands.iter();
    let defect = || Error::new("an op with too few operands; this is a defect of convert-nn-to-qnn");
    let decoded = info.decoded.try_map(|_| e.get(*numbers.next().ok_or_else(defect)?))?;
    let quantized = match decoded {
        NnOp::Map { x, .. } => QnnOp::Relu { x },
        NnOp::MaxPool { x, attrs } => QnnOp::MaxPool { x, attrs },
        NnOp::Reshape { x, shape } => QnnOp::Reshape { x, shape },
        NnOp::Transpose { x, perm } => QnnOp::Transpose { x, perm },
        NnOp::Concat { xs, axis } => QnnOp::Concat { xs, axis },
        NnOp::Pad { x, low, high, .. } => QnnOp::Pad { x, low, high },
        NnOp::Slice { x, starts, sizes, strides } => QnnOp::Slice { x, starts, sizes, strides },
        NnOp::Embedding { table, ids } => QnnOp::Embedding { table, ids },
        NnOp::Conv { .. }
        | NnOp::Linear { .. }
        | NnOp::MatMul { .. }
        | NnOp::Binary { .. }
        | NnOp::Softmax { .. }
        | NnOp::Norm { .. }
        | NnOp::ArgMax { .. }
        | NnOp::AvgPool { .. } => return Err(Error::new("expected an op that keeps the scale")),
    };
    Ok(Converted::Value(e.insert(quantized.build(info.op.location()))?))
}
