//! `qnn.embedding` → a lookup of every element under the number of its place in the table; a product where that is too large for one.
//!
//! For ids i and a table of D columns, row after row:
//!
//! ```text
//! y[i.., c] = T(ids[i..]·D + c)                           at most 2^20 elements
//! y[i.., c] = Σ_v b[i.., v]·table[v, c]                   more of them, where b[i.., v] = [ids[i..] = v]
//! ```
//!
//! # Correctness
//! The key proves that ids are rows, in the first way. In the second one b is a hint: each b is 0 or 1, so that over the integers, and in the field
//! since there are far fewer rows than its order, Σ_v b[i.., v] = 1 leaves one v, and Σ_v v·b[i.., v] = ids[i..] says which. The range of the sum says
//! no more than that: it is one of the table's elements.

use crate::emit::Emit;
use crate::linear;
use crate::lower::Parameter;
use melior::ir::Value;
use tessera_circuit::ops::Hint;
use tessera_circuit::semantics::{Interval, TableFunction, View};
use tessera_mlir::params::ParamData;
use tessera_mlir::{Error, Result, shape};

/// Most elements of a table that are looked up one by one.
pub(crate) const ELEMENTS: usize = 1 << 20;
/// Most rows of any table.
const ROWS: usize = 1 << 19;

/// Lowers rows of a table by computed indices; up to so many elements are looked up one by one.
pub(crate) fn embedding<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    table: &Parameter,
    ids: Value<'c, 'a>,
    looked_up: usize,
) -> Result<Value<'c, 'a>> {
    let places = emit.shape(ids)?;
    let extents = shape::embedding(&table.shape, &places)?;
    let columns = table.shape[1];
    if table.data.len() > looked_up {
        return by_product(emit, table, ids, &extents);
    }
    let ids = emit.view(ids, &View::reshape([&places[..], &[1]].concat()))?;
    let ids = emit.broadcast(ids, &extents)?;
    let column = emit.constant(&(0..columns as i64).collect::<Vec<_>>())?;
    let column = emit.broadcast(column, &extents)?;
    let keys = emit.affine(&[(columns as i64, ids), (1, column)], 0)?;
    let f = TableFunction::Values { lo: 0, values: table.data.to_i64s()? };
    emit.lookup(keys, &table.name, &f)
}

/// As the product of a matrix that has one 1 in every row.
fn by_product<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    table: &Parameter,
    ids: Value<'c, 'a>,
    extents: &[usize],
) -> Result<Value<'c, 'a>> {
    let rows = table.shape[0];
    if rows > ROWS {
        return Err(Error::new(format!(
            "a table of {rows} rows is indexed, which is proven for at most {ROWS}"
        )));
    }
    let count = extents[..extents.len() - 1].iter().product();
    let ids = emit.view(ids, &View::reshape(vec![count]))?;
    let at = one_hot(emit, ids, rows)?;
    let weights = emit.weight(&table.name, &table.shape, &table.data)?;
    let y = linear::matmul(emit, at, weights)?;
    let (least, most) = table.data.bounds()?.unwrap_or((0, 0));
    // whole bits, so that tables of numbers are shared
    let most = (most.max(-1 - least).max(1) as u64 + 1).next_power_of_two() as i64;
    let y = emit.range(y, Interval { lo: (-most).into(), hi: (most - 1).into() })?;
    emit.view(y, &View::reshape(extents.to_vec()))
}

/// b[i, v] = [x[i] = v], for every v below a number.
fn one_hot<'c, 'a>(emit: &mut Emit<'c, 'a>, x: Value<'c, 'a>, positions: usize) -> Result<Value<'c, 'a>> {
    let count = emit.shape(x)?[0];
    let x = emit.range(x, Interval { lo: 0, hi: positions as i128 - 1 })?;
    let code = emit.hint(x, &Hint::OneHot { positions }, &[Interval { lo: 0, hi: 1 }])?[0];
    let sums = (0..positions as i64).flat_map(|v| [1, v]).collect();
    let sums = emit.fixed(&format!("positions_{positions}"), &[positions, 2], &ParamData::I64(sums))?;
    let sums = linear::matmul(emit, code, sums)?;
    let column = |emit: &mut Emit<'c, 'a>, c: i64| {
        let column = emit.view(sums, &View::window(&[count, 2], &[0, c], &[1, 1], &[count, 1]))?;
        emit.view(column, &View::reshape(vec![count]))
    };
    let (ones, position) = (column(emit, 0)?, column(emit, 1)?);
    let more = emit.affine(&[(1, ones)], -1)?;
    emit.assert_zero(more)?;
    let off = emit.affine(&[(1, position), (-1, x)], 0)?;
    emit.assert_zero(off)?;
    Ok(code)
}
