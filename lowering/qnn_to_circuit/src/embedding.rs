//! `qnn.embedding` → a lookup of every element under the number of its place in the table; a product where that is too large for one.
//!
//! For ids i and a table of D columns, row after row:
//!
//! ```text
//! y[i.., c] = T(ids[i..]·D + c)                           at most 2^20 elements
//! y[i.., c] = Σ_v [ids[i..] = v]·table[v, c]              more of them, by a lookup of ids[i..] − v each
//! ```
//!
//! # Correctness
//! The key proves that ids are rows, in the first way. In the second one keys are range-checked as integers for v = 0 and v = N − 1, so an id is one
//! of 0..N, and the factor is 1 for one v alone. The range of the sum says no more than that: it is one of the table's elements.

use crate::emit::Emit;
use crate::linear;
use crate::lower::Parameter;
use melior::ir::Value;
use tessera_circuit::semantics::{Interval, TableFunction, View};
use tessera_mlir::{Error, Result, shape};

/// Most elements of a table that are looked up one by one.
pub(crate) const ELEMENTS: usize = 1 << 20;
/// Most rows of any table: keys are as many to either side of 0.
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
    let last = rows as i64 - 1;
    let ids = emit.view(ids, &View::reshape(vec![count, 1]))?;
    let ids = emit.broadcast(ids, &[count, rows])?;
    let row = emit.constant(&(0..=last).collect::<Vec<_>>())?;
    let row = emit.broadcast(row, &[count, rows])?;
    let keys = emit.affine(&[(1, ids), (-1, row)], 0)?;
    let at =
        TableFunction::Values { lo: -last, values: (-last..=last).map(|key| i64::from(key == 0)).collect() };
    let at = emit.lookup(keys, &format!("at_{rows}"), &at)?;
    let weights = emit.weight(&table.name, &table.shape, &table.data)?;
    let y = linear::matmul(emit, at, weights)?;
    let (least, most) = table.data.bounds()?.unwrap_or((0, 0));
    // whole bits, so that tables of numbers are shared
    let most = (most.max(-1 - least).max(1) as u64 + 1).next_power_of_two() as i64;
    let y = emit.range(y, Interval { lo: (-most).into(), hi: (most - 1).into() })?;
    emit.view(y, &View::reshape(extents.to_vec()))
}
