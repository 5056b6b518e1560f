//! x where it is greater than `alpha`, 0 elsewhere. Source: ONNX `ThresholdedRelu`.

use super::{Function, Parameter};

pub(super) struct ThresholdedRelu;

impl Function for ThresholdedRelu {
    fn name(&self) -> &'static str {
        "thresholded_relu"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["ThresholdedRelu"]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter { name: "alpha", default: 1.0, operand: None },
        ]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        if x > p[0] { x } else { 0.0 }
    }
    fn slope(&self, low: f64, high: f64, p: &[f64]) -> f64 {
        if low <= p[0] && high >= p[0] { f64::INFINITY } else { 1.0 }
    }
}
