//! x without its fraction, as a cast to an integer type gives. Source: ONNX `Cast`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Trunc;

impl Function for Trunc {
    fn name(&self) -> &'static str {
        "trunc"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &[]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x.trunc()
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        if low.trunc() == high.trunc() { 0.0 } else { f64::INFINITY }
    }
}
