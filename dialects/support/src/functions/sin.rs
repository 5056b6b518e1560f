//! Sine. Source: ONNX `Sin`.

use super::{Function, Parity};

pub(super) struct Sin;

impl Function for Sin {
    fn name(&self) -> &'static str {
        "sin"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Sin"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::sin(x)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
