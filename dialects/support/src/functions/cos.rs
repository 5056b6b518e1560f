//! Cosine. Source: ONNX `Cos`.

use super::{Function, Parity};

pub(super) struct Cos;

impl Function for Cos {
    fn name(&self) -> &'static str {
        "cos"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Cos"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::cos(x)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Even)
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
