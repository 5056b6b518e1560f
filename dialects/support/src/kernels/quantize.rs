//! The arithmetic of quantization: rounding reals to the grid, and rescaling integer accumulators.
//!
//! Invariant: these few functions are the only place where either is spelled out in Rust; the quantizer, the
//! interpreter and every differential test call them.

/// Nearest integer to `x / scale` (ties to even), clamped to `min..=max`. NaN gives `None`.
///
/// The quotient is taken in `f64`, where both operands are exact.
pub fn quantize(x: f32, scale: f64, min: i64, max: i64) -> Option<i64> {
    let q = (f64::from(x) / scale).round_ties_even();
    if q.is_nan() { None } else { Some(q.clamp(min as f64, max as f64) as i64) }
}

/// A rescaling by `multiplier / 2^shift` with rounding, followed by a clamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rescale {
    /// Factor, before the shift.
    pub multiplier: i64,
    /// Bits shifted out, `1..=62`.
    pub shift: u32,
    /// Smallest result. Zero fuses a ReLU.
    pub min: i64,
    /// Largest result.
    pub max: i64,
}

/// `clamp((acc·multiplier + 2^(shift-1)) >> shift, min, max)` with an arithmetic shift: rounds halves upwards.
/// `None` if an intermediate value leaves `i64`, or the shift its range.
pub fn requantize(acc: i64, r: Rescale) -> Option<i64> {
    if !(1..=62).contains(&r.shift) || r.min > r.max {
        return None;
    }
    let product = acc.checked_mul(r.multiplier)?.checked_add(1 << (r.shift - 1))?;
    Some((product >> r.shift).clamp(r.min, r.max))
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

    #[test]
    fn requantize_equals_floor_of_the_real_quotient() {
        let mut seed = 1u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (acc, multiplier) = (i64::from((seed >> 32) as i32), (seed & 0xfffff) as i64);
            let shift = 1 + (seed >> 58) as u32 % 40;
            let wide = i128::from(acc) * i128::from(multiplier) * 2 + (1i128 << shift);
            let floor = wide.div_euclid(1i128 << (shift + 1)).clamp(-500, 500);
            let r = Rescale { multiplier, shift, min: -500, max: 500 };
            assert_eq!(requantize(acc, r).map(i128::from), Some(floor), "{acc} {r:?}");
        }
    }

    #[test]
    fn requantize_refuses_overflow() {
        assert_eq!(requantize(1 << 40, Rescale { multiplier: 1 << 40, shift: 16, min: 0, max: 1 }), None);
        assert_eq!(requantize(1, Rescale { multiplier: 1, shift: 63, min: 0, max: 1 }), None);
        assert_eq!(requantize(1, Rescale { multiplier: 1, shift: 0, min: 0, max: 1 }), None);
    }
}
