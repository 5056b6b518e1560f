//! `alpha·x + beta` between 0 and 1. Source: ONNX `HardSigmoid`.

use super::{Function, Monotonicity, Parameter, Piece};

pub(super) struct HardSigmoid;

impl Function for HardSigmoid {
    fn name(&self) -> &'static str {
        "hard_sigmoid"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["HardSigmoid"]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter { name: "alpha", default: 0.2, operand: None },
            Parameter { name: "beta", default: 0.5, operand: None },
        ]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        (p[0] * x + p[1]).clamp(0.0, 1.0)
    }
    fn monotonicity(&self, p: &[f64]) -> Option<Monotonicity> {
        Some(if p[0] < 0.0 { Monotonicity::Nonincreasing } else { Monotonicity::Nondecreasing })
    }
    fn pieces(&self, p: &[f64]) -> Option<Vec<Piece>> {
        let (alpha, beta) = (p[0], p[1]);
        let flat = |end, intercept| Piece { end, slope: 0.0, intercept };
        (alpha > 0.0).then(|| {
            let line = Piece { end: (1.0 - beta) / alpha, slope: alpha, intercept: beta };
            vec![flat(-beta / alpha, 0.0), line, flat(f64::INFINITY, 1.0)]
        })
    }
    fn slope(&self, _: f64, _: f64, p: &[f64]) -> f64 {
        p[0].abs()
    }
}
