//! The error function, 2/√π·∫₀ˣ e^−t² dt. Source: ONNX `Erf`.

use super::{Function, Monotonicity, Parity};

pub(super) struct Erf;

impl Function for Erf {
    fn name(&self) -> &'static str {
        "erf"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["Erf"]
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        libm::erf(x)
    }
    fn monotonicity(&self, _: &[f64]) -> Option<Monotonicity> {
        Some(Monotonicity::Nondecreasing)
    }
    fn parity(&self, _: &[f64]) -> Option<Parity> {
        Some(Parity::Odd)
    }
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        std::f64::consts::FRAC_2_SQRT_PI
    }
}
