//! `qnn.lookup` → a lookup of the same table, or less where the table holds less than a function of its own.
//!
//! What keys are possible is known, and so what the table holds for them: the key itself needs no lookup, the key negated is
//! an affine form, and max(x, 0) shares the table of all ReLUs and maxima.

use crate::emit::Emit;
use crate::lower::Parameter;
use melior::ir::Value;
use tessera_circuit::semantics::{Interval, TableFunction};
use tessera_mlir::{Error, Result};

/// Lowers a lookup of a table whose first entry is that of the key `first`.
pub(crate) fn lookup<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    table: &Parameter,
    first: i64,
) -> Result<Value<'c, 'a>> {
    let f = TableFunction::Values { lo: first, values: table.data.to_i64s()? };
    let keys = emit.hull(x)?;
    let Some((low, high)) = keys.to_i64s().filter(|_| f.domain().contains(keys)) else {
        return Err(Error::new(format!(
            "expected keys within the table's {}, found values within {keys}",
            f.domain()
        )));
    };
    let is = |g: &dyn Fn(i64) -> i64| (low..=high).all(|key| f.eval(key) == Some(g(key)));
    if is(&|key| key) {
        return Ok(x);
    }
    if is(&|key| -key) {
        return emit.affine(&[(-1, x)], 0);
    }
    if is(&|key| key.max(0)) && keys.abs_max() <= Interval::point(255).hi {
        return emit.relu(x);
    }
    emit.lookup(x, &table.name, &f)
}
