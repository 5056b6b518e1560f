//! Products of pairs of 16-bit numbers, summed in 32 bits, for 16 output channels a vector: the innermost loop of
//! [`super::narrow`], in the widest form that the machine has.
//!
//! Sums wrap; the caller has shown that the final ones fit.
//!
//! The instructions: `vpdpwssd` (AVX-512 VNNI) and `vpmaddwd` (AVX2), see the Intel Intrinsics Guide. Compilers do not find
//! them in plain loops.

/// Weights of 16 output channels for a pair of inputs: channel 0's two, channel 1's two, …
pub(super) type Lanes = [i16; 32];
/// A pair of inputs.
pub(super) type Pair = [i16; 2];
/// Sums of `B` positions and `16 V` output channels.
pub(super) type Sums<const V: usize, const B: usize> = [[[i32; 16]; V]; B];

/// `sums[b][c] = Σ_i w[i][c] · x[b][i]`, pairwise. Every `x[b]` must be as long as `w`.
#[inline]
pub(super) fn tile<const V: usize, const B: usize>(w: &[[Lanes; V]], x: [&[Pair]; B]) -> Sums<V, B> {
    assert!(x.iter().all(|x| x.len() == w.len()));
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
            // SAFETY: the machine has these instructions.
            return unsafe { x86::vnni(w, x) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has these instructions.
            return unsafe { x86::avx2(w, x) };
        }
    }
    plain(w, x)
}

fn plain<const V: usize, const B: usize>(w: &[[Lanes; V]], x: [&[Pair]; B]) -> Sums<V, B> {
    let mut sums = [[[0i32; 16]; V]; B];
    for (i, w) in w.iter().enumerate() {
        for (sums, x) in sums.iter_mut().zip(&x) {
            let [a, b] = x[i].map(i32::from);
            for (sums, w) in sums.iter_mut().zip(w) {
                for (sum, w) in sums.iter_mut().zip(w.as_chunks::<2>().0) {
                    let pair = (a * w[0] as i32).wrapping_add(b * w[1] as i32);
                    *sum = sum.wrapping_add(pair);
                }
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, Pair, Sums};
    use std::arch::x86_64::*;

    /// Both numbers of a pair as one 32-bit lane, the first in the lower half.
    fn joined([a, b]: Pair) -> i32 {
        (a as u16 as u32 | (b as u16 as u32) << 16) as i32
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn vnni<const V: usize, const B: usize>(w: &[[Lanes; V]], x: [&[Pair]; B]) -> Sums<V, B> {
        let mut acc = [[_mm512_setzero_si512(); V]; B];
        for (i, w) in w.iter().enumerate() {
            // SAFETY: the 64 bytes of `Lanes` are read, from anywhere.
            let w: [__m512i; V] =
                std::array::from_fn(|v| unsafe { _mm512_loadu_si512(w[v].as_ptr().cast()) });
            for b in 0..B {
                let pair = _mm512_set1_epi32(joined(x[b][i]));
                for v in 0..V {
                    acc[b][v] = _mm512_dpwssd_epi32(acc[b][v], w[v], pair);
                }
            }
        }
        let mut sums = [[[0; 16]; V]; B];
        for (sums, acc) in sums.iter_mut().zip(&acc) {
            for (sums, acc) in sums.iter_mut().zip(acc) {
                // SAFETY: 16 sums of 4 bytes are written.
                unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), *acc) };
            }
        }
        sums
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2<const V: usize, const B: usize>(w: &[[Lanes; V]], x: [&[Pair]; B]) -> Sums<V, B> {
        let mut sums = [[[0; 16]; V]; B];
        // two positions at a time: more accumulators than that do not fit 16 registers
        for (sums, x) in sums.chunks_mut(2).zip(x.chunks(2)) {
            match (sums, x) {
                ([a, b], [x, y]) => [*a, *b] = pairs(w, [x, y]),
                ([a], [x]) => [*a] = pairs(w, [x]),
                _ => {}
            }
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn pairs<const V: usize, const B: usize>(w: &[[Lanes; V]], x: [&[Pair]; B]) -> Sums<V, B> {
        let mut acc = [[[_mm256_setzero_si256(); 2]; V]; B];
        for (i, w) in w.iter().enumerate() {
            let x: [__m256i; B] = std::array::from_fn(|b| _mm256_set1_epi32(joined(x[b][i])));
            for v in 0..V {
                for (h, half) in w[v].as_chunks::<16>().0.iter().enumerate() {
                    // SAFETY: the 32 bytes of half a vector are read, from anywhere.
                    let w = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
                    for b in 0..B {
                        acc[b][v][h] = _mm256_add_epi32(acc[b][v][h], _mm256_madd_epi16(w, x[b]));
                    }
                }
            }
        }
        let mut sums = [[[0; 16]; V]; B];
        for (sums, acc) in sums.iter_mut().flatten().zip(acc.iter().flatten()) {
            for (half, acc) in sums.as_chunks_mut::<8>().0.iter_mut().zip(acc) {
                // SAFETY: 8 sums of 4 bytes are written.
                unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), *acc) };
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u64) -> impl FnMut() -> i16 {
        let mut s = seed;
        move || {
            s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (s >> 48) as i16
        }
    }

    /// All forms agree on all 16-bit numbers, −2¹⁵ included: sums wrap alike.
    #[test]
    fn every_form_computes_the_same() {
        for seed in 0..50 {
            let mut next = numbers(seed);
            let n = seed as usize;
            let extreme = seed % 2 == 0;
            let mut number = || if extreme && next() < 0 { i16::MIN } else { next() };
            let w: Vec<[Lanes; 2]> =
                (0..n).map(|_| std::array::from_fn(|_| std::array::from_fn(|_| number()))).collect();
            let x: Vec<Vec<Pair>> = (0..3).map(|_| (0..n).map(|_| [number(), number()]).collect()).collect();
            let x = [&x[0][..], &x[1][..], &x[2][..]];
            let expected = plain(&w, x);
            for (b, x) in x.iter().enumerate() {
                for c in 0..32 {
                    let sum = w.iter().zip(*x).fold(0i64, |s, (w, x)| {
                        let w = &w[c / 16][c % 16 * 2..][..2];
                        s + w[0] as i64 * x[0] as i64 + w[1] as i64 * x[1] as i64
                    });
                    assert_eq!(expected[b][c / 16][c % 16], sum as i32);
                }
            }
            assert_eq!(tile(&w, x), expected);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the machine has these instructions.
                assert_eq!(unsafe { x86::avx2(&w, x) }, expected);
            }
        }
    }
}
