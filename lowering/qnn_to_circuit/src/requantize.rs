//! `qnn.requantize` → multiply, offset, split, lookup.
//!
//! y = clamp((a·m + 2^(s-1)) >> s, min, max). With A = a·m + 2^(s-1) in [-2^31, 2^31) write A + 2^31 = hi·2^16 + lo. Then
//! A >> s = (hi - 2^15) >> (s - 16), which a table of 2^16 rows holds together with the clamp:
//!
//! `y = clamp((hi - 32768) >> (s - 16), min, max)`,  hi and lo each proven to have 16 bits.
//!
//! A shift below 16 is made 16 by scaling m: (a·m + 2^(s-1)) >> s = (a·m·2^(16-s) + 2^15) >> 16.

use crate::emit::Emit;
use melior::ir::Value;
use tessera_circuit::semantics::{Interval, TableFunction, View};
use tessera_mlir::{Error, Result};
use tessera_qnn::ops::RequantizeAttrs;

/// Bits of the lower part, which a range table holds.
const LOW_BITS: u32 = 16;
/// Bits of both parts.
const BITS: u32 = 32;

/// Lowers a requantization of accumulators.
pub(crate) fn requantize<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    acc: Value<'c, 'a>,
    attrs: &RequantizeAttrs,
) -> Result<Value<'c, 'a>> {
    let RequantizeAttrs { multiplier, axis, shift, min, max } = attrs;
    let scale_up = 1i64 << LOW_BITS.saturating_sub(*shift);
    let shift = (*shift).max(LOW_BITS);
    let multiplier = multiplier
        .iter()
        .map(|m| {
            m.checked_mul(scale_up).ok_or_else(|| Error::new(format!("multiplier {m} is beyond 64 bits")))
        })
        .collect::<Result<Vec<_>>>()?;
    if !(1..=62).contains(&shift) {
        return Err(Error::new(format!("expected a shift of at most 62, found {shift}")));
    }
    let offset = (1i64 << (shift - 1)) + (1i64 << (BITS - 1));
    let biased = match multiplier[..] {
        [m] => emit.affine(&[(m, acc)], offset)?,
        _ => {
            let shape = emit.shape(acc)?;
            if shape.get(*axis) != Some(&multiplier.len()) {
                return Err(Error::new(format!(
                    "{} multipliers for axis {axis} of {}",
                    multiplier.len(),
                    tessera_mlir::shape::show(&shape)
                )));
            }
            let factors = emit.constant(&multiplier)?;
            let factors = emit.view(factors, &View::along(&shape, *axis))?;
            let scaled = emit.mul(acc, factors)?;
            emit.affine(&[(1, scaled)], offset)?
        }
    };
    let (found, proven) = (emit.hull(biased)?, Interval { lo: 0, hi: (1 << BITS) - 1 });
    if !proven.contains(found) {
        let bits = |v: Interval| 128 - (v - Interval::point(offset)).abs_max().leading_zeros();
        return Err(Error::new(format!(
            "the accumulator times its multiplier may have {} bits besides its sign; a requantization is proven for {}: \
             use a smaller multiplier with a smaller shift",
            bits(found),
            BITS - 1
        ))
        .note(format!(
            "the accumulator lies within {}, the multipliers within {}",
            emit.hull(acc)?,
            Interval::around(multiplier.iter().copied()).unwrap_or(Interval::point(0))
        )));
    }
    let high = emit.high(biased, LOW_BITS)?;
    let f = TableFunction::Clamp {
        lo: 0,
        hi: (1 << (BITS - LOW_BITS)) - 1,
        offset: -(1 << (BITS - LOW_BITS - 1)),
        shift: shift - LOW_BITS,
        min: *min,
        max: *max,
    };
    let signed = |v: &i64| v.to_string().replace('-', "m");
    emit.lookup(high, &format!("requant_{shift}_{}_{}", signed(min), signed(max)), &f)
}
