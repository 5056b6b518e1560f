//! Integers of any width by limbs: shifts, and clamps of what is wider than a table.
//!
//! What is wide is split from below, 16 bits at a time: the range of each high part follows from its own parts, and that of the last is a
//! table's, a `circuit.range`, or shown by limbs.

use crate::emit::Emit;
use melior::ir::Value;
use tessera_circuit::semantics::{Interval, TableFunction};
use tessera_mlir::Result;

/// Bits of a limb.
pub(crate) const LIMB: u32 = 16;

/// The greatest number of a limb.
const LAST: i64 = (1 << LIMB) - 1;

/// x >> shift, range-checked by the ops that read it alone.
pub(crate) fn unchecked<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    mut x: Value<'c, 'a>,
    mut shift: u32,
) -> Result<Value<'c, 'a>> {
    while shift > LIMB {
        x = emit.high(x, LIMB)?;
        shift -= LIMB;
    }
    if shift == 0 { Ok(x) } else { emit.high(x, shift) }
}

/// x >> shift. The result is proven to lie in `within`, or where that is not given in an interval that holds all it may be.
pub(crate) fn shifted<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    shift: u32,
    within: Option<Interval>,
) -> Result<Value<'c, 'a>> {
    let x = unchecked(emit, x, shift)?;
    match within {
        Some(within) if !within.contains(emit.hull(x)?) => emit.range(x, within),
        _ => Ok(x),
    }
}

/// clamp(x, min, max) for −2^15 ≤ min ≤ max < 2^15, given x + 2^15 of more than 16 bits, not range-checked yet.
///
/// x + 2^15 = h·2^16 + l. Where h = 0 the sum is l, below it is less than 0, and above more than 2^16 − 1: so it is clamped to 16
/// bits as `[h = 0]·l + [h > 0]·(2^16 − 1)`, which is the key of a table that clamps to min and max.
pub(crate) fn clamp<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    biased: Value<'c, 'a>,
    (min, max): (i64, i64),
) -> Result<Value<'c, 'a>> {
    let (high, low) = emit.split(biased, LIMB)?;
    let found = emit.hull(high)?;
    let reach = found.abs_max().max(1) as i64;
    let of = |f: &dyn Fn(i64) -> i64| TableFunction::Values {
        lo: -reach,
        values: (-reach..=reach).map(f).collect(),
    };
    let inside = of(&|h| i64::from(h == 0));
    let above = of(&|h| if h > 0 { LAST } else { 0 });
    let parts = emit.lookups(high, &[("limb_inside", &inside), ("limb_above", &above)])?;
    let kept = emit.mul(parts[0], low)?;
    let key = emit.affine(&[(1, kept), (1, parts[1])], 0)?;
    clamp_short(emit, key, LIMB, (min, max))
}

/// clamp(x, min, max), given x + 2^(bits − 1), which is shown to have so many bits.
pub(crate) fn clamp_short<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    biased: Value<'c, 'a>,
    bits: u32,
    (min, max): (i64, i64),
) -> Result<Value<'c, 'a>> {
    let last = (1i64 << bits) - 1;
    let key = emit.range(biased, Interval { lo: 0, hi: last.into() })?;
    let f = TableFunction::Clamp { lo: 0, hi: last, offset: -(1 << (bits - 1)), shift: 0, min, max };
    let signed = |v: i64| v.to_string().replace('-', "m");
    emit.lookup(key, &format!("clamp_{}_{}", signed(min), signed(max)), &f)
}
