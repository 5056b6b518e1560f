//! The functions of lookup tables.

use crate::interval::Interval;
use tessera_mlir::{Error, Result};

/// The most rows a table can have.
pub const MAX_ROWS: i128 = 1 << 24;

/// A function on an interval of integers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TableFunction {
    /// `clamp((x + offset) >> shift, min, max)` for `lo ≤ x ≤ hi`, with an arithmetic shift.
    Clamp {
        /// Least `x`.
        lo: i64,
        /// Greatest `x`.
        hi: i64,
        /// Added before shifting.
        offset: i64,
        /// Bits shifted out, 0..=62.
        shift: u32,
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A value for each `x` from `lo` on.
    Values {
        /// Least `x`.
        lo: i64,
        /// The values, in order.
        values: Vec<i64>,
    },
}

impl TableFunction {
    /// The interval it is defined on.
    pub fn domain(&self) -> Interval {
        match self {
            Self::Clamp { lo, hi, .. } => Interval { lo: (*lo).into(), hi: (*hi).into() },
            Self::Values { lo, values } => {
                let lo = i128::from(*lo);
                Interval { lo, hi: lo + values.len() as i128 - 1 }
            }
        }
    }

    /// The value at `x`; `None` outside the domain.
    pub fn eval(&self, x: i64) -> Option<i64> {
        match self {
            &Self::Clamp { lo, hi, offset, shift, min, max } => {
                if !(lo..=hi).contains(&x) {
                    return None;
                }
                let shifted = (i128::from(x) + i128::from(offset)) >> shift;
                Some(shifted.clamp(min.into(), max.into()) as i64)
            }
            Self::Values { lo, values } => {
                let index = i128::from(x) - i128::from(*lo);
                values.get(usize::try_from(index).ok()?).copied()
            }
        }
    }

    /// The least interval around the values on a part of the domain; `None` when the part leaves the domain.
    pub fn image(&self, part: Interval) -> Option<Interval> {
        if !self.domain().contains(part) {
            return None;
        }
        let (lo, hi) = (part.lo as i64, part.hi as i64);
        match self {
            // Monotone, so the ends have the extreme values.
            Self::Clamp { .. } => Some(Interval::new(self.eval(lo)?.into(), self.eval(hi)?.into())),
            Self::Values { .. } => Interval::around((lo..=hi).filter_map(|x| self.eval(x))),
        }
    }

    /// Checks what every table must satisfy.
    ///
    /// # Errors
    /// When the domain is empty or larger than [`MAX_ROWS`], the shift is out of range, or values are empty or leave
    /// half the field.
    pub fn check(&self) -> Result<()> {
        let fail = |message: String| Err(Error::new(message));
        let domain = self.domain();
        if domain.lo > domain.hi {
            return fail(format!("domain: expected low end ≤ high end, found {domain}"));
        }
        if domain.hi - domain.lo >= MAX_ROWS {
            return fail(format!(
                "domain: expected at most {MAX_ROWS} rows, found {} in {domain}; split the value first",
                domain.hi - domain.lo + 1
            ));
        }
        let values = match self {
            Self::Clamp { shift, min, max, .. } => {
                if *shift > 62 {
                    return fail(format!("shift: expected 0..=62, found {shift}"));
                }
                if min > max {
                    return fail(format!("min, max: expected min ≤ max, found {min} and {max}"));
                }
                Interval { lo: (*min).into(), hi: (*max).into() }
            }
            Self::Values { values, .. } => Interval::around(values.iter().copied())
                .ok_or_else(|| Error::new("values: expected at least one"))?,
        };
        if !domain.fits_field() || !values.fits_field() {
            return fail(format!("domain {domain} and values {values}: expected both within half the field"));
        }
        Ok(())
    }
}
