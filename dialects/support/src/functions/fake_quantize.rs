//! x on a grid: scale·clamp(round(x/scale), low, high), ties to even. Source: ONNX `DequantizeLinear` of `QuantizeLinear`.

use super::{Function, Monotonicity, Parameter};

pub(super) struct FakeQuantize;

impl Function for FakeQuantize {
    fn name(&self) -> &'static str {
        "fake_quantize"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &[]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter { name: "scale", default: 1.0, operand: None },
            Parameter { name: "low", default: -128.0, operand: None },
            Parameter { name: "high", default: 127.0, operand: None },
        ]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        (x / p[0]).round_ties_even().clamp(p[1].min(p[2]), p[2]) * p[0]
    }
    fn monotonicity(&self, p: &[f64]) -> Option<Monotonicity> {
        (p[0] > 0.0).then_some(Monotonicity::Nondecreasing)
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        f64::INFINITY
    }
}
