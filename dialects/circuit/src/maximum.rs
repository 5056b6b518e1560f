//! Reading maxima off the IR: max(a, b) + k = b + relu(a - b) + k.
//!
//! Interval arithmetic on the right-hand side forgets that its two terms go together; so where a maximum's interval matters,
//! it is read from this form.
//!
//! Invariant: a form is recognised only when what is added is what was subtracted. Whether the table is max(x, 0) on the keys
//! that occur is for the caller to see, who knows the tables.

use crate::ops::CircuitOp;
use melior::ir::Value;
use tessera_mlir::{Result, rewrite::defining_op};

/// An affine form that is the sum in max(a, b) + k = b + f(a - b) + k, where f is looked up in a table that may hold
/// max(x, 0), and a is itself an affine form that has been merged into the difference.
pub struct Maximum<'c, 'a> {
    /// One side: the terms of an affine form.
    pub a: Vec<(i64, Value<'c, 'a>)>,
    /// Its constant.
    pub a_constant: i64,
    /// The other side.
    pub b: Value<'c, 'a>,
    /// Added to the maximum.
    pub constant: i64,
    /// a - b.
    pub difference: Value<'c, 'a>,
    /// f(a - b).
    pub excess: Value<'c, 'a>,
    /// The table that f is looked up in.
    pub table: String,
}

/// Reads an affine form as the sum in a maximum; `None` where it is none.
///
/// # Errors
/// When an op does not decode.
pub fn maximum<'c: 'a, 'a>(terms: &[(i64, Value<'c, 'a>)], constant: i64) -> Result<Option<Maximum<'c, 'a>>> {
    let &[(1, one), (1, other)] = terms else { return Ok(None) };
    for (b, f) in [(one, other), (other, one)] {
        let Some(lookup) = defining_op(f) else { continue };
        let Some(CircuitOp::Lookup { x: difference, table, .. }) = CircuitOp::decode(lookup)? else {
            continue;
        };
        let Some(op) = defining_op(difference) else { continue };
        let Some(CircuitOp::Affine { terms: mut a, constant: a_constant }) = CircuitOp::decode(op)? else {
            continue;
        };
        for index in 0..a.len() {
            if a[index].0 == -1 && same_elements(b, a[index].1)? {
                a.remove(index);
                return Ok(Some(Maximum { a, a_constant, b, constant, difference, excess: f, table }));
            }
        }
    }
    Ok(None)
}

/// Whether two values are one, or equal views of one: before `cse` there may be two ops for a view.
pub(crate) fn same_elements<'c: 'a, 'a>(a: Value<'c, 'a>, b: Value<'c, 'a>) -> Result<bool> {
    if a == b {
        return Ok(true);
    }
    let view = |value| defining_op(value).map_or(Ok(None), CircuitOp::decode);
    match (view(a)?, view(b)?) {
        (Some(CircuitOp::View { x, view }), Some(CircuitOp::View { x: y, view: other })) => {
            Ok(view == other && same_elements(x, y)?)
        }
        _ => Ok(false),
    }
}
