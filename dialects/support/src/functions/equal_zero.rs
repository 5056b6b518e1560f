//! 1 where x is 0, 0 elsewhere: what comparisons are made of. Source: ONNX `Equal`, of a difference.

use super::{Function, Parity};

pub(super) struct EqualZero;

impl Function for EqualZero {
    fn name(&self) -> &'static str {
        "equal_zero"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &[]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        f64::from(u8::from(x == 0.0))
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Even)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        if low <= 0.0 && high >= 0.0 { f64::INFINITY } else { 0.0 }
    }
}
