//! 1/x; at 0, where it is not defined, more than any f32. Source: ONNX `Reciprocal`.

use super::Function;

pub(super) struct Reciprocal;

impl Function for Reciprocal {
    fn name(&self) -> &'static str {
        "reciprocal"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Reciprocal"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        if x == 0.0 { f64::MAX } else { 1.0 / x }
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        if low <= 0.0 && high >= 0.0 { f64::INFINITY } else { (1.0 / low.abs().min(high.abs())).powi(2) }
    }
}
