//! Closed intervals of integers, wide enough that nothing which the verifier computes wraps.

use std::fmt::{self, Display, Formatter};
use std::ops::{Add, Mul};

/// The order of the Goldilocks field, 2⁶⁴ − 2³² + 1.
pub const FIELD: i128 = 0xFFFF_FFFF_0000_0001;
/// The greatest absolute value whose sign the field keeps: the greatest integer below p/2.
pub const BOUND: i128 = FIELD / 2;

/// All integers from `lo` to `hi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Least.
    pub lo: i128,
    /// Greatest; not below `lo`.
    pub hi: i128,
}

impl Interval {
    /// From the ends, in either order.
    pub fn new(a: i128, b: i128) -> Self {
        Self { lo: a.min(b), hi: a.max(b) }
    }

    /// One integer.
    pub fn point(value: i128) -> Self {
        Self { lo: value, hi: value }
    }

    /// The least interval around the values; `None` when there are none.
    pub fn around(values: impl IntoIterator<Item = i64>) -> Option<Self> {
        values.into_iter().map(|value| Self::point(value.into())).reduce(Self::hull)
    }

    /// The least interval that contains both.
    pub fn hull(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// Whether every element of `other` is one of this.
    pub fn contains(self, other: Self) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// Whether the two have an element in common.
    pub fn meets(self, other: Self) -> bool {
        self.lo <= other.hi && other.lo <= self.hi
    }

    /// The greatest absolute value.
    pub fn abs_max(self) -> i128 {
        self.lo.saturating_abs().max(self.hi.saturating_abs())
    }

    /// Whether integer and field arithmetic agree on it.
    pub fn fits_field(self) -> bool {
        -BOUND <= self.lo && self.hi <= BOUND
    }

    /// Every element times a number. Saturates far outside the field.
    pub fn scale(self, factor: i128) -> Self {
        Self::new(self.lo.saturating_mul(factor), self.hi.saturating_mul(factor))
    }

    /// The sums of between `least` and `most` elements.
    pub fn sum_of(self, least: i128, most: i128) -> Self {
        self.scale(least).hull(self.scale(most))
    }
}

impl Add for Interval {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { lo: self.lo.saturating_add(other.lo), hi: self.hi.saturating_add(other.hi) }
    }
}

impl std::ops::Sub for Interval {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + other.scale(-1)
    }
}

impl Mul for Interval {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        self.scale(other.lo).hull(self.scale(other.hi))
    }
}

impl Display for Interval {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        write!(formatter, "[{}, {}]", self.lo, self.hi)
    }
}
