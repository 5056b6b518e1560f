//! Tangent. Source: ONNX `Tan`.

use super::{Function, Parity};

pub(super) struct Tan;

impl Function for Tan {
    fn name(&self) -> &'static str {
        "tan"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Tan"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::tan(x)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    // f' = 1/cos², greatest at an end of a stretch without a pole
    fn slope(&self, low: f64, high: f64, _: &[f64]) -> f64 {
        const HALF: f64 = std::f64::consts::FRAC_PI_2;
        let pole = ((low - HALF) / (2.0 * HALF)).floor() != ((high - HALF) / (2.0 * HALF)).floor();
        let steep = |x: f64| 1.0 / (libm::cos(x) * libm::cos(x));
        if pole { f64::INFINITY } else { steep(low).max(steep(high)) }
    }
}
