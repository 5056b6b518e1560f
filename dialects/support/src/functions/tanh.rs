//! The hyperbolic tangent. Source: ONNX `Tanh`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Tanh;

impl Function for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Tanh"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::tanh(x)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    // f' = 1 − f²
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
