//! max(x, 0). Source: ONNX `Relu`.

use super::{Function, Monotonicity, Piece};

pub(super) struct Relu;

impl Function for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Relu"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x.max(0.0)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn pieces(&self, _: &[f64]) -> Option<Vec<Piece>> {
        let piece = |end, slope| Piece { end, slope, intercept: 0.0 };
        Some(vec![piece(0.0, 0.0), piece(f64::INFINITY, 1.0)])
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
