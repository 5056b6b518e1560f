//! 1/√x for x > 0, from the least normal f32 on.

use super::{Function, Monotonicity};

pub(super) struct Rsqrt;

impl Function for Rsqrt {
    fn name(&self) -> &'static str {
        "rsqrt"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &[]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        1.0 / libm::sqrt(x)
    }
    fn domain(&self, _: &[f64]) -> (f64, f64) {
        (f32::MIN_POSITIVE.into(), f64::INFINITY)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nonincreasing)
    }
    fn slope(&self, low: f64, _: f64, _: &[f64]) -> f64 {
        if low > 0.0 { 0.5 / (low * libm::sqrt(low)) } else { f64::INFINITY }
    }
}
