//! Closed integer intervals: the arithmetic by which every circuit value's range is proven.
//!
//! Invariants: `lo <= hi`. Products saturate at the ends of `i128`; a sum with a bound beyond ±2¹⁰⁰ is unbounded, so that what
//! overflowed does not come back by adding its opposite, and fails every check. A value is a faithful field element where it lies within ±[`FIELD_LIMIT`].

use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

/// The order of the Goldilocks field, 2⁶⁴ − 2³² + 1.
pub const FIELD: i128 = 0xFFFF_FFFF_0000_0001;
/// The largest magnitude a value may have: the greatest integer below p/2. Integers of at most this magnitude are told apart
/// by their residues mod p.
pub const FIELD_LIMIT: i128 = FIELD / 2;

/// What has this magnitude may have overflowed: far beyond the field, far from the ends of `i128`.
const BEYOND: i128 = 1 << 100;

/// All integers from `lo` to `hi`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Smallest value.
    pub lo: i128,
    /// Largest value; not below `lo`.
    pub hi: i128,
}

impl Interval {
    /// From the ends, in either order.
    pub fn new(a: impl Into<i128>, b: impl Into<i128>) -> Self {
        let (a, b) = (a.into(), b.into());
        Interval { lo: a.min(b), hi: a.max(b) }
    }

    /// The interval that holds `v` alone.
    pub fn point(v: impl Into<i128>) -> Self {
        let v = v.into();
        Interval { lo: v, hi: v }
    }

    /// The smallest interval that holds all of `values`; `None` where there are none.
    pub fn around(values: impl IntoIterator<Item = i64>) -> Option<Self> {
        values.into_iter().map(Interval::point).reduce(Interval::hull)
    }

    /// Whether `v` is in the interval.
    pub fn holds(self, v: impl Into<i128>) -> bool {
        (self.lo..=self.hi).contains(&v.into())
    }

    /// Whether all of `other` is in the interval.
    pub fn contains(self, other: Interval) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// The smallest interval that holds both.
    pub fn hull(self, other: Interval) -> Interval {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// All maxima of one value of each.
    pub fn max(self, other: Interval) -> Interval {
        Interval { lo: self.lo.max(other.lo), hi: self.hi.max(other.hi) }
    }

    /// What both hold; `None` where that is nothing.
    pub fn intersect(self, other: Interval) -> Option<Interval> {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        (lo <= hi).then_some(Interval { lo, hi })
    }

    /// Whether the two have an element in common.
    pub fn meets(self, other: Interval) -> bool {
        self.intersect(other).is_some()
    }

    /// `{c * a}`.
    pub fn scale(self, c: impl Into<i128>) -> Interval {
        let c = c.into();
        Interval::new(self.lo.saturating_mul(c), self.hi.saturating_mul(c))
    }

    /// The largest magnitude.
    pub fn abs_max(self) -> i128 {
        self.lo.saturating_abs().max(self.hi.saturating_abs())
    }

    /// Both parts of x = hi·2^s + lo with 0 ≤ lo < 2^s, for `s` in 0..=62: the intervals of (hi, lo).
    pub fn split(self, s: u32) -> (Interval, Interval) {
        let hi = Interval { lo: self.lo >> s, hi: self.hi >> s };
        let lo = if hi.lo == hi.hi {
            Interval { lo: self.lo - (hi.lo << s), hi: self.hi - (hi.lo << s) }
        } else {
            Interval { lo: 0, hi: (1i128 << s) - 1 }
        };
        (hi, lo)
    }

    /// Whether integer and field arithmetic agree on it.
    pub fn fits_field(self) -> bool {
        self.abs_max() <= FIELD_LIMIT
    }

    /// Both bounds as `i64`, where they fit.
    pub fn to_i64s(self) -> Option<(i64, i64)> {
        Some((i64::try_from(self.lo).ok()?, i64::try_from(self.hi).ok()?))
    }
}

impl From<(i64, i64)> for Interval {
    /// From the ends, in either order.
    fn from((a, b): (i64, i64)) -> Self {
        Interval::new(a, b)
    }
}

/// `{a + b}`.
impl Add for Interval {
    type Output = Interval;
    fn add(self, other: Interval) -> Interval {
        if self.abs_max().max(other.abs_max()) > BEYOND {
            return Interval { lo: i128::MIN, hi: i128::MAX };
        }
        Interval { lo: self.lo + other.lo, hi: self.hi + other.hi }
    }
}

/// `{a - b}`.
impl Sub for Interval {
    type Output = Interval;
    fn sub(self, other: Interval) -> Interval {
        self + -other
    }
}

/// `{-a}`.
impl Neg for Interval {
    type Output = Interval;
    fn neg(self) -> Interval {
        Interval { lo: self.hi.saturating_neg(), hi: self.lo.saturating_neg() }
    }
}

/// `{a * b}`.
impl Mul for Interval {
    type Output = Interval;
    fn mul(self, other: Interval) -> Interval {
        self.scale(other.lo).hull(self.scale(other.hi))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.lo, self.hi)
    }
}

/// Interval of Σ cᵢ·xᵢ + k.
pub fn affine(terms: impl IntoIterator<Item = (i64, Interval)>, k: i64) -> Interval {
    terms.into_iter().fold(Interval::point(k), |acc, (c, x)| acc + x.scale(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_limit_is_half_of_p() {
        assert_eq!(2 * FIELD_LIMIT + 1, (1 << 64) - (1 << 32) + 1);
        assert!(Interval::new(FIELD_LIMIT, -FIELD_LIMIT).fits_field());
        assert!(!Interval::point(FIELD_LIMIT + 1).fits_field());
    }

    /// Every operation against all pairs of values of small intervals.
    #[test]
    fn exact_on_small_intervals() {
        let all = || (-4..=4).flat_map(|lo| (lo..=4).map(move |hi| Interval { lo, hi }));
        let of = |v: Vec<i128>| v.into_iter().map(Interval::point).reduce(Interval::hull).unwrap();
        for a in all() {
            for b in all() {
                let map = |f: fn(i128, i128) -> i128| {
                    of((a.lo..=a.hi).flat_map(|x| (b.lo..=b.hi).map(move |y| f(x, y))).collect())
                };
                assert_eq!(a * b, map(|x, y| x * y));
                assert_eq!(a + b, map(|x, y| x + y));
                assert_eq!(a - b, map(|x, y| x - y));
                assert_eq!(affine([(-3, a), (2, b)], 5), map(|x, y| 2 * y - 3 * x + 5));
                assert_eq!(a.hull(b), of((a.lo..=a.hi).chain(b.lo..=b.hi).collect()));
            }
            for s in 0..3 {
                let (hi, lo) = a.split(s);
                assert_eq!(hi, of((a.lo..=a.hi).map(|x| x >> s).collect()));
                assert!((a.lo..=a.hi).all(|x| lo.holds(x - ((x >> s) << s)) && lo.lo >= 0 && lo.hi < 1 << s));
            }
        }
    }

    #[test]
    fn saturates_far_beyond_the_field() {
        let big = Interval::from((i64::MIN, i64::MAX));
        let wide = affine([(i64::MAX, big), (i64::MAX, big), (i64::MIN, big)], 0);
        assert!(!wide.fits_field() && wide.to_i64s().is_none());
        assert_eq!((Interval::point(i64::MAX) + Interval::point(1)).to_i64s(), None);
        // what overflowed does not come back: up by 3·2¹²⁶, down by as much
        let half = Interval::point(1i128 << 63);
        let there_and_back = [1i128, 1, 1, -1, -1, -1].map(|sign| half.scale(sign << 63));
        assert!(!there_and_back.into_iter().fold(Interval::point(0), Add::add).fits_field());
    }
}
