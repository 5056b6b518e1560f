//! From real numbers to the grid of a quantized type.
//!
//! Invariant: this is the one place where it is spelled out in Rust; the quantizer, the interpreter and the tools that
//! read a user's input call it.

/// Nearest integer to `x / scale` (ties to even), clamped to `min..=max`. NaN gives `None`.
///
/// The quotient is taken in `f64`, where both operands are exact.
pub fn quantize(x: f32, scale: f64, min: i64, max: i64) -> Option<i64> {
    let q = (f64::from(x) / scale).round_ties_even();
    if q.is_nan() { None } else { Some(q.clamp(min as f64, max as f64) as i64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantize_rounds_ties_to_even_and_clamps() {
        let q = |x| quantize(x, 0.5, -127, 127);
        assert_eq!([q(0.25), q(0.75), q(-0.25), q(-0.75)], [Some(0), Some(2), Some(0), Some(-2)]);
        assert_eq!([q(1e9), q(f32::NEG_INFINITY), q(f32::NAN)], [Some(127), Some(-127), None]);
    }
}
