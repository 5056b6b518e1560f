//! Range checks: which intervals a value can be shown to lie in, and in how many lookups.
//!
//! Invariants: an interval has at most [`MOST_ROWS`] numbers, and is one table, or a power of two of them, and is the sum of its low end
//! and limbs, of [`LIMB_BITS`] bits each but the last.

use tessera_mlir::{Error, Result};

/// The most numbers that are looked up in one table.
pub const MOST_ROWS: i128 = 1 << 20;

/// Bits of a limb.
pub const LIMB_BITS: u32 = 16;

/// The most bits of an interval: limbs add up to less than a quarter of the field.
const MOST_BITS: u32 = 62;

/// Rows of tables that cost next to nothing, each for an interval of its own.
const SHORT_ROWS: i128 = 1 << 12;

/// Bits of the shortest table that backends have.
const BYTE: u32 = 8;

/// How many numbers an interval has.
fn numbers((lo, hi): (i64, i64)) -> i128 {
    i128::from(hi) - i128::from(lo) + 1
}

/// Whether values can be shown to lie in an interval.
///
/// # Errors
/// When the interval is neither short nor a power of two long.
pub fn check_range(interval: (i64, i64)) -> Result<()> {
    let numbers = numbers(interval);
    let power = numbers > 0 && numbers.count_ones() == 1 && numbers <= 1 << MOST_BITS;
    if power || (1..=MOST_ROWS).contains(&numbers) {
        return Ok(());
    }
    let (lo, hi) = interval;
    Err(Error::new(format!(
        "the interval [{lo}, {hi}]: expected at most {MOST_ROWS} numbers, or a power of two of them up to 2^{MOST_BITS}, found {numbers}"
    )))
}

/// Bits of the limbs that x - lo is the sum of, least significant first; one of 0 bits where the interval is looked up as it is.
pub fn limbs(interval: (i64, i64)) -> Vec<u32> {
    let numbers = numbers(interval);
    let bits = numbers.max(1).ilog2();
    if bits <= LIMB_BITS || numbers.count_ones() != 1 {
        return vec![0];
    }
    (0..bits).step_by(LIMB_BITS as usize).map(|from| (bits - from).min(LIMB_BITS)).collect()
}

/// The interval that the high part of a split is shown to lie in, where what it holds follows from the whole: one of whole bits around
/// its own, so that splits of many intervals share few tables; its own where that takes a short table, and where the whole bits reach
/// `below` to a side, beyond which parts are not unique.
pub fn shown(own: (i64, i64), below: i128) -> (i64, i64) {
    let (lo, hi) = own;
    if numbers(own) <= SHORT_ROWS {
        return own;
    }
    let signed = lo < 0;
    // beyond one limb the second one takes a few bits or eight: tables have no fewer rows
    let whole = |bits: u32| if bits <= LIMB_BITS { bits } else { bits.next_multiple_of(BYTE) };
    let holds = |bits: u32| match signed {
        true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    };
    let fits = |bits: &u32| {
        let (least, most) = holds(*bits);
        least <= lo.into() && i128::from(hi) <= most
    };
    let Some(bits) = (1..=MOST_BITS).find(fits) else { return own };
    for bits in [whole(bits), bits] {
        let (least, most) = holds(bits);
        if -below < least && most < below {
            return (least as i64, most as i64);
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limbs_cover_the_interval() {
        assert_eq!(limbs((0, 99)), [0]);
        assert_eq!(limbs((-5, (1 << 20) - 7)), [0]);
        assert_eq!(limbs((-(1 << 15), (1 << 15) - 1)), [0]);
        assert_eq!(limbs((0, (1 << 17) - 1)), [16, 1]);
        assert_eq!(limbs((0, (1 << 21) - 1)), [16, 5]);
        assert_eq!(limbs((-(1 << 47), (1 << 47) - 1)), [16, 16, 16]);
        for (own, expected) in [
            ((-3, 2), (-3, 2)),
            ((0, 5000), (0, 8191)),
            ((-9757, 9860), (-(1 << 14), (1 << 14) - 1)),
            ((-1_016_095, 1_016_532), (-(1 << 23), (1 << 23) - 1)),
        ] {
            assert_eq!(shown(own, 1 << 60), expected);
        }
        // as far as parts are unique
        assert_eq!(shown((-1_016_095, 1_016_532), 1 << 21), (-(1 << 20), (1 << 20) - 1));
        assert_eq!(shown((-1_016_095, 1_016_532), 1 << 20), (-1_016_095, 1_016_532));
        assert!(check_range((0, 1 << 20)).is_err() && check_range((0, i64::MAX)).is_err());
        assert!(check_range((0, (1 << 62) - 1)).is_ok() && check_range((7, 7)).is_ok());
    }
}
