//! 1 where x is positive, 0 elsewhere: what comparisons are made of. Source: ONNX `Greater`, of a difference.

use super::{Function, Monotonicity};

pub(super) struct Step;

impl Function for Step {
    fn name(&self) -> &'static str {
        "step"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &[]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        f64::from(u8::from(x > 0.0))
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        if low <= 0.0 && high >= 0.0 { f64::INFINITY } else { 0.0 }
    }
}
