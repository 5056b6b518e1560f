//! x where it is positive, `alpha·x` elsewhere. Source: ONNX `LeakyRelu`.

use super::{Function, Monotonicity, Parameter, Piece};

pub(super) struct LeakyRelu;

impl Function for LeakyRelu {
    fn name(&self) -> &'static str {
        "leaky_relu"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["LeakyRelu"]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter { name: "alpha", default: 0.01, operand: None }]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        if x < 0.0 { p[0] * x } else { x }
    }
    fn monotonicity(&self, p: &[f64]) -> Option<Monotonicity> {
        (p[0] >= 0.0).then_some(Monotonicity::Nondecreasing)
    }
    fn pieces(&self, p: &[f64]) -> Option<Vec<Piece>> {
        let piece = |end, slope| Piece { end, slope, intercept: 0.0 };
        Some(vec![piece(0.0, p[0]), piece(f64::INFINITY, 1.0)])
    }
    fn slope(&self, _: f64, _: f64, p: &[f64]) -> f64 {
        p[0].abs().max(1.0)
    }
}
