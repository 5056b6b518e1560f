//! x to the power of `exponent`: for all x where that is a whole number, else for x ≥ 0. At 0 it is at most the greatest f64. Source: ONNX `Pow`.

use super::{Function, Parameter};

pub(super) struct Power;

impl Function for Power {
    fn name(&self) -> &'static str {
        "power"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &[]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter { name: "exponent", default: 2.0, operand: None },
        ]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        libm::pow(x, p[0]).min(f64::MAX)
    }
    fn domain(&self, p: &[f64]) -> (f64, f64) {
        if p[0] == p[0].trunc() { (f64::NEG_INFINITY, f64::INFINITY) } else { (0.0, f64::INFINITY) }
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        f64::INFINITY
    }
}
