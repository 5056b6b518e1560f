//! 1 where |x| < 1/2, 0 elsewhere: where whole numbers that were rounded on the way are 0. Source: ONNX `Equal`, of the difference
//! of two integers.

use super::{Function, Parity};

pub(super) struct NearZero;

impl Function for NearZero {
    fn name(&self) -> &'static str {
        "near_zero"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &[]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        f64::from(u8::from(x.abs() < 0.5))
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Even)
    }
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        let jumps = |at: f64| low <= at && at <= high;
        if jumps(-0.5) || jumps(0.5) { f64::INFINITY } else { 0.0 }
    }
}
