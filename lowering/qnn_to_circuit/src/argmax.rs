//! `qnn.argmax` → a hint for the greatest of each row and its place, a lookup and a range an element.
//!
//! With m the greatest of a row and i its place:
//!
//! ```text
//! before_j, at_j = [j < i], [j = i]     one lookup of i − j
//! m − x_j − before_j ≥ 0                a range
//! at_j·(m − x_j) = 0
//! ```
//!
//! # Correctness
//! The keys i − j are range-checked as integers for j = 0 and j = n − 1, so i is one of 0..n, and there is one j with at_j = 1: there m = x_j, which
//! is an integer. No x_j is greater, and none before i is as great: m is the greatest, and i the first place where it stands.

use crate::emit::Emit;
use melior::ir::Value;
use tessera_circuit::ops::Hint;
use tessera_circuit::semantics::{Interval, TableFunction, View};
use tessera_mlir::{Error, Result, shape};

/// Most positions of a row: keys are as many to either side of 0.
const POSITIONS: usize = 1 << 19;

/// Lowers where the greatest element stands along the last axis.
pub(crate) fn argmax<'c, 'a>(emit: &mut Emit<'c, 'a>, x: Value<'c, 'a>) -> Result<Value<'c, 'a>> {
    let extents = emit.shape(x)?;
    let (rows, n) = shape::last_axis(&extents)?;
    let rows = rows.to_vec();
    if n > POSITIONS {
        return Err(Error::new(format!(
            "the greatest of {n} elements is looked for, which is proven for at most {POSITIONS}"
        )));
    }
    let last = n as i64 - 1;
    let values = emit.hull(x)?;
    let places = Interval { lo: 0, hi: last.into() };
    // many numbers are shown to be in range by whole bits
    let bits = 128 - (values.hi - values.lo).leading_zeros();
    let whole = Interval { lo: values.lo, hi: values.lo + (1i128 << bits) - 1 };
    let [greatest, place] = emit.hint(x, &Hint::Greatest, &[whole, places])?[..] else {
        return Err(Error::new("expected two results of a hint"));
    };
    let along = |emit: &mut Emit<'c, 'a>, of| {
        let of = emit.view(of, &View::reshape([&rows[..], &[1]].concat()))?;
        emit.broadcast(of, &extents)
    };
    let (greatest, column) = (along(emit, greatest)?, along(emit, place)?);
    let positions = emit.constant(&(0..=last).collect::<Vec<_>>())?;
    let positions = emit.broadcast(positions, &extents)?;
    let keys = emit.affine(&[(1, column), (-1, positions)], 0)?;
    let of = |holds: &dyn Fn(i64) -> bool| TableFunction::Values {
        lo: -last,
        values: (-last..=last).map(|key| i64::from(holds(key))).collect(),
    };
    let (before, at) = (of(&|key| key > 0), of(&|key| key == 0));
    let tables = [(&*format!("before_{n}"), &before), (&*format!("at_{n}"), &at)];
    let [before, at] = emit.lookups(keys, &tables)?[..] else {
        return Err(Error::new("expected two results of a lookup"));
    };
    let below = emit.affine(&[(1, greatest), (-1, x)], 0)?;
    let strictly = emit.affine(&[(1, below), (-1, before)], 0)?;
    emit.range(strictly, Interval { lo: 0, hi: (1i128 << bits) - 1 })?;
    let here = emit.mul(at, below)?;
    emit.assert_zero(here)?;
    Ok(place)
}
