//! `qnn.reshape`, `qnn.transpose`, `qnn.pad`, `qnn.slice`, `qnn.concat`: each is a view of its operand, or a concatenation.
//!
//! A concatenation holds either computed values and zeros, or nothing that is computed: one of both is the sum of two such.

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

/// Lowers a concatenation.
pub(crate) fn concat<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    xs: &[Value<'c, 'a>],
    axis: usize,
) -> Result<Value<'c, 'a>> {
    let known: Vec<bool> = xs.iter().map(|&x| emit.exact(x).is_some()).collect();
    if known.iter().all(|&k| k == known[0]) {
        return emit.concat(xs, axis);
    }
    let zero = emit.constant(&[0])?;
    let mut only = |wanted: bool| -> Result<Value<'c, 'a>> {
        let parts = xs.iter().zip(&known).map(|(&x, &known)| match known == wanted {
            true => Ok(x),
            false => {
                let shape = emit.shape(x)?;
                emit.broadcast(zero, &shape)
            }
        });
        let parts = parts.collect::<Result<Vec<_>>>()?;
        emit.concat(&parts, axis)
    };
    let (computed, constant) = (only(false)?, only(true)?);
    emit.affine(&[(1, computed), (1, constant)], 0)
}
