//! |x|. Source: ONNX `Abs`.

use super::{Function, Parity, Piece};

pub(super) struct Abs;

impl Function for Abs {
    fn name(&self) -> &'static str {
        "abs"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Abs"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x.abs()
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Even)
    }
    fn pieces(&self, _: &[f64]) -> Option<Vec<Piece>> {
        let piece = |end, slope| Piece { end, slope, intercept: 0.0 };
        Some(vec![piece(0.0, -1.0), piece(f64::INFINITY, 1.0)])
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
