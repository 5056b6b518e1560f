//! Hyperbolic cosine. Source: ONNX `Cosh`.

use super::{Function, Parity};

pub(super) struct Cosh;

impl Function for Cosh {
    fn name(&self) -> &'static str {
        "cosh"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Cosh"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::cosh(x)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Even)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        libm::sinh(low.abs().max(high.abs()))
    }
}
