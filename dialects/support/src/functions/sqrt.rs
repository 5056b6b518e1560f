//! √x for x ≥ 0. Source: ONNX `Sqrt`.

use super::{Function, Monotonicity};

pub(super) struct Sqrt;

impl Function for Sqrt {
    fn name(&self) -> &'static str {
        "sqrt"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Sqrt"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::sqrt(x)
    }
    fn domain(&self, _: &[f64]) -> (f64, f64) {
        (0.0, f64::INFINITY)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    // f' = 1/(2√x)
    fn slope(&self, low: f64, _: f64, _: &[f64]) -> f64 {
        if low > 0.0 { 0.5 / libm::sqrt(low) } else { f64::INFINITY }
    }
}
