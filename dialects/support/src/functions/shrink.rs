//! x moved by `bias` towards 0 where it is further from it than `lambd`, 0 elsewhere. Source: ONNX `Shrink`.

use super::{Function, Parameter};

pub(super) struct Shrink;

impl Function for Shrink {
    fn name(&self) -> &'static str {
        "shrink"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Shrink"]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter { name: "bias", default: 0.0, operand: None },
            Parameter { name: "lambd", default: 0.5, operand: None },
        ]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        if x < -p[1] {
            x + p[0]
        } else if x > p[1] {
            x - p[0]
        } else {
            0.0
        }
    }
    fn slope(&self, low: f64, high: f64, p: &[f64]) -> f64 {
        let jump = |at: f64| low <= at && high >= at;
        if jump(p[1]) || jump(-p[1]) { f64::INFINITY } else { 1.0 }
    }
}
