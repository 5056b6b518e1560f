//! Natural logarithm of x > 0, from the least normal f32 on. Source: ONNX `Log`.

use super::{Function, Monotonicity};

pub(super) struct Log;

impl Function for Log {
    fn name(&self) -> &'static str {
        "log"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Log"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::log(x)
    }
    fn domain(&self, _: &[f64]) -> (f64, f64) {
        (f32::MIN_POSITIVE.into(), f64::INFINITY)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn slope(&self, low: f64, _: f64, _: &[f64]) -> f64 {
        if low > 0.0 { 1.0 / low } else { f64::INFINITY }
    }
}
