//! The field of a Program: Goldilocks. Only what plain data needs: the modulus and the map from signed integers.
//!
//! Invariant: integers in a Program or a trace are `i64` and mean their residue; |x| < p/2 for every honest cell.

/// p = 2⁶⁴ − 2³² + 1.
pub const MODULUS: u64 = 0xFFFF_FFFF_0000_0001;

/// The residue of a signed integer, in `0..p`.
pub fn residue(x: i64) -> u64 {
    if x >= 0 { x as u64 } else { MODULUS - x.unsigned_abs() }
}

/// a·b mod p for canonical residues.
pub fn mul(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) % MODULUS as u128) as u64
}

/// a+b mod p for canonical residues.
pub fn add(a: u64, b: u64) -> u64 {
    ((a as u128 + b as u128) % MODULUS as u128) as u64
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
