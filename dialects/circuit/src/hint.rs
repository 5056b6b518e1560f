//! Hints: what an honest prover computes where the relation alone does not say how.
//!
//! Invariants:
//! - The relation says nothing of how a hint's results follow from its operand; each function's text says which relations pin them down.
//! - Kernels are exact, and an error where there is no result in 64 bits.

use crate::semantics::{Interval, TableFunction};
use tessera_mlir::{Error, Result, shape};

/// Most elements of a one-hot code.
const MOST: usize = 1 << 30;

/// What a `circuit.hint` computes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Hint {
    /// ⌊x / divisor⌋. Pinned down by 0 ≤ x − divisor·q < divisor.
    Quotient {
        /// At least 1.
        divisor: i64,
    },
    /// Of x ≥ 0 the exponent e, the smallest in `exponents` with ⌊x / 2^(step·e)⌋ < 2^bits (the last where there is none), and the mantissa
    /// v = ⌊x / 2^(step·e)⌋. Pinned down by 0 ≤ x − v·2^(step·e) < 2^(step·e), v < 2^bits, and v ≥ 2^(bits − step) unless e is the first.
    Mantissa {
        /// Bits by which one exponent differs from the next, at least 1.
        step: u32,
        /// Bits of the mantissa.
        bits: u32,
        /// First and last exponent.
        exponents: (u32, u32),
    },
    /// Along the last axis, the smallest integer c with Σ T(c − x) ≤ limit. Pinned down by Σ T(c − x) ≤ limit < Σ T(c − 1 − x).
    Threshold {
        /// T, a table that does not increase; beyond any limit below its domain, its last value above it.
        table: String,
        /// At least 0.
        limit: i64,
        /// Whether row i of r sums over columns j ≤ i + n − r of n alone.
        causal: bool,
    },
    /// Along the last axis, the greatest element m and the position i where it stands first. Pinned down by m − x_j ≥ 0 everywhere,
    /// m − x_j ≥ 1 where j < i, and m = x_i.
    Greatest,
    /// Along a new last axis, 1 at position x and 0 elsewhere. Pinned down by b_j ∈ {0, 1}, Σ b_j = 1 and Σ j·b_j = x.
    OneHot {
        /// How many positions there are, at least 1.
        positions: usize,
    },
}

impl Hint {
    /// A hint by its name, its table and its numbers.
    ///
    /// # Errors
    /// When there is no such hint, or it does not take these.
    pub fn new(name: &str, table: Option<String>, parameters: &[i64]) -> Result<Self> {
        let small = |v: i64| u32::try_from(v).ok().filter(|v| *v <= 62);
        let hint = match (name, table, parameters) {
            ("quotient", None, &[divisor]) if divisor >= 1 => Some(Self::Quotient { divisor }),
            ("mantissa", None, &[step, bits, first, last]) => {
                let all = small(step).zip(small(bits)).zip(small(first).zip(small(last)));
                all.filter(|((step, bits), (first, last))| {
                    *step >= 1 && bits >= step && first <= last && step * last <= 62
                })
                .map(|((step, bits), exponents)| Self::Mantissa { step, bits, exponents })
            }
            ("threshold", Some(table), &[limit, causal @ (0 | 1)]) if limit >= 0 => {
                Some(Self::Threshold { table, limit, causal: causal == 1 })
            }
            ("greatest", None, &[]) => Some(Self::Greatest),
            ("one_hot", None, &[positions]) if positions >= 1 => {
                usize::try_from(positions).ok().map(|positions| Self::OneHot { positions })
            }
            _ => None,
        };
        hint.ok_or_else(|| {
            Error::new(format!(
                "expected quotient [d] with d ≥ 1, mantissa [k, bits, lo, hi] with 1 ≤ k ≤ bits, lo ≤ hi and k·hi ≤ 62, threshold @table \
                 [limit, causal] with limit ≥ 0 and causal 0 or 1, greatest [], or one_hot [n] with n ≥ 1, found {name} {parameters:?}"
            ))
        })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Quotient { .. } => "quotient",
            Self::Mantissa { .. } => "mantissa",
            Self::Threshold { .. } => "threshold",
            Self::Greatest => "greatest",
            Self::OneHot { .. } => "one_hot",
        }
    }

    /// Its table.
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::Quotient { .. } | Self::Mantissa { .. } | Self::Greatest | Self::OneHot { .. } => None,
            Self::Threshold { table, .. } => Some(table),
        }
    }

    /// Its numbers.
    pub fn parameters(&self) -> Vec<i64> {
        match self {
            Self::Quotient { divisor } => vec![*divisor],
            Self::Mantissa { step, bits, exponents: (first, last) } => {
                [step, bits, first, last].map(|v| i64::from(*v)).to_vec()
            }
            Self::Threshold { limit, causal, .. } => vec![*limit, i64::from(*causal)],
            Self::Greatest => vec![],
            Self::OneHot { positions } => vec![*positions as i64],
        }
    }

    /// How many results it has.
    pub fn results(&self) -> usize {
        match self {
            Self::Quotient { .. } | Self::Threshold { .. } | Self::OneHot { .. } => 1,
            Self::Mantissa { .. } | Self::Greatest => 2,
        }
    }

    /// Whether each element of a result depends on the same element of the operand alone.
    pub fn is_elementwise(&self) -> bool {
        match self {
            Self::Quotient { .. } | Self::Mantissa { .. } => true,
            Self::Threshold { .. } | Self::Greatest | Self::OneHot { .. } => false,
        }
    }

    /// The shape of its results.
    ///
    /// # Errors
    /// When it takes no operand of such a shape.
    pub fn shape(&self, x: &[usize]) -> Result<Vec<usize>> {
        match (self, x) {
            (Self::Quotient { .. } | Self::Mantissa { .. }, _) => Ok(x.to_vec()),
            (Self::Threshold { causal: false, .. }, [outer @ .., _]) => Ok(outer.to_vec()),
            (Self::Threshold { causal: true, .. }, [outer @ .., rows, columns]) if rows <= columns => {
                Ok([outer, &[*rows]].concat())
            }
            (Self::Greatest, _) => Ok(shape::last_axis(x)?.0.to_vec()),
            (Self::OneHot { positions }, _) => Ok([x, &[*positions]].concat()),
            (Self::Threshold { .. }, _) => Err(Error::new(format!(
                "threshold: expected an axis to sum over, and no more rows than columns where it is causal, found {}",
                shape::show(x)
            ))),
        }
    }

    /// Whether it takes an operand of this interval.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, x: Interval) -> Result<()> {
        match self {
            Self::Mantissa { .. } if x.lo < 0 => {
                Err(Error::new(format!("mantissa: expected an operand that is not negative, found {x}")))
            }
            Self::OneHot { positions } if x.lo < 0 || x.hi >= *positions as i128 => {
                Err(Error::new(format!("one_hot: expected one of {positions} positions, found {x}")))
            }
            _ => Ok(()),
        }
    }

    /// The results, one list each, of an operand of this shape.
    ///
    /// # Errors
    /// When there is none in 64 bits, or T increases.
    pub fn compute(
        &self,
        x: &[i64],
        shape: &[usize],
        table: Option<&TableFunction>,
    ) -> Result<Vec<Vec<i64>>> {
        match self {
            Self::Quotient { divisor } => Ok(vec![x.iter().map(|v| v.div_euclid(*divisor)).collect()]),
            Self::Mantissa { step, bits, exponents: (first, last) } => {
                let of = |v: &i64| {
                    let small = |e: &u32| v >> (step * e) < 1 << bits;
                    let e = (*first..*last).find(small).unwrap_or(*last);
                    (v >> (step * e), i64::from(e))
                };
                let (v, e) = x.iter().map(of).unzip();
                Ok(vec![v, e])
            }
            Self::Threshold { limit, causal, .. } => {
                let table = table.ok_or_else(|| Error::new("threshold: the table is not there"))?;
                let columns = *shape.last().ok_or_else(|| Error::new("threshold: nothing to sum over"))?;
                let rows = match shape {
                    [.., rows, _] if *causal => *rows,
                    _ => 1,
                };
                let row = |(i, row): (usize, &[i64])| {
                    let counted =
                        if *causal { (i % rows + 1 + columns).saturating_sub(rows) } else { columns };
                    threshold(&row[..counted.min(columns)], table, *limit)
                };
                let all = x.chunks_exact(columns).enumerate().map(row);
                Ok(vec![all.collect::<Result<_>>()?])
            }
            Self::Greatest => {
                let (_, columns) = shape::last_axis(shape)?;
                let first = |row: &[i64]| {
                    let at = (0..columns).fold(0, |best, j| if row[j] > row[best] { j } else { best });
                    (row[at], at as i64)
                };
                let (greatest, at) = x.chunks_exact(columns).map(first).unzip();
                Ok(vec![greatest, at])
            }
            Self::OneHot { positions } => {
                let none = || Error::new(format!("one_hot: more than {MOST} elements"));
                let len = x.len().checked_mul(*positions).filter(|len| *len <= MOST).ok_or_else(none)?;
                let mut code = vec![0; len];
                for (row, v) in code.chunks_exact_mut(*positions).zip(x) {
                    if let Some(one) = usize::try_from(*v).ok().and_then(|v| row.get_mut(v)) {
                        *one = 1;
                    }
                }
                Ok(vec![code])
            }
        }
    }
}

/// The smallest integer c with Σ T(c − x) ≤ limit.
///
/// # Errors
/// When none is, or it is beyond 64 bits.
fn threshold(xs: &[i64], table: &TableFunction, limit: i64) -> Result<i64> {
    let none = || Error::new("threshold: no sum of the table's values is within the limit");
    let (first, last) = table.domain().to_i64s().ok_or_else(none)?;
    let within = |c: i64| {
        let value = |x: &i64| match c.checked_sub(*x)? {
            key if key < first => None,
            key => table.eval(key.min(last)),
        };
        let sum = xs.iter().try_fold(0i128, |sum, x| Some(sum + i128::from(value(x)?)));
        sum.is_some_and(|sum| sum <= i128::from(limit))
    };
    let most = *xs.iter().max().ok_or_else(none)?;
    // T is beyond any limit one below `low`, and what it is at last from `high` on
    let mut low = most.checked_add(first).ok_or_else(none)?;
    let mut high = most.checked_add(last).ok_or_else(none)?;
    if !within(high) {
        return Err(none());
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if within(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_rounded_down() {
        let hint = Hint::new("quotient", None, &[3]).unwrap();
        assert_eq!(hint.compute(&[-4, -3, -1, 0, 2, 3], &[6], None).unwrap(), [[-2, -1, -1, 0, 0, 1]]);
    }

    #[test]
    fn mantissas_fill_their_bits() {
        let hint = Hint::new("mantissa", None, &[2, 6, 1, 4]).unwrap();
        let found = hint.compute(&[0, 63, 255, 256, 1023, 1024, 16384, 100_000], &[8], None).unwrap();
        assert_eq!(found, [[0, 15, 63, 16, 63, 16, 64, 390], [1, 1, 1, 2, 2, 3, 4, 4]]);
    }

    #[test]
    fn the_greatest_is_the_first_of_its_kind() {
        let hint = Hint::new("greatest", None, &[]).unwrap();
        assert_eq!(hint.compute(&[3, 7, 7, -5, -9, -5], &[2, 3], None).unwrap(), [[7, -5], [1, 0]]);
        assert_eq!(hint.shape(&[4, 2, 3]).unwrap(), [4, 2]);
        assert!(hint.shape(&[]).is_err() && Hint::new("greatest", None, &[1]).is_err());
    }

    #[test]
    fn a_one_hot_code_has_a_new_axis() {
        let hint = Hint::new("one_hot", None, &[3]).unwrap();
        assert_eq!(hint.compute(&[2, 0], &[2], None).unwrap(), [[0, 0, 1, 1, 0, 0]]);
        assert_eq!(hint.shape(&[4, 2]).unwrap(), [4, 2, 3]);
        assert!(hint.check(Interval { lo: 0, hi: 2 }).is_ok());
        assert!(
            hint.check(Interval { lo: 0, hi: 3 }).is_err() && hint.check(Interval { lo: -1, hi: 2 }).is_err()
        );
        assert!(Hint::new("one_hot", None, &[0]).is_err() && Hint::new("one_hot", None, &[]).is_err());
        let all = Hint::new("one_hot", None, &[i64::MAX]).unwrap();
        assert!(all.compute(&[0], &[1], None).is_err());
    }

    #[test]
    fn thresholds_are_the_smallest() {
        // T = 8, 4, 2, 1, 0 at 0..=4
        let table = TableFunction::Values { lo: 0, values: vec![8, 4, 2, 1, 0] };
        let all = Hint::new("threshold", Some("t".into()), &[8, 0]).unwrap();
        // of 0, 0: 8 + 8 > 8 at 0, 4 + 4 at 1; of 0, 3: 1 + 8 at 3, 0 + 4 at 4
        assert_eq!(all.compute(&[0, 0, 0, 3, 5, -9], &[3, 2], Some(&table)).unwrap(), [[1, 4, 5]]);
        let causal = Hint::new("threshold", Some("t".into()), &[8, 1]).unwrap();
        assert_eq!(causal.compute(&[0, 99, 0, 0], &[2, 2], Some(&table)).unwrap(), [[0, 1]]);
        // one row of two columns is the last
        assert_eq!(causal.compute(&[0, 0], &[1, 2], Some(&table)).unwrap(), [[1]]);
        assert_eq!(causal.shape(&[4, 1, 2]).unwrap(), [4, 1]);
        assert!(causal.shape(&[3, 2]).is_err());
        let flat = TableFunction::Values { lo: 0, values: vec![8, 5] };
        assert!(all.compute(&[0, 0], &[2], Some(&flat)).is_err());
    }
}
