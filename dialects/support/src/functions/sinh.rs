//! Hyperbolic sine. Source: ONNX `Sinh`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Sinh;

impl Function for Sinh {
    fn name(&self) -> &'static str {
        "sinh"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Sinh"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::sinh(x)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        libm::cosh(low.abs().max(high.abs()))
    }
}
