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
    if numbers <= MOST_ROWS {
        return vec![0];
    }
    let bits = numbers.ilog2();
    (0..bits).step_by(LIMB_BITS as usize).map(|from| (bits - from).min(LIMB_BITS)).collect()
}

/// The smallest interval that holds another and can be shown: itself where one lookup does, else one of whole bits.
pub fn shown((lo, hi): (i64, i64)) -> (i64, i64) {
    if numbers((lo, hi)) <= MOST_ROWS {
        return (lo, hi);
    }
    let most = (1..62).map(|bits| 1i64 << bits).find(|&most| -most <= lo && hi < most).unwrap_or(1 << 62);
    (if lo < 0 { -most } else { 0 }, most - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limbs_cover_the_interval() {
        assert_eq!(limbs((0, 99)), [0]);
        assert_eq!(limbs((-5, (1 << 20) - 6)), [0]);
        assert_eq!(limbs((0, (1 << 21) - 1)), [16, 5]);
        assert_eq!(limbs((-(1 << 47), (1 << 47) - 1)), [16, 16, 16]);
        assert!(check_range((0, 1 << 20)).is_err() && check_range((0, i64::MAX)).is_err());
        assert!(check_range((0, (1 << 62) - 1)).is_ok() && check_range((7, 7)).is_ok());
    }
}
