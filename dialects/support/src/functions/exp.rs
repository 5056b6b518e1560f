//! e^x. Source: ONNX `Exp`.

use super::{Function, Monotonicity};

pub(super) struct Exp;

impl Function for Exp {
    fn name(&self) -> &'static str {
        "exp"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Exp"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::exp(x)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn slope(&self, _: f64, high: f64, _: &[f64]) -> f64 {
        libm::exp(high)
    }
}
