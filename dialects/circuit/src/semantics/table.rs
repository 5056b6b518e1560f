//! Lookup tables: what function a `circuit.table` holds.
//!
//! Either f(x) = clamp((x + offset) >> shift, min, max) with an arithmetic shift, or explicit values. A lookup y = f(x) also
//! proves that x lies in the domain.
//!
//! Invariants of a checked table: the domain is not empty and has at most [`MAX_DOMAIN`] values; shift is 0..=62;
//! `min <= max`; x + offset stays in `i64` on the domain; keys and values lie within half the field.

use super::Interval;

/// Largest number of rows a table may have.
pub const MAX_DOMAIN: u64 = 1 << 24;

/// A function on an interval of integers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TableFunction {
    /// f(x) = clamp((x + offset) >> shift, min, max) for lo ≤ x ≤ hi.
    Clamp {
        /// Smallest x.
        lo: i64,
        /// Largest x.
        hi: i64,
        /// Added before the shift.
        offset: i64,
        /// Arithmetic shift to the right.
        shift: u32,
        /// Smallest result.
        min: i64,
        /// Largest result.
        max: i64,
    },
    /// `f(lo + i) = values[i]`.
    Values {
        /// Smallest x.
        lo: i64,
        /// f at each value of the domain.
        values: Vec<i64>,
    },
}

impl TableFunction {
    /// Where f is defined.
    pub fn domain(&self) -> Interval {
        match *self {
            TableFunction::Clamp { lo, hi, .. } => Interval { lo: lo.into(), hi: hi.into() },
            TableFunction::Values { lo, ref values } => {
                Interval { lo: lo.into(), hi: i128::from(lo) + values.len() as i128 - 1 }
            }
        }
    }

    /// Checks the invariants.
    ///
    /// # Errors
    /// A sentence that says what was expected and what was found.
    pub fn check(&self) -> Result<(), String> {
        let domain = self.domain();
        let size = domain.hi - domain.lo + 1;
        if size < 1 {
            return Err("values: expected at least one".into());
        }
        if size > i128::from(MAX_DOMAIN) {
            return Err(format!(
                "domain: expected at most {MAX_DOMAIN} rows, found {size} in {domain}; split the value first"
            ));
        }
        let values = match *self {
            TableFunction::Clamp { offset, shift, min, max, .. } => {
                if shift > 62 {
                    return Err(format!("shift: expected 0..=62, found {shift}"));
                }
                if min > max {
                    return Err(format!("min, max: expected min ≤ max, found {min} and {max}"));
                }
                if (domain + Interval::point(offset)).to_i64s().is_none() {
                    return Err(format!("offset: {offset} takes the domain {domain} beyond 64 bits"));
                }
                Interval::new(min, max)
            }
            TableFunction::Values { ref values, .. } => {
                Interval::around(values.iter().copied()).unwrap_or(Interval::point(0))
            }
        };
        if !domain.fits_field() || !values.fits_field() {
            return Err(format!("domain {domain} and values {values}: expected both within half the field"));
        }
        Ok(())
    }

    /// f(x), or `None` where x is outside the domain.
    pub fn eval(&self, x: i64) -> Option<i64> {
        match *self {
            TableFunction::Clamp { lo, hi, offset, shift, min, max } => {
                let in_domain = (lo..=hi).contains(&x) && min <= max && shift < 63;
                in_domain.then_some((x.checked_add(offset)? >> shift.min(62)).max(min).min(max))
            }
            TableFunction::Values { lo, ref values } => {
                values.get(usize::try_from(x.checked_sub(lo)?).ok()?).copied()
            }
        }
    }

    /// x ↦ f(first(x)) on the domain of `first`; `None` where that has more than `most` values, or one whose result f does
    /// not know. Clamps alone stay as they are.
    pub fn after(&self, first: &Self, most: i128) -> Option<Self> {
        let domain = first.domain();
        let (lo, hi) = domain.to_i64s().filter(|_| domain.hi - domain.lo < most)?;
        if let (TableFunction::Clamp { .. }, TableFunction::Clamp { .. }) = (self, first) {
            return None;
        }
        let values = (lo..=hi).map(|x| self.eval(first.eval(x)?)).collect::<Option<_>>()?;
        Some(TableFunction::Values { lo, values })
    }

    /// The exact interval of f on `x`; `None` where `x` is not within the domain.
    pub fn image(&self, x: Interval) -> Option<Interval> {
        self.image_by(x, &[])
    }

    /// Those of many: entries are looked through by the block.
    pub fn images(&self, xs: &[Interval]) -> Vec<Option<Interval>> {
        let blocks: Vec<Interval> = match self {
            TableFunction::Values { values, .. } if xs.len() > 1 => {
                values.chunks(BLOCK).filter_map(|block| Interval::around(block.iter().copied())).collect()
            }
            _ => vec![],
        };
        xs.iter().map(|&x| self.image_by(x, &blocks)).collect()
    }

    /// As [`Self::image`], with the intervals of blocks of entries, or none.
    fn image_by(&self, x: Interval, blocks: &[Interval]) -> Option<Interval> {
        if !self.domain().contains(x) {
            return None;
        }
        let (first, last) = x.to_i64s()?;
        match self {
            // Monotone.
            TableFunction::Clamp { .. } => Some(Interval::new(self.eval(first)?, self.eval(last)?)),
            TableFunction::Values { lo, values } => {
                let (from, to) = (first.abs_diff(*lo) as usize, last.abs_diff(*lo) as usize);
                let around = |entries: &[i64]| Interval::around(entries.iter().copied());
                let entries = values.get(from..=to)?;
                let (first, end) = (from.div_ceil(BLOCK), (to + 1) / BLOCK);
                match blocks.get(first..end) {
                    Some(whole) if !whole.is_empty() => {
                        let ends = [&values[from..first * BLOCK], &values[end * BLOCK..=to]];
                        let ends = ends.into_iter().filter_map(around);
                        whole.iter().copied().chain(ends).reduce(|a, b| a.hull(b))
                    }
                    _ => around(entries),
                }
            }
        }
    }
}

/// Entries of a table whose interval is found once for many lookups.
const BLOCK: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_many_are_those_of_each() {
        let values: Vec<i64> = (0..1000).map(|i: i64| (i * i * 31) % 1009 - 500).collect();
        let t = TableFunction::Values { lo: -7, values };
        let ends = [-8i64, -7, 0, 248, 249, 250, 504, 505, 506, 761, 992, 993];
        let xs: Vec<Interval> = (ends.iter())
            .flat_map(|&lo| ends.iter().filter(move |&&hi| lo <= hi).map(move |&hi| Interval::new(lo, hi)))
            .collect();
        let each: Vec<_> = xs.iter().map(|&x| t.image(x)).collect();
        assert_eq!(t.images(&xs), each);
        assert!(each.iter().any(Option::is_none) && each.iter().filter(|image| image.is_some()).count() > 40);
    }

    #[test]
    fn clamp_by_hand() {
        let t = TableFunction::Clamp { lo: 0, hi: 65535, offset: -32768, shift: 2, min: 0, max: 127 };
        assert_eq!(t.check(), Ok(()));
        assert_eq!(t.eval(32768 + 4 * 9 + 3), Some(9));
        assert_eq!((t.eval(0), t.eval(65535), t.eval(65536), t.eval(-1)), (Some(0), Some(127), None, None));
    }

    #[test]
    fn image_is_exact() {
        let tables = [
            TableFunction::Clamp { lo: -6, hi: 6, offset: 1, shift: 1, min: -2, max: 2 },
            TableFunction::Values { lo: -6, values: (0..13).map(|i| (i * i * 5) % 17 - 8).collect() },
        ];
        for t in &tables {
            assert_eq!(t.check(), Ok(()));
            assert_eq!(t.domain(), Interval { lo: -6, hi: 6 });
            for lo in -7..=6 {
                for hi in lo..=7 {
                    let all: Option<Vec<i64>> = (lo..=hi).map(|x| t.eval(x)).collect();
                    assert_eq!(t.image((lo, hi).into()), all.and_then(Interval::around));
                }
            }
        }
    }

    #[test]
    fn a_composed_table_is_the_function_of_the_function() {
        let halve = TableFunction::Clamp { lo: 0, hi: 7, offset: -4, shift: 1, min: -2, max: 1 };
        let square = TableFunction::Values { lo: -2, values: vec![4, 1, 0, 1, 4] };
        let both = square.after(&halve, 8).unwrap();
        for x in -1..=8 {
            assert_eq!(both.eval(x), halve.eval(x).and_then(|y| square.eval(y)));
        }
        assert_eq!(both.check(), Ok(()));
        let narrow = TableFunction::Values { lo: -1, values: vec![1, 0, 1] };
        assert_eq!(
            (square.after(&halve, 7), narrow.after(&halve, 8), halve.after(&halve, 8)),
            (None, None, None)
        );
    }

    #[test]
    fn check_names_what_is_wrong() {
        let clamp = |lo, hi, offset, shift, max| TableFunction::Clamp { lo, hi, offset, shift, min: 0, max };
        let errors = [
            TableFunction::Values { lo: 0, values: vec![] },
            clamp(0, 3, i64::MAX, 0, 1),
            clamp(0, 3, 0, 63, 1),
            clamp(0, 3, 0, 0, -1),
            clamp(0, i64::MAX, 0, 0, 1),
        ]
        .map(|t| t.check().unwrap_err());
        assert_eq!(
            errors,
            [
                "values: expected at least one",
                "offset: 9223372036854775807 takes the domain [0, 3] beyond 64 bits",
                "shift: expected 0..=62, found 63",
                "min, max: expected min ≤ max, found 0 and -1",
                "domain: expected at most 16777216 rows, found 9223372036854775808 in [0, 9223372036854775807]; split the value first",
            ]
        );
    }
}
