//! −x. Source: ONNX `Neg`.

use super::{Function, Monotonicity, Parity, Piece};

pub(super) struct Neg;

impl Function for Neg {
    fn name(&self) -> &'static str {
        "neg"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Neg"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        -x
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nonincreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    fn pieces(&self, _: &[f64]) -> Option<Vec<Piece>> {
        Some(vec![Piece { end: f64::INFINITY, slope: -1.0, intercept: 0.0 }])
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
