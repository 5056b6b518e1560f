//! Folders of the qnn dialect: rewrites that `canonicalize` applies, each with its equation.
//!
//! Invariant: a fold never changes what the interpreter computes, bit for bit.

use crate::ops::{QnnOp, result_type, set_perm};
use melior::ir::{OperationRef, Value};
use mlir_sys::{MlirOperation, MlirValue};
use tessera_mlir::{
    Result,
    hooks::{self, Fold},
    rewrite::{defining_op, set_operands},
    types,
};

#[unsafe(no_mangle)]
unsafe extern "C" fn tessera_qnn_fold(op: MlirOperation, value: *mut MlirValue) -> i32 {
    // SAFETY: the generated folder calls this with an op that is alive and a place for its result.
    unsafe { hooks::fold(op, value, fold) }
}

fn fold<'c, 'a>(op: OperationRef<'c, 'a>) -> Result<Fold<'c, 'a>> {
    let Some(decoded) = QnnOp::decode(op)? else { return Ok(Fold::None) };
    let unchanged = |x: Value<'c, 'a>| Ok::<_, tessera_mlir::Error>(types::of(x)? == result_type(op)?);
    Ok(match decoded {
        // relu(x) = x when x is never negative: another relu, or a requantize that clamps at 0 or above
        QnnOp::Relu { x } => match producer(x)? {
            Some(QnnOp::Relu { .. }) => Fold::To(x),
            Some(QnnOp::Requantize { attrs, .. }) if attrs.min >= 0 => Fold::To(x),
            _ => Fold::None,
        },
        // reshape(x) = x when the extents are the same
        QnnOp::Reshape { x, .. } if unchanged(x)? => Fold::To(x),
        // reshape(reshape(x)) = reshape(x)
        QnnOp::Reshape { x, .. } => match producer(x)? {
            Some(QnnOp::Reshape { x: inner, .. }) => {
                set_operands(op, &[inner]);
                Fold::InPlace
            }
            _ => Fold::None,
        },
        // transpose(x, identity) = x
        QnnOp::Transpose { x, perm } if perm.iter().copied().eq(0..perm.len()) => Fold::To(x),
        // transpose(transpose(x, q), p) = transpose(x, q∘p): axis i of the result is axis q[p[i]] of x
        QnnOp::Transpose { x, perm } => match producer(x)? {
            Some(QnnOp::Transpose { x: inner, perm: first }) => {
                set_operands(op, &[inner]);
                set_perm(op, &perm.iter().map(|&axis| first[axis]).collect::<Vec<_>>());
                Fold::InPlace
            }
            _ => Fold::None,
        },
        // concat(x) = x
        QnnOp::Concat { xs, .. } if xs.len() == 1 => Fold::To(xs[0]),
        // pad(x, 0, 0) = x;  a slice of everything is everything
        QnnOp::Pad { x, .. } | QnnOp::Slice { x, .. } if unchanged(x)? => Fold::To(x),
        _ => Fold::None,
    })
}

fn producer<'c: 'a, 'a>(value: Value<'c, 'a>) -> Result<Option<QnnOp<Value<'c, 'a>>>> {
    defining_op(value).map_or(Ok(None), QnnOp::decode)
}
