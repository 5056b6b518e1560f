//! Folders of the nn dialect: rewrites that `canonicalize` applies, each with its equation.
//!
//! Invariant: a fold never changes what the interpreter computes, bit for bit.

use crate::ops::{NnOp, result_type, set_perm};
use melior::ir::{OperationRef, Value};
use mlir_sys::{MlirOperation, MlirValue};
use tessera_mlir::{
    Result,
    hooks::{self, Fold},
    rewrite::{defining_op, set_operands},
    types,
};

#[unsafe(no_mangle)]
unsafe extern "C" fn tessera_nn_fold(op: MlirOperation, value: *mut MlirValue) -> i32 {
    // SAFETY: the generated folder calls this with an op that is alive and a place for its result.
    unsafe { hooks::fold(op, value, fold) }
}

fn fold<'c, 'a>(op: OperationRef<'c, 'a>) -> Result<Fold<'c, 'a>> {
    let Some(decoded) = NnOp::decode(op)? else { return Ok(Fold::None) };
    let unchanged = |x: Value<'c, 'a>| Ok::<_, tessera_mlir::Error>(types::of(x)? == result_type(op)?);
    Ok(match decoded {
        // clamp(f(x)) = f(x) where f is a clamp to no more: relu(relu(x)) = relu(x), relu(clip(x, 0, 6)) = clip(x, 0, 6)
        NnOp::Map { x, f } => match (f.clamp(), producer(x)?) {
            (Some((low, high)), Some(NnOp::Map { f: inner, .. })) => match inner.clamp() {
                Some((least, most)) if low <= least && most <= high => Fold::To(x),
                _ => Fold::None,
            },
            _ => Fold::None,
        },
        // reshape(x) = x when the extents are the same
        NnOp::Reshape { x, .. } if unchanged(x)? => Fold::To(x),
        // reshape(reshape(x)) = reshape(x)
        NnOp::Reshape { x, .. } => match producer(x)? {
            Some(NnOp::Reshape { x: inner, .. }) => {
                set_operands(op, &[inner]);
                Fold::InPlace
            }
            _ => Fold::None,
        },
        // transpose(x, identity) = x
        NnOp::Transpose { x, perm } if perm.iter().copied().eq(0..perm.len()) => Fold::To(x),
        // transpose(transpose(x, q), p) = transpose(x, q∘p): axis i of the result is axis q[p[i]] of x
        NnOp::Transpose { x, perm } => match producer(x)? {
            Some(NnOp::Transpose { x: inner, perm: first }) => {
                set_operands(op, &[inner]);
                set_perm(op, &perm.iter().map(|&axis| first[axis]).collect::<Vec<_>>());
                Fold::InPlace
            }
            _ => Fold::None,
        },
        // concat(x) = x
        NnOp::Concat { xs, .. } if xs.len() == 1 => Fold::To(xs[0]),
        // pad(x, 0, 0) = x;  a slice of everything is everything
        NnOp::Pad { x, .. } | NnOp::Slice { x, .. } if unchanged(x)? => Fold::To(x),
        _ => Fold::None,
    })
}

fn producer<'c: 'a, 'a>(value: Value<'c, 'a>) -> Result<Option<NnOp<Value<'c, 'a>>>> {
    defining_op(value).map_or(Ok(None), NnOp::decode)
}
