//! `qnn.embedding` → a lookup of every element, under the number of its place in the table.
//!
//! y[i.., c] = T(ids[i..]·D + c) for a table of D columns, row after row. The key proves that ids are rows.

use crate::emit::Emit;
use crate::lower::Parameter;
use melior::ir::Value;
use tessera_circuit::semantics::{TableFunction, View};
use tessera_mlir::{Error, Result, shape};

/// Most elements of a table.
const ELEMENTS: usize = 1 << 20;

/// Lowers rows of a table by computed indices.
pub(crate) fn embedding<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    table: &Parameter,
    ids: Value<'c, 'a>,
) -> Result<Value<'c, 'a>> {
    let places = emit.shape(ids)?;
    let extents = shape::embedding(&table.shape, &places)?;
    let columns = table.shape[1];
    if table.data.len() > ELEMENTS {
        return Err(Error::new(format!(
            "a table of {} elements is looked up by element, which is proven for at most {ELEMENTS}",
            table.data.len()
        )));
    }
    let ids = emit.view(ids, &View::reshape([&places[..], &[1]].concat()))?;
    let ids = emit.broadcast(ids, &extents)?;
    let column = emit.constant(&(0..columns as i64).collect::<Vec<_>>())?;
    let column = emit.broadcast(column, &extents)?;
    let keys = emit.affine(&[(columns as i64, ids), (1, column)], 0)?;
    let f = TableFunction::Values { lo: 0, values: table.data.to_i64s()? };
    emit.lookup(keys, &table.name, &f)
}
