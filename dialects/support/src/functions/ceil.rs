//! The least integer that is not less than x. Source: ONNX `Ceil`.

use super::{Function, Monotonicity};

pub(super) struct Ceil;

impl Function for Ceil {
    fn name(&self) -> &'static str {
        "ceil"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Ceil"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x.ceil()
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        if low.ceil() == high.ceil() { 0.0 } else { f64::INFINITY }
    }
}
