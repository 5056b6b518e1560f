//! The number whose hyperbolic tangent is x, within f32 below 1. Source: ONNX `Atanh`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Atanh;

impl Function for Atanh {
    fn name(&self) -> &'static str {
        "atanh"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Atanh"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::atanh(x)
    }
    fn domain(&self, _: &[f64]) -> (f64, f64) {
        (-1.0 + f32::EPSILON as f64, 1.0 - f32::EPSILON as f64)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    // f' = 1/(1 − x²)
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        let most = low.abs().max(high.abs());
        if most < 1.0 { 1.0 / (1.0 - most * most) } else { f64::INFINITY }
    }
}
