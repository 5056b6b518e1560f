//! −1, 0 or 1. Source: ONNX `Sign`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Sign;

impl Function for Sign {
    fn name(&self) -> &'static str {
        "sign"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Sign"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        if x == 0.0 { 0.0 } else { x.signum() }
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        if low <= 0.0 && high >= 0.0 { f64::INFINITY } else { 0.0 }
    }
}
