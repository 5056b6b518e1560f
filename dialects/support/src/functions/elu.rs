//! x where it is positive, `alpha·(e^x − 1)` elsewhere. Source: ONNX `Elu`; Clevert et al. (2016), section 3.

use super::{Function, Monotonicity, Parameter};

pub(super) struct Elu;

impl Function for Elu {
    fn name(&self) -> &'static str {
        "elu"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Elu"]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter { name: "alpha", default: 1.0, operand: None }]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        if x < 0.0 { p[0] * libm::expm1(x) } else { x }
    }
    fn monotonicity(&self, p: &[f64]) -> Option<Monotonicity> {
        (p[0] >= 0.0).then_some(Monotonicity::Nondecreasing)
    }
    fn slope(&self, _: f64, _: f64, p: &[f64]) -> f64 {
        p[0].abs().max(1.0)
    }
}
