//! Arc tangent. Source: ONNX `Atan`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Atan;

impl Function for Atan {
    fn name(&self) -> &'static str {
        "atan"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Atan"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::atan(x)
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
