//! x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), close to `gelu`. Source: ONNX `Gelu` with `approximate = "tanh"`; Hendrycks and
//! Gimpel (2016), section 2.

use super::{Function, Spelled, sigmoid::sigmoid};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

pub(super) struct GeluTanh;

impl Function for GeluTanh {
    fn name(&self) -> &'static str {
        "gelu_tanh"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Gelu(tanh)"]
    }
    // x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), halved at the end or at the start
    fn spelled(&self) -> &'static [Spelled] {
        use Spelled::*;
        const HALF: Spelled = Number(0.5);
        const CUBE: Spelled = Mul(&[X, Mul(&[X, X])]);
        const INNER: Spelled = Add(&[X, Mul(&[Number(0.044715), CUBE])]);
        const ROOT: Spelled = Number(FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
        const TAIL: Spelled = Add(&[Number(1.0), Of("tanh", &Mul(&[ROOT, INNER]))]);
        const { &[Mul(&[Mul(&[X, TAIL]), HALF]), Mul(&[Mul(&[X, HALF]), TAIL])] }
    }
    // (1 + tanh(u))/2 = sigmoid(2u), and √(2/π) = 2/√π·1/√2
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x * sigmoid(2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044715 * x * x * x))
    }
    // as gelu's, within a thousandth
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.131
    }
}
