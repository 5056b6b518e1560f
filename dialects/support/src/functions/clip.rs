//! x between `min` and `max`; `max` where they cross. ReLU6 and hard tanh are such. Source: ONNX `Clip`.

use super::{Function, Monotonicity, Parameter, Piece};

pub(super) struct Clip;

impl Function for Clip {
    fn name(&self) -> &'static str {
        "clip"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Clip"]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter { name: "min", default: f32::MIN as f64, operand: Some(1) },
            Parameter { name: "max", default: f32::MAX as f64, operand: Some(2) },
        ]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        x.max(p[0]).min(p[1])
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn pieces(&self, p: &[f64]) -> Option<Vec<Piece>> {
        let flat = |end, intercept| Piece { end, slope: 0.0, intercept };
        let [min, max] = [p[0].min(p[1]), p[1]];
        Some(vec![flat(min, min), Piece { end: max, slope: 1.0, intercept: 0.0 }, flat(f64::INFINITY, max)])
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.0
    }
}
