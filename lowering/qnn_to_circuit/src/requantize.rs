//! `qnn.requantize` → multiply, add up, split, lookup.
//!
//! y = clamp(A >> s, min, max) for A = Σ xᵢ·mᵢ + bias + 2^(s-1). How far A reaches is the sum of how far its terms do. With tables of 2^16 rows, l = min(s, 16) and A in [-2^(l+15), 2^(l+15)) write
//! A + 2^(l+15) = hi·2^l + lo. Then A >> s = (hi - 2^15) >> (s - l), which a table of 2^16 rows holds together with the clamp:
//!
//! `y = clamp((hi - 32768) >> (s - l), min, max)`,  hi proven to have 16 bits and lo to have l.
//!
//! Where A needs more bits than two limbs have, it is shifted limb by limb, and clamped as `wide` says: by a table of as many rows as it
//! needs where enough elements share it, else by limbs; nothing is looked up where it is not clamped at all.
//!
//! Where A needs more bits than a shift below 16 leaves it, both are scaled: A >> s = A·2^(16-s) >> 16. What is proven about
//! A decides later how few bits hi and lo need (`circuit-narrow-splits`).

use crate::emit::Emit;
use crate::wide;
use melior::ir::Value;
use tessera_api::TargetSpec;
use tessera_circuit::semantics::{Interval, TableFunction, View};
use tessera_mlir::params::ParamData;
use tessera_mlir::{Error, Result, loc, shape};
use tessera_qnn::ops::{RequantizeAttrs, half};

/// Most bits of the lower part, which a range table holds, and bits of the upper part, the key of a table. Fewer where the
/// backend's tables are smaller.
const LIMB_BITS: u32 = 16;

/// The weighted sum that is rounded: Σ xᵢ·mᵢ + bias + 2^(shift−1).
fn sum<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    xs: &[Value<'c, 'a>],
    attrs: &RequantizeAttrs,
) -> Result<Value<'c, 'a>> {
    let shapes = xs.iter().map(|&x| emit.shape(x)).collect::<Result<Vec<_>>>()?;
    let shape = shapes.iter().skip(1).try_fold(shapes[0].clone(), |sum, x| shape::broadcast(&sum, x))?;
    // What stands for a channel is a parameter of the model, as its weights are.
    let along = |emit: &mut Emit<'c, 'a>, what: &str, list: &[i64]| {
        let name = loc::node_name(emit.location).unwrap_or_else(|| "requantize".into());
        let data = ParamData::I64(list.to_vec().into());
        let list = emit.weight(&format!("{name}.{what}"), &[list.len()], &data)?;
        emit.view(list, &View::along(&shape, attrs.axis))
    };
    let mut constant = half(attrs.shift);
    let mut terms = vec![];
    for (&x, multipliers) in xs.iter().zip(&attrs.multipliers) {
        let x = emit.broadcast(x, &shape)?;
        match multipliers[..] {
            [m] => terms.push((m, x)),
            _ => {
                let factors = along(emit, "multiplier", multipliers)?;
                terms.push((1, emit.mul(x, factors)?));
            }
        }
    }
    match attrs.bias[..] {
        [] => {}
        [bias] => constant += i128::from(bias),
        _ => terms.push((1, along(emit, "bias", &attrs.bias)?)),
    }
    let constant = i64::try_from(constant)
        .map_err(|_| Error::new(format!("the bias and half of 2^{} leave 64 bits", attrs.shift)))?;
    emit.affine(&terms, constant)
}

/// What is known of a requantization beside its operands.
pub(crate) struct Known<'w> {
    /// How far to both sides of 0 what is shifted reaches, where that may be less than its interval.
    pub reach: Option<f64>,
    /// How many elements all requantizations have that are alike, and would share a table.
    pub alike: usize,
    /// What proves it.
    pub target: &'w TargetSpec,
}

impl Known<'_> {
    /// Bits of the key of a table that clamps what lies in ±2^bits: of one limb where they suffice, else as many as pay.
    ///
    /// A clamp of more than one limb has four cells and two lookups more than one of a key that a table holds.
    fn key_bits(&self, bits: u32) -> Option<u32> {
        let (needed, prices) = (bits + 1, &self.target.prices);
        if needed <= LIMB_BITS {
            return Some(LIMB_BITS);
        }
        // few sizes, which layers share
        let key = needed.next_multiple_of(2);
        let limbs = 4.0 * prices.witness_cell + 2.0 * prices.lookup;
        let table = 2.0 * prices.fixed_cell + prices.witness_cell + prices.lookup;
        let pays = limbs * self.alike as f64 > table * 2f64.powi(key as i32);
        (key <= u32::from(self.target.capabilities.max_log_table) && pays).then_some(key)
    }
}

/// Lowers a requantization of a weighted sum.
pub(crate) fn requantize<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    xs: &[Value<'c, 'a>],
    attrs: &RequantizeAttrs,
    known: &Known,
) -> Result<Value<'c, 'a>> {
    let limb = LIMB_BITS.min(known.target.capabilities.max_log_table.into());
    let RequantizeAttrs { shift, min, max, .. } = attrs;
    let scaled = sum(emit, xs, attrs)?;
    let found = emit.hull(scaled)?;
    if *shift == 0 {
        // nothing is rounded, and what is clamped has no other value
        return match Interval::new(*min, *max).contains(found) {
            true => Ok(scaled),
            false => wide(emit, scaled, attrs, known),
        };
    }
    let held = |low: u32| 1i128 << (low + limb - 1);
    let fits = |factor: i128, low: u32| {
        Interval { lo: -held(low), hi: held(low) - 1 }.contains(found * Interval::point(factor))
    };
    let missing = limb.saturating_sub(*shift);
    let (factor, low) = if fits(1, limb - missing) { (1, limb - missing) } else { (1i64 << missing, limb) };
    if !fits(factor.into(), low) && limb == LIMB_BITS {
        return wide(emit, scaled, attrs, known);
    }
    if !fits(factor.into(), low) {
        let bits = 128 - (found * Interval::point(factor)).abs_max().leading_zeros();
        return Err(Error::new(format!(
            "the weighted sum may have {bits} bits besides its sign; a requantization is proven for {}: \
             use smaller multipliers with a smaller shift",
            limb + limb - 1
        ))
        .note(format!("the sum lies within {found}")));
    }
    let biased = emit.affine(&[(factor, scaled)], held(low) as i64)?;
    let shift = shift + factor.trailing_zeros();
    let high = emit.high(biased, low)?;
    let f = TableFunction::Clamp {
        lo: 0,
        hi: (1 << limb) - 1,
        offset: -(1 << (limb - 1)),
        shift: shift - low,
        min: *min,
        max: *max,
    };
    let signed = |v: &i64| v.to_string().replace('-', "m");
    emit.lookup(high, &format!("requant_{shift}_{}_{}", signed(min), signed(max)), &f)
}

/// clamp(A >> shift, min, max) for A of more than two limbs.
fn wide<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    scaled: Value<'c, 'a>,
    attrs: &RequantizeAttrs,
    known: &Known,
) -> Result<Value<'c, 'a>> {
    let RequantizeAttrs { shift, min, max, .. } = attrs;
    let found = emit.hull(scaled)?;
    // what is shifted lies in −2^bits..2^bits
    let reaches = |reach: f64| (reach / 2f64.powi(*shift as i32)).max(1.0).log2().floor() as u32 + 1;
    let bits = known.reach.map(reaches);
    let all = reaches(found.abs_max() as f64);
    let clamp = Interval::new(*min, *max);
    if clamp.contains(Interval { lo: found.lo >> shift, hi: found.hi >> shift }) {
        let within = bits.map(|bits| Interval { lo: -(1i128 << bits), hi: (1i128 << bits) - 1 });
        let fewer = within.filter(|within| {
            limbs(*within) < limbs(Interval { lo: found.lo >> shift, hi: found.hi >> shift })
        });
        return wide::shifted(emit, scaled, *shift, fewer);
    }
    let key = known.key_bits(bits.unwrap_or(all).min(all));
    if *min < -(1 << (LIMB_BITS - 1)) || *max >= 1 << (LIMB_BITS - 1) {
        return Err(Error::new(format!(
            "clamps values within {found}, shifted by {shift} bits, to {clamp}: a clamp has at most 16 bits"
        )));
    }
    // what a clamp adds, before the shift
    let half = 1i64 << (key.unwrap_or(LIMB_BITS) - 1);
    let bias = half.checked_shl(*shift).filter(|bias| bias >> shift == half);
    let bias =
        bias.ok_or_else(|| Error::new(format!("a clamp after a shift by {shift} bits leaves 64 bits")))?;
    let biased = emit.affine(&[(1, scaled)], bias)?;
    let high = wide::unchecked(emit, biased, *shift)?;
    match key {
        Some(key) => wide::clamp_short(emit, high, key, (*min, *max)),
        None => wide::clamp(emit, high, (*min, *max)),
    }
}

/// Limbs that an interval is shown with.
fn limbs(x: Interval) -> u32 {
    let bits = 129 - x.abs_max().leading_zeros();
    bits.div_ceil(LIMB_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_api::Prices;

    /// One table of a wide key is made where enough elements share it, and the backend has such tables.
    #[test]
    fn a_wide_key_has_a_table_where_that_pays() {
        let mut target = TargetSpec::default();
        target.capabilities.max_log_table = 20;
        target.prices = Prices { witness_cell: 50.0, lookup: 100.0, fixed_cell: 15.0, ..Prices::default() };
        let bits = |bits: u32, alike: usize, target: &TargetSpec| {
            Known { reach: None, alike, target }.key_bits(bits)
        };
        assert_eq!(bits(15, 0, &target), Some(16), "a limb is enough");
        assert_eq!(bits(16, 1000, &target), None, "few elements do not pay for a table");
        assert_eq!(bits(16, 1 << 20, &target), Some(18));
        assert_eq!(bits(18, 1 << 20, &target), Some(20));
        assert_eq!(bits(20, 1 << 30, &target), None, "beyond any table");
        target.capabilities.max_log_table = 16;
        assert_eq!(bits(16, 1 << 20, &target), None, "a backend of small tables");
    }
}
