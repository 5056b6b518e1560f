//! The greatest integer that is not greater than x. Source: ONNX `Floor`.

use super::{Function, Monotonicity};

pub(super) struct Floor;

impl Function for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Floor"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x.floor()
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        if low.floor() == high.floor() { 0.0 } else { f64::INFINITY }
    }
}
