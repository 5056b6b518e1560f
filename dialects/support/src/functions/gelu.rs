//! x·Φ(x) for the normal distribution function Φ. Source: ONNX `Gelu`; Hendrycks and Gimpel (2016), section 2.

use super::{Function, Spelled};
use std::f64::consts::FRAC_1_SQRT_2;

pub(super) struct Gelu;

impl Function for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Gelu"]
    }
    // x·(1 + erf(x/√2))/2, halved at the end or at the start
    fn spelled(&self) -> &'static [Spelled] {
        use Spelled::*;
        const HALF: Spelled = Number(0.5);
        const TAIL: Spelled = Add(&[Number(1.0), Of("erf", &Mul(&[X, Number(FRAC_1_SQRT_2)]))]);
        const { &[Mul(&[Mul(&[X, TAIL]), HALF]), Mul(&[Mul(&[X, HALF]), TAIL])] }
    }
    // erfc, not 1 + erf: the left tail keeps its digits
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2)
    }
    // f' = Φ + x·φ, greatest at √2: 1.1290
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.13
    }
}
