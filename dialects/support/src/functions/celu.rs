//! x, or alpha·(exp(x/alpha) − 1) where x is negative. Source: ONNX `Celu`; Barron (2017).

use super::{Function, Parameter};

pub(super) struct Celu;

impl Function for Celu {
    fn name(&self) -> &'static str {
        "celu"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Celu"]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter { name: "alpha", default: 1.0, operand: None },
        ]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        x.max(0.0) + (p[0] * libm::expm1(x / p[0])).min(0.0)
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        2.0
    }
}
