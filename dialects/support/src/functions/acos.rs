//! Arc cosine of x in −1..1. Source: ONNX `Acos`.

use super::{Function, Monotonicity};

pub(super) struct Acos;

impl Function for Acos {
    fn name(&self) -> &'static str {
        "acos"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Acos"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::acos(x)
    }
    fn domain(&self, _: &[f64]) -> (f64, f64) {
        (-1.0, 1.0)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nonincreasing)
    }
    // |f'| = 1/√(1 − x²)
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        let most = low.abs().max(high.abs());
        if most < 1.0 { 1.0 / libm::sqrt(1.0 - most * most) } else { f64::INFINITY }
    }
}
