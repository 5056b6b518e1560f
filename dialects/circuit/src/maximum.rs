//! Reading maxima off the IR: max(a, b) + k = b + relu(a - b) + k.
//!
//! Interval arithmetic on the right-hand side forgets that its two terms go together; so where a maximum's interval matters,
//! it is read from this form.
//!
//! Invariant: a form is recognised only when what is added is what was subtracted. Whether the table is max(x, 0) on the keys
//! that occur is for the caller to see, who knows the tables.

use crate::ops::CircuitOp;
use tessera_mlir::Result;

/// An affine form that is the sum in max(a, b) + k = b + f(a - b) + k, where f is looked up in a table that may hold
/// max(x, 0), and a is itself an affine form that has been merged into the difference.
pub struct Maximum<V> {
    /// One side: the terms of an affine form.
    pub a: Vec<(i64, V)>,
    /// Its constant.
    pub a_constant: i64,
    /// The other side.
    pub b: V,
    /// Added to the maximum.
    pub constant: i64,
    /// a - b.
    pub difference: V,
    /// f(a - b).
    pub excess: V,
    /// The table that f is looked up in.
    pub table: String,
}

/// Reads an affine form as the sum in a maximum; `None` where it is none. `producer` is the op that defines a value.
///
/// # Errors
/// Those of `producer`.
pub fn maximum<V: Clone + PartialEq>(
    terms: &[(i64, V)],
    constant: i64,
    producer: impl Fn(&V) -> Result<Option<CircuitOp<V>>>,
) -> Result<Option<Maximum<V>>> {
    let [(1, one), (1, other)] = terms else { return Ok(None) };
    for (b, f) in [(one, other), (other, one)] {
        let lookup = producer(f)?;
        let Some((difference, table)) = lookup.as_ref().and_then(CircuitOp::lookup) else { continue };
        let (difference, table) = (difference.clone(), table.to_owned());
        let Some(CircuitOp::Affine { terms: mut a, constant: a_constant }) = producer(&difference)? else {
            continue;
        };
        for index in 0..a.len() {
            if a[index].0 == -1 && same_elements(b, &a[index].1, &producer)? {
                a.remove(index);
                let (b, excess) = (b.clone(), f.clone());
                return Ok(Some(Maximum { a, a_constant, b, constant, difference, excess, table }));
            }
        }
    }
    Ok(None)
}

/// Whether two values are one, or equal views of one: before `cse` there may be two ops for a view.
pub(crate) fn same_elements<V: Clone + PartialEq>(
    a: &V,
    b: &V,
    producer: &impl Fn(&V) -> Result<Option<CircuitOp<V>>>,
) -> Result<bool> {
    if a == b {
        return Ok(true);
    }
    match (producer(a)?, producer(b)?) {
        (Some(CircuitOp::View { x, view }), Some(CircuitOp::View { x: y, view: other })) => {
            Ok(view == other && same_elements(&x, &y, producer)?)
        }
        _ => Ok(false),
    }
}
