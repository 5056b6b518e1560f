//! `qnn.mul`: the elementwise product, with numpy's broadcasting.

use crate::emit::Emit;
use melior::ir::Value;
use tessera_mlir::{Result, shape};

/// Lowers a·b.
pub(crate) fn mul<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    a: Value<'c, 'a>,
    b: Value<'c, 'a>,
) -> Result<Value<'c, 'a>> {
    let to = shape::broadcast(&emit.shape(a)?, &emit.shape(b)?)?;
    let (a, b) = (emit.broadcast(a, &to)?, emit.broadcast(b, &to)?);
    emit.mul(a, b)
}
