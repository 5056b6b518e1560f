//! gamma·(x, or alpha·(exp(x) − 1) where x is negative). Source: ONNX `Selu`; Klambauer et al. (2017).

use super::{Function, Parameter};

pub(super) struct Selu;

impl Function for Selu {
    fn name(&self) -> &'static str {
        "selu"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Selu"]
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter { name: "alpha", default: 1.673_263_192_186_818_8, operand: None },
            Parameter { name: "gamma", default: 1.050_701_022_148_132_3, operand: None },
        ]
    }
    fn value(&self, x: f64, p: &[f64]) -> f64 {
        p[1] * if x > 0.0 { x } else { p[0] * libm::expm1(x) }
    }
    fn slope(&self, _: f64, _: f64, p: &[f64]) -> f64 {
        (p[1] * p[0].abs().max(1.0)).abs()
    }
}
