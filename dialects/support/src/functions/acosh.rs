//! The number of at least 0 whose hyperbolic cosine is x ≥ 1. Source: ONNX `Acosh`.

use super::{Function, Monotonicity};

pub(super) struct Acosh;

impl Function for Acosh {
    fn name(&self) -> &'static str {
        "acosh"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Acosh"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::acosh(x)
    }
    fn domain(&self, _: &[f64]) -> (f64, f64) {
        (1.0, f64::INFINITY)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    // f' = 1/√(x² − 1)
    fn slope(&self, low: f64, _: f64, _: &[f64]) -> f64 {
        if low > 1.0 { 1.0 / libm::sqrt(low * low - 1.0) } else { f64::INFINITY }
    }
}
