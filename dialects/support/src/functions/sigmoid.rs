//! 1 / (1 + e^−x). Source: ONNX `Sigmoid`.

use super::{Function, Monotonicity};

pub(super) struct Sigmoid;

/// Its value; no e^x overflows.
pub(super) fn sigmoid(x: f64) -> f64 {
    let e = libm::exp(-x.abs());
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

impl Function for Sigmoid {
    fn name(&self) -> &'static str {
        "sigmoid"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Sigmoid"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        sigmoid(x)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    // f' = f(1 − f)
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        0.25
    }
}
