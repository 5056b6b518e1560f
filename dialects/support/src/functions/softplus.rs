//! ln(1 + e^x). Source: ONNX `Softplus`.

use super::{Function, Monotonicity};

pub(super) struct Softplus;

impl Function for Softplus {
    fn name(&self) -> &'static str {
        "softplus"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Softplus"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
