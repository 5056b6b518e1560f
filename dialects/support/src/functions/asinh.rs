//! The number whose hyperbolic sine is x. Source: ONNX `Asinh`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Asinh;

impl Function for Asinh {
    fn name(&self) -> &'static str {
        "asinh"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Asinh"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::asinh(x)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
