//! How long normalized rows are, and how far sums of their products reach: |Σ w·y| ≤ ‖w‖·‖y‖ (Cauchy and Schwarz), which is far below
//! Σ |w|·max |y| for rows of many elements. Of shares of a softmax, Σ p·v ≤ Σ p·max |v| in the same way.
//!
//! # Correctness
//! Nothing that is proven rests on this. A sum is shown to lie where this says by a range check, which an honest prover's sums pass:
//! z·root(v)·2^(E−e) >> shift is within half a unit of the product, and Σ z² < (v + 1)·4^e, so
//! ‖y‖ < max root(v)·√(v + 1)·2^E / 2^shift + √n/2.

use crate::lower::Parameter;
use tessera_mlir::Result;
use tessera_qnn::ops::{MANTISSAS, NormAttrs, RequantizeAttrs, half};

/// What rounding of 64-bit floats may take away.
const MARGIN: f64 = 1.0 + 1e-9;

/// How long a row of `n` elements of a normalization is at most.
pub(crate) fn of_rows(roots: &[i64], attrs: &NormAttrs, n: usize) -> f64 {
    let one = |(v, root): (i64, &i64)| *root as f64 * ((v + 1) as f64).sqrt();
    let most = MANTISSAS.zip(roots).map(one).fold(0.0, f64::max);
    let scale = 2f64.powi(attrs.exponent as i32 - attrs.shift as i32);
    (most * scale + (n as f64).sqrt() / 2.0) * MARGIN
}

/// How far the sums of each channel reach to both sides of 0, for weights `[channels, n]` and rows of that length.
pub(crate) fn of_sums(w: &Parameter, bias: Option<&Parameter>, length: f64) -> Result<Vec<f64>> {
    let (weights, n) = (w.data.to_i64s()?, w.shape.last().copied().unwrap_or(1).max(1));
    let bias = bias.map(|b| b.data.to_i64s()).transpose()?;
    let one = |(channel, w): (usize, &[i64])| {
        let squares: f64 = w.iter().map(|w| (*w as f64).powi(2)).sum();
        let bias = bias.as_ref().and_then(|b| b.get(channel)).copied().unwrap_or(0);
        squares.sqrt() * length * MARGIN + (bias as f64).abs()
    };
    Ok(weights.chunks(n).enumerate().map(one).collect())
}

/// How far what a requantization shifts reaches to both sides of 0, for sums that reach so far in each channel.
pub(crate) fn of_shifted(sums: &[f64], attrs: &RequantizeAttrs) -> f64 {
    let at = |list: &[i64], channel: usize| match list {
        [] => 0.0,
        [one] => *one as f64,
        list => list.get(channel).copied().unwrap_or(0) as f64,
    };
    let one = |(channel, sum): (usize, &f64)| {
        let multiplier = attrs.multipliers.first().map_or(1.0, |list| at(list, channel));
        sum * multiplier.abs() + at(&attrs.bias, channel).abs()
    };
    sums.iter().enumerate().map(one).fold(0.0, f64::max) * MARGIN + half(attrs.shift) as f64 + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_mlir::params::ParamData;

    /// What the interpreter gives for a row that is not centred.
    fn normalized(row: &[i64], roots: &[i64], attrs: &NormAttrs) -> Vec<i64> {
        let z: Vec<i128> = row.iter().map(|x| i128::from(*x) << attrs.fraction).collect();
        let sum = z.iter().map(|z| z * z).sum::<i128>() + i128::from(attrs.epsilon);
        let e = (0..).find(|e| sum >> (2 * e) < MANTISSAS.end.into()).unwrap();
        let root = i128::from(roots[((sum >> (2 * e)) as i64 - MANTISSAS.start) as usize]);
        let one = |z: &i128| ((z * (root << (attrs.exponent - e)) + half(attrs.shift)) >> attrs.shift) as i64;
        z.iter().map(one).collect()
    }

    fn dot(a: &[i64], b: &[i64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a * b) as f64).sum()
    }

    /// Rows of one great element, of equal ones, and of many are no longer than that, and come near; so do sums of their products.
    #[test]
    fn nothing_is_longer_and_some_come_near() {
        const N: usize = 64;
        let attrs = NormAttrs { mean: None, fraction: 4, epsilon: 1 << 14, exponent: 20, shift: 30 };
        let roots: Vec<i64> = MANTISSAS.map(|v| (4194304.0 / (v as f64).sqrt()).round() as i64).collect();
        let bound = of_rows(&roots, &attrs, N);
        let (mut longest, mut greatest) = (0f64, 0f64);
        for seed in 0..2000i64 {
            let reach = 1 << (seed % 17);
            let row: Vec<i64> = (0..N as i64)
                .map(|k| match seed % 3 {
                    0 => i64::from(k == seed % N as i64) * reach,
                    1 => reach,
                    _ => ((seed * 7919 + k) * 104_729 % 2_147_483_647) % (2 * reach) - reach,
                })
                .collect();
            let y = normalized(&row, &roots, &attrs);
            let length = dot(&y, &y).sqrt();
            assert!(length <= bound, "{length} {bound} {row:?}");
            longest = longest.max(length);
            let w = Parameter { name: "w".into(), shape: vec![1, N], data: ParamData::I64(y.clone().into()) };
            let sums = of_sums(&w, None, bound).unwrap();
            assert!(dot(&y, &y) <= sums[0]);
            greatest = greatest.max(dot(&y, &y) / sums[0].max(1.0));
        }
        assert!(longest > 0.99 * bound && greatest > 0.99, "{longest} of {bound}, {greatest}");
    }
}
