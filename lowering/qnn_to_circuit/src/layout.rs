//! `qnn.reshape`, `qnn.transpose`, `qnn.pad`, `qnn.slice`, `qnn.concat`: each is a view of its operand, or a concatenation.

use melior::ir::Value;
use tessera_circuit::semantics::View;
use tessera_mlir::Result;

use crate::emit::Emit;

/// Lowers zero padding.
pub(crate) fn pad<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    low: &[usize],
    high: &[usize],
) -> Result<Value<'c, 'a>> {
    let shape = emit.shape(x)?;
    let to = tessera_mlir::shape::pad(&shape, low, high)?;
    let starts: Vec<i64> = low.iter().map(|&l| -(l as i64)).collect();
    emit.view(x, &View::window(&shape, &starts, &vec![1; shape.len()], &to))
}

/// Lowers a strided slice.
pub(crate) fn slice<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    starts: &[usize],
    sizes: &[usize],
    strides: &[usize],
) -> Result<Value<'c, 'a>> {
    let shape = emit.shape(x)?;
    tessera_mlir::shape::slice(&shape, starts, sizes, strides)?;
    let signed = |list: &[usize]| list.iter().map(|&v| v as i64).collect::<Vec<_>>();
    emit.view(x, &View::window(&shape, &signed(starts), &signed(strides), sizes))
}
