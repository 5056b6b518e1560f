//! x·clamp(x/6 + 1/2, 0, 1). Source: ONNX `HardSwish`; Howard et al., Searching for MobileNetV3 (2019), section 5.2.

use super::{Function, Spelled};

pub(super) struct HardSwish;

impl Function for HardSwish {
    fn name(&self) -> &'static str {
        "hard_swish"
    }
    fn onnx(&self) -> &'static [&'static str] {
        &["HardSwish"]
    }
    fn spelled(&self) -> &'static [Spelled] {
        use Spelled::*;
        const SIXTH: Spelled = Number(1.0 / 6.0);
        const CLIP: Spelled = With("clip", &[0.0, 6.0], &Add(&[X, Number(3.0)]));
        const {
            &[
                Mul(&[X, With("hard_sigmoid", &[1.0 / 6.0, 0.5], &X)]),
                Mul(&[X, Mul(&[CLIP, SIXTH])]),
                Mul(&[Mul(&[X, CLIP]), SIXTH]),
            ]
        }
    }
    fn value(&self, x: f64, _: &[f64]) -> f64 {
        x * (x / 6.0 + 0.5).clamp(0.0, 1.0)
    }
    // x/3 + 1/2 between −3 and 3
    fn slope(&self, _: f64, _: f64, _: &[f64]) -> f64 {
        1.5
    }
}
