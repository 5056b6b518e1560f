//! `qnn.add` and `qnn.mul`, elementwise with numpy's broadcasting, and `qnn.relu`.
//!
//! add: a·ma + b·mb is one affine form; mul: the elementwise product; relu: max(x, 0) by lookup.

use crate::emit::Emit;
use melior::ir::Value;
use tessera_mlir::{Result, shape};

/// Both operands in the shape of the result.
fn broadcast<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    a: Value<'c, 'a>,
    b: Value<'c, 'a>,
) -> Result<[Value<'c, 'a>; 2]> {
    let to = shape::broadcast(&emit.shape(a)?, &emit.shape(b)?)?;
    Ok([emit.broadcast(a, &to)?, emit.broadcast(b, &to)?])
}

/// Lowers a·ma + b·mb.
pub(crate) fn add<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    (a, ma): (Value<'c, 'a>, i64),
    (b, mb): (Value<'c, 'a>, i64),
) -> Result<Value<'c, 'a>> {
    let [a, b] = broadcast(emit, a, b)?;
    emit.affine(&[(ma, a), (mb, b)], 0)
}

/// Lowers a·b.
pub(crate) fn mul<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    a: Value<'c, 'a>,
    b: Value<'c, 'a>,
) -> Result<Value<'c, 'a>> {
    let [a, b] = broadcast(emit, a, b)?;
    emit.mul(a, b)
}
