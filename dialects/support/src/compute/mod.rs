//! Numeric kernels on dense arrays: the arithmetic that the interpreters of every tensor dialect share.
//!
//! Invariants:
//! - Generic over the element ([`Num`]: `f32` for real networks, `i64` for quantized ones), so a float model and its
//!   quantized form can differ in numbers only, never in how an index is computed.
//! - Layouts are NCHW for images and row-major everywhere.
//! - No kernel panics on shapes or attributes that do not fit: each infers its result by
//!   [`crate::shape`], as builders and verifiers do, and returns that error.
//! - Integer kernels do not check for overflow of `i64`. Callers keep operands small (at most 32 bits) and check the
//!   declared width of every result, which is the tighter bound: fewer than 2^31 products of 16-bit values fit in `i64`.

pub mod layout;
pub mod linear;
pub mod quantize;
pub mod rows;
pub mod window;

pub use layout::{broadcast, concat, pad, reshape, slice, transpose, zip_broadcast};
pub use linear::{linear, matmul};
pub use rows::{argmax, embedding, norm, softmax};
pub use window::{avg_pool, conv2d, max_pool, sum_pool};

use crate::{Error, Result};
use std::ops::{Add, AddAssign, Div, Mul, Sub};

pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(message))
}

/// An element type of the interpreters.
pub trait Num:
    Copy
    + Send
    + Sync
    + PartialOrd
    + std::fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + AddAssign
    + 'static
{
    /// The additive identity.
    const ZERO: Self;
    /// A value no element lies below.
    const LOWEST: Self;
}

impl Num for f32 {
    const ZERO: f32 = 0.0;
    const LOWEST: f32 = f32::NEG_INFINITY;
}

impl Num for f64 {
    const ZERO: f64 = 0.0;
    const LOWEST: f64 = f64::NEG_INFINITY;
}

impl Num for i64 {
    const ZERO: i64 = 0;
    const LOWEST: i64 = i64::MIN;
}

/// An element type of real networks: `f32`, and `f64` for what is known while a model is read.
pub trait Real: Num + Div<Output = Self> + Into<f64> {
    /// The nearest number of this type.
    fn nearest(x: f64) -> Self;
}

impl Real for f32 {
    fn nearest(x: f64) -> f32 {
        x as f32
    }
}

impl Real for f64 {
    fn nearest(x: f64) -> f64 {
        x
    }
}

/// The larger of two values; a NaN in `a` or `b` is kept, so that it shows in the result.
pub(crate) fn max<T: Num>(a: T, b: T) -> T {
    #[allow(clippy::eq_op)]
    let b_is_nan = b != b;
    if b > a || b_is_nan { b } else { a }
}
