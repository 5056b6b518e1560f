//! `qnn.linear` and `qnn.matmul` → contract.
//!
//! y[.., o] = Σ_k x[.., k]·w[o, k] + bias[o], and y[b.., m, n] = Σ_k a[b.., m, k]·b[b.., k, n] where leading axes broadcast.

use crate::conv::add_bias;
use crate::emit::Emit;
use melior::ir::Value;
use tessera_circuit::semantics::{ContractSpec, ResultIndex, View};
use tessera_mlir::{Error, Result, shape};

/// Lowers x[.., K] · w[O, K]ᵀ + bias[O].
pub(crate) fn linear<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    w: Value<'c, 'a>,
    bias: Option<Value<'c, 'a>>,
) -> Result<Value<'c, 'a>> {
    let (xs, ws) = (emit.shape(x)?, emit.shape(w)?);
    shape::linear(&xs, &ws, None)?;
    let outer = xs.len() - 1;
    // Indices: the outer axes of x, then o, then k.
    let (o, k) = (outer, outer + 1);
    let free: Vec<usize> = (0..outer).collect();
    let spec = ContractSpec::new(
        outer + 2,
        [free.clone(), vec![k]].concat(),
        vec![o, k],
        free.into_iter().chain([o]).map(ResultIndex::One).collect(),
        &xs,
        &ws,
    )
    .map_err(Error::new)?;
    let y = emit.contract(x, w, &spec)?;
    add_bias(emit, y, bias, outer)
}

/// Lowers a[.., M, K] · b[.., K, N].
pub(crate) fn matmul<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    a: Value<'c, 'a>,
    b: Value<'c, 'a>,
) -> Result<Value<'c, 'a>> {
    let (a_shape, b_shape) = (emit.shape(a)?, emit.shape(b)?);
    let y = shape::matmul(&a_shape, &b_shape)?;
    let outer = y.len() - 2;
    let (m, k, n) = (outer, outer + 1, outer + 2);
    let (a, mut a_map) = leading(emit, a, &y[..outer])?;
    let (b, mut b_map) = leading(emit, b, &y[..outer])?;
    a_map.extend([m, k]);
    b_map.extend([k, n]);
    let y_map = (0..outer).chain([m, n]).map(ResultIndex::One).collect();
    // What is known at compile time goes to the right, as in every other contract.
    let (x, w, x_map, w_map) =
        if emit.exact(a).is_some() { (b, a, b_map, a_map) } else { (a, b, a_map, b_map) };
    let spec = ContractSpec::new(outer + 3, x_map, w_map, y_map, &emit.shape(x)?, &emit.shape(w)?)
        .map_err(Error::new)?;
    emit.contract(x, w, &spec)
}

/// The operand without the leading axes along which it is repeated, and the result's index of each that stays.
fn leading<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    outer: &[usize],
) -> Result<(Value<'c, 'a>, Vec<usize>)> {
    let shape = emit.shape(x)?;
    let own = shape.len() - 2;
    let first = outer.len() - own;
    let kept: Vec<usize> = (0..own).filter(|&d| shape[d] == outer[first + d]).collect();
    let reduced: Vec<usize> = kept.iter().copied().chain([own, own + 1]).map(|d| shape[d]).collect();
    let x = emit.view(x, &View::reshape(reduced))?;
    Ok((x, kept.into_iter().map(|d| first + d).collect()))
}
