//! `qnn.norm` → sums of rows, a mantissa and an exponent of the sum of squares, and one product an element.
//!
//! ```text
//! μ = (Σx·m + half) >> s,  z = x·2^f − μ,  V = Σ z² + ε
//! V = v·4^e + w            v, e hints; 0 ≤ w < 4^e, 2^14 ≤ v < 2^16
//! y = (z·root(v)·2^(E−e) + half) >> shift
//! ```
//!
//! # Correctness
//! The intervals [2^14·4^e, 2^16·4^e) of different exponents are disjoint, so V has one e; and then one v and w, as a quotient and its
//! remainder: all are range-checked as integers. Everything else is a function of these.

use crate::emit::Emit;
use crate::lower::Parameter;
use crate::softmax::row_sums;
use crate::wide;
use melior::ir::Value;
use tessera_circuit::ops::Hint;
use tessera_circuit::semantics::{Interval, TableFunction, View};
use tessera_mlir::{Error, Result, shape};
use tessera_qnn::ops::{MANTISSAS, NormAttrs, half};

/// Lowers a normalization along the last axis to results within `to`.
pub(crate) fn norm<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    roots: &Parameter,
    attrs: &NormAttrs,
    to: Interval,
) -> Result<Value<'c, 'a>> {
    let extents = emit.shape(x)?;
    let (rows, _) = shape::last_axis(&extents)?;
    let rows = rows.to_vec();
    let z = match attrs.mean {
        None => emit.affine(&[(1 << attrs.fraction, x)], 0)?,
        Some((multiplier, shift)) => {
            let sum = row_sums(emit, x)?;
            let scaled = emit.affine(&[(multiplier, sum)], small(half(shift))?)?;
            let mean = wide::shifted(emit, scaled, shift, None)?;
            let mean = along_rows(emit, mean, &rows, &extents)?;
            emit.affine(&[(1 << attrs.fraction, x), (-1, mean)], 0)?
        }
    };
    let squares = emit.mul(z, z)?;
    let sum = row_sums(emit, squares)?;
    let sum = emit.affine(&[(1, sum)], attrs.epsilon)?;
    let last = attrs.exponent;
    if emit.hull(sum)?.hi >> (2 * last) >= MANTISSAS.end.into() {
        return Err(Error::new(format!(
            "the sum of squares lies within {}, beyond the exponent {last}",
            emit.hull(sum)?
        )));
    }
    let mantissas = Interval { lo: MANTISSAS.start.into(), hi: i128::from(MANTISSAS.end) - 1 };
    let exponents = Interval { lo: 0, hi: last.into() };
    let hint = Hint::Mantissa { step: 2, bits: 16, exponents: (0, last) };
    let [v, e] = emit.hint(sum, &hint, &[mantissas, exponents])?[..] else {
        return Err(Error::new("expected two results of a hint"));
    };
    let powers =
        |power: &dyn Fn(u32) -> i64| TableFunction::Values { lo: 0, values: (0..=last).map(power).collect() };
    let (up, down) = (powers(&|e| 1 << (2 * e)), powers(&|e| 1 << (last - e)));
    let (up_name, down_name) = (format!("power_of_four_{last}"), format!("power_of_two_{last}"));
    let [up, down] = emit.lookups(e, &[(&up_name, &up), (&down_name, &down)])?[..] else {
        return Err(Error::new("expected two results of a lookup"));
    };
    let whole = emit.mul(v, up)?;
    let rest = emit.affine(&[(1, sum), (-1, whole)], 0)?;
    let room = emit.affine(&[(1, up), (-1, rest)], -1)?;
    let remainders = Interval { lo: 0, hi: (1 << (2 * last)) - 1 };
    emit.range(rest, remainders)?;
    emit.range(room, remainders)?;
    let f = TableFunction::Values { lo: MANTISSAS.start, values: roots.data.to_i64s()? };
    let root = emit.lookup(v, &roots.name, &f)?;
    let factor = emit.mul(root, down)?;
    let factor = along_rows(emit, factor, &rows, &extents)?;
    let scaled = emit.mul(z, factor)?;
    let scaled = emit.affine(&[(1, scaled)], small(half(attrs.shift))?)?;
    wide::shifted(emit, scaled, attrs.shift, Some(to))
}

/// One number of each row for all its elements.
fn along_rows<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    rows: &[usize],
    extents: &[usize],
) -> Result<Value<'c, 'a>> {
    let x = emit.view(x, &View::reshape([rows, &[1]].concat()))?;
    emit.broadcast(x, extents)
}

fn small(number: i128) -> Result<i64> {
    i64::try_from(number).map_err(|_| Error::new("a constant leaves 64 bits"))
}
