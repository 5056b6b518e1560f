//! Loops over plain slices, written so that the compiler vectorizes them.
//!
//! Invariant: the unchecked ones are called only where bounds show that the results fit 64 bits; intermediate sums may
//! wrap, which leaves a final sum that fits unchanged.

/// Smallest and largest value; (0, 0) of nothing.
pub(crate) fn bounds(v: &[i64]) -> (i64, i64) {
    if v.is_empty() {
        return (0, 0);
    }
    v.iter().fold((i64::MAX, i64::MIN), |(lo, hi), x| (lo.min(*x), hi.max(*x)))
}

/// out = constant + Σ coefficient · column.
pub(crate) fn affine(out: &mut [i64], cols: &[Vec<i64>], terms: &[(i64, usize)], constant: i64) {
    let (first, rest) = match terms {
        [] => return out.fill(constant),
        [(1, a), (-1, b)] => {
            for ((o, x), y) in out.iter_mut().zip(&cols[*a]).zip(&cols[*b]) {
                *o = constant.wrapping_add(x.wrapping_sub(*y));
            }
            return;
        }
        [first, rest @ ..] => (first, rest),
    };
    match first.0 {
        1 => out.iter_mut().zip(&cols[first.1]).for_each(|(o, x)| *o = constant.wrapping_add(*x)),
        k => out
            .iter_mut()
            .zip(&cols[first.1])
            .for_each(|(o, x)| *o = constant.wrapping_add(k.wrapping_mul(*x))),
    }
    for (k, r) in rest {
        match k {
            1 => out.iter_mut().zip(&cols[*r]).for_each(|(o, x)| *o = o.wrapping_add(*x)),
            k => out.iter_mut().zip(&cols[*r]).for_each(|(o, x)| *o = o.wrapping_add(k.wrapping_mul(*x))),
        }
    }
}

/// As [`affine`], every element checked; errs with the first element that leaves 64 bits.
pub(crate) fn affine_checked(
    out: &mut [i64],
    cols: &[Vec<i64>],
    terms: &[(i64, usize)],
    constant: i64,
) -> Result<(), usize> {
    for (i, o) in out.iter_mut().enumerate() {
        let sum = terms
            .iter()
            .try_fold(constant as i128, |s, (k, r)| s.checked_add(*k as i128 * cols[*r][i] as i128));
        *o = sum.and_then(|s| i64::try_from(s).ok()).ok_or(i)?;
    }
    Ok(())
}

/// out = a · b.
pub(crate) fn mul(out: &mut [i64], a: &[i64], b: &[i64]) {
    for ((o, x), y) in out.iter_mut().zip(a).zip(b) {
        *o = x.wrapping_mul(*y);
    }
}

/// As [`mul`], every element checked; errs with the first element that leaves 64 bits.
pub(crate) fn mul_checked(out: &mut [i64], a: &[i64], b: &[i64]) -> Result<(), usize> {
    for (i, ((o, x), y)) in out.iter_mut().zip(a).zip(b).enumerate() {
        *o = x.checked_mul(*y).ok_or(i)?;
    }
    Ok(())
}
