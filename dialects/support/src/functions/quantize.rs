//! x as an integer of a quantized type: clamp(round(x/scale) + zero), ties to even. Source: ONNX `QuantizeLinear`.

use super::{Function, Parameter};

pub(super) struct Quantize;

impl Function for Quantize {
    fn name(&self) -> &'static str {
        "quantize"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &[]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter { name: "scale", default: 1.0, operand: None },
            Parameter { name: "zero", default: 0.0, operand: None },
            Parameter { name: "low", default: -128.0, operand: None },
            Parameter { name: "high", default: 127.0, operand: None },
        ]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        ((x / p[0]).round_ties_even() + p[1]).clamp(p[2].min(p[3]), p[3])
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        f64::INFINITY
    }
}
