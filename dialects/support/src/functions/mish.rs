//! x·tanh(log(1 + exp(x))). Source: ONNX `Mish`; Misra (2019).

use super::Function;

pub(super) struct Mish;

impl Function for Mish {
    fn name(&self) -> &'static str {
        "mish"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Mish"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        let smooth = if x > 30.0 { x } else { libm::log1p(libm::exp(x)) };
        x * libm::tanh(smooth)
    }
    // greatest near 1.5: 1.0885
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.1
    }
}
