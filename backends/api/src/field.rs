//! The field of a Program: Goldilocks. Only what plain data needs: the modulus and the map from signed integers.
//!
//! Invariant: integers in a Program or a trace are `i64` and mean their residue; |x| < p/2 for every honest cell.

/// p = 2⁶⁴ − 2³² + 1.
pub const MODULUS: u64 = 0xFFFF_FFFF_0000_0001;

/// The residue of a signed integer, in `0..p`.
pub fn residue(x: i64) -> u64 {
    if x >= 0 { x as u64 } else { MODULUS - x.unsigned_abs() }
}

/// The integer next to zero of a residue: beyond p/2 a negative one.
pub fn integer(x: u64) -> i64 {
    if x > MODULUS / 2 { -((MODULUS - x) as i64) } else { x as i64 }
}

/// Whether it is the integer next to zero of its residue.
pub fn is_balanced(x: i64) -> bool {
    x.unsigned_abs() <= MODULUS / 2
}

/// a·b mod p for canonical residues.
#[inline]
pub fn mul(a: u64, b: u64) -> u64 {
    let x = a as u128 * b as u128;
    // 2⁶⁴ = 2³² − 1 and 2⁹⁶ = −1 mod p: x = low + 2⁶⁴·middle + 2⁹⁶·high
    let (low, middle, high) = (x as u64, (x >> 64) as u64 & 0xFFFF_FFFF, (x >> 96) as u64);
    let (t, borrow) = low.overflowing_sub(high);
    let t = if borrow { t.wrapping_add(MODULUS) } else { t };
    let (r, carry) = t.overflowing_add((middle << 32) - middle);
    if carry || r >= MODULUS { r.wrapping_sub(MODULUS) } else { r }
}

/// a+b mod p for canonical residues.
#[inline]
pub fn add(a: u64, b: u64) -> u64 {
    let (r, carry) = a.overflowing_add(b);
    if carry || r >= MODULUS { r.wrapping_sub(MODULUS) } else { r }
}

/// The inverse of a non-zero residue (Fermat); zero for zero.
pub fn inv(a: u64) -> u64 {
    pow(a, MODULUS - 2)
}

/// aⁿ mod p.
pub fn pow(mut a: u64, mut n: u64) -> u64 {
    let mut r = 1;
    while n > 0 {
        if n & 1 == 1 {
            r = mul(r, a);
        }
        a = mul(a, a);
        n >>= 1;
    }
    r
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agree(a: u64, b: u64) {
        assert_eq!(mul(a, b) as u128, a as u128 * b as u128 % MODULUS as u128, "{a} · {b}");
        assert_eq!(add(a, b) as u128, (a as u128 + b as u128) % MODULUS as u128, "{a} + {b}");
    }

    #[test]
    fn edges_agree_with_plain_division() {
        let edges = [0, 1, 2, 0xFFFF_FFFF, 1 << 32, 1 << 63, MODULUS - 1, MODULUS - 2, MODULUS - (1 << 32)];
        edges.iter().for_each(|a| edges.iter().for_each(|b| agree(*a, *b)));
    }

    proptest! {
        #[test]
        fn products_and_sums_agree_with_plain_division(a in 0..MODULUS, b in 0..MODULUS) {
            agree(a, b);
            prop_assert!(a == 0 || mul(a, inv(a)) == 1);
        }
    }
}
