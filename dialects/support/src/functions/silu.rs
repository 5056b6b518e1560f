//! x·sigmoid(x), also called swish. Source: ONNX `Swish`; Hendrycks and Gimpel (2016), section 4.

use super::{Function, Spelled, sigmoid::sigmoid};

pub(super) struct Silu;

impl Function for Silu {
    fn name(&self) -> &'static str {
        "silu"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Swish"]
    }
    fn spelled(&self) -> &'static [Spelled] {
        use Spelled::*;
        const { &[Mul(&[X, Of("sigmoid", &X)])] }
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x * sigmoid(x)
    }
    // greatest near 2.4: 1.0998
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.1
    }
}
