//! What `qnn.softmax` and `qnn.norm` compute, in integers.
//!
//! Invariants: nothing is rounded other than the op's documentation says; what would leave 64 bits is an error.

use crate::ops::{MANTISSAS, NormAttrs, half};
use ndarray::ArrayD;
use tessera_mlir::compute::rows::{counting, map_rows};
use tessera_mlir::{Error, Result, shape};

/// The table of a softmax: T(k) for k ≥ −1.
struct Exponentials<'t> {
    entries: &'t [i64],
}

impl<'t> Exponentials<'t> {
    /// # Errors
    /// When T does not fall from above `total` at −1, and from at most `total` at 0, to 0.
    fn new(entries: &'t [i64], total: i64) -> Result<Self> {
        let falls = entries.is_sorted_by(|a, b| a >= b) && entries.last() == Some(&0);
        match entries {
            [before, first, ..] if falls && *before > total && total >= *first && *first > 0 => {
                Ok(Self { entries })
            }
            _ => Err(Error::new(format!(
                "the table of a softmax falls from above {total} by at most {total} to 0; the one found does not"
            ))),
        }
    }

    fn at(&self, k: i64) -> i64 {
        usize::try_from(k + 1).ok().and_then(|k| self.entries.get(k)).copied().unwrap_or(0)
    }
}

/// `m[j]·T(c − x[j])` for the smallest c with Σ_j m[j]·T(c − x[j]) ≤ total, row by row.
///
/// # Errors
/// When table or mask are none of a softmax.
pub(crate) fn softmax(
    x: &ArrayD<i64>,
    table: &ArrayD<i64>,
    mask: Option<&ArrayD<i64>>,
    total: i64,
) -> Result<ArrayD<i64>> {
    let entries: Vec<i64> = table.iter().copied().collect();
    let table = Exponentials::new(&entries, total)?;
    let (_, n) = shape::last_axis(x.shape())?;
    let counts = counting(x.shape(), mask, 1)?;
    map_rows(x, |row, x, y| {
        let counted = |j: usize| counts.as_ref().is_none_or(|counts| counts[row * n + j]);
        let scores: Vec<i64> = (0..n).filter(|&j| counted(j)).map(|j| x[j]).collect();
        let greatest = scores.iter().copied().max().unwrap_or(0);
        let fits = |c: i64| {
            // no sum of entries leaves 64 bits: they are 32-bit parameters
            scores.iter().map(|&score| table.at(c - score)).sum::<i64>() <= total
        };
        // at one below the greatest score T(−1) alone is too much; a table's length above it all entries are 0
        let (mut low, mut high) = (greatest - 1, greatest + entries.len() as i64);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(middle) { high = middle } else { low = middle }
        }
        for j in (0..n).filter(|&j| counted(j)) {
            y[j] = table.at(high - x[j]);
        }
        Ok(())
    })
}

/// Mantissa v and exponent e of a sum of squares: V = v·4^e + w, v < 2^16.
///
/// # Errors
/// When that asks for another exponent than 0..=`most`, or v is below 2^14.
pub(crate) fn mantissa(sum: i128, most: u32) -> Result<(i64, u32)> {
    let exponent = (0..=most).find(|e| sum >> (2 * e) < MANTISSAS.end.into());
    match exponent.map(|e| ((sum >> (2 * e)) as i64, e)) {
        Some((v, e)) if MANTISSAS.contains(&v) => Ok((v, e)),
        _ => Err(Error::new(format!(
            "the sum of squares {sum} is outside of {}..2^{}",
            MANTISSAS.start,
            16 + 2 * most
        ))),
    }
}

/// Rows scaled to a common mean square.
///
/// # Errors
/// When a sum of squares or a product leaves its range.
pub(crate) fn norm(x: &ArrayD<i64>, roots: &ArrayD<i64>, attrs: &NormAttrs) -> Result<ArrayD<i64>> {
    let roots: Vec<i64> = roots.iter().copied().collect();
    map_rows(x, |_, x, y| {
        let centre = attrs.centre(x.iter().sum());
        let z = |x: i64| (i128::from(x) << attrs.fraction) - centre;
        let squares = x.iter().map(|&x| z(x) * z(x)).sum::<i128>();
        let (v, e) = mantissa(squares + i128::from(attrs.epsilon), attrs.exponent)?;
        let root = usize::try_from(v - MANTISSAS.start).ok().and_then(|at| roots.get(at)).copied();
        let root = root.ok_or_else(|| Error::new(format!("there is no root of the mantissa {v}")))?;
        let factor = i128::from(root) << (attrs.exponent - e);
        for (y, &x) in y.iter_mut().zip(x) {
            let scaled = (z(x) * factor + half(attrs.shift)) >> attrs.shift;
            *y = i64::try_from(scaled).map_err(|_| Error::new("a normalized value leaves 64 bits"))?;
        }
        Ok(())
    })
}
