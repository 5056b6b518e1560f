//! The nearest integer, the even one of two. Source: ONNX `Round`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Round;

impl Function for Round {
    fn name(&self) -> &'static str {
        "round"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Round"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x.round_ties_even()
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        if low.round_ties_even() == high.round_ties_even() { 0.0 } else { f64::INFINITY }
    }
}
