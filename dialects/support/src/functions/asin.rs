//! Arc sine of x in −1..1. Source: ONNX `Asin`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Asin;

impl Function for Asin {
    fn name(&self) -> &'static str {
        "asin"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Asin"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::asin(x)
    }
    fn domain(&self, _: &[f64]) -> (f64, f64) {
        (-1.0, 1.0)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    // f' = 1/√(1 − x²)
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        let most = low.abs().max(high.abs());
        if most < 1.0 { 1.0 / libm::sqrt(1.0 - most * most) } else { f64::INFINITY }
    }
}
