//! x/(1 + |x|). Source: ONNX `Softsign`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Softsign;

impl Function for Softsign {
    fn name(&self) -> &'static str {
        "softsign"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Softsign"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x / (1.0 + x.abs())
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
