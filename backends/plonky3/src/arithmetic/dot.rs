//! Σ vᵢ·wᵢ for machine vectors vᵢ of base elements and extension constants wᵢ, reduced modulo p once at the end.
//!
//! A constant's coordinates are cut into three limbs of 22 bits. A limb times half a cell has at most 54 bits, so 2¹⁰ such products
//! fit in 64 bits and nothing is reduced on the way: 12 multiplications of 32 bits a cell in place of two modular ones of about
//! thirty instructions each. Without AVX-512 the sums are plain modular ones.
//!
//! Invariant: a [`Sum`] takes no more than [`MOST`] summands.
use super::{Extension, PF, PrimeCharacteristicRing};

/// How many summands a [`Sum`] may take.
pub const MOST: usize = 1 << 10;

#[cfg(target_feature = "avx512f")]
pub use wide::{Constant, Sum};

#[cfg(not(target_feature = "avx512f"))]
pub use plain::{Constant, Sum};

#[cfg(target_feature = "avx512f")]
mod wide {
    use super::super::{PrimeField64, coordinates};
    use super::{Extension, PF, PrimeCharacteristicRing};
    use core::arch::x86_64::{
        __m512i, _mm512_add_epi64, _mm512_mul_epu32, _mm512_set1_epi64, _mm512_setzero_si512,
        _mm512_slli_epi64, _mm512_srli_epi64, _mm512_sub_epi64,
    };
    use core::mem::transmute;

    const LIMB: u32 = 22;
    const LIMBS: usize = 3;

    /// A constant, ready to be multiplied by.
    #[derive(Clone, Copy, Debug)]
    pub struct Constant<E: Extension>(E::Array<[u64; LIMBS]>);

    impl<E: Extension> From<E> for Constant<E> {
        fn from(x: E) -> Constant<E> {
            let limbs = |c: u64| std::array::from_fn(|j| (c >> (LIMB * j as u32)) & ((1 << LIMB) - 1));
            Constant(E::array(|i| limbs(coordinates(&x)[i].as_canonical_u64())))
        }
    }

    /// A sum so far: for each coordinate and limb the products with the lower and with the upper half of the cells.
    #[derive(Clone, Copy)]
    pub struct Sum<E: Extension>(E::Array<[[__m512i; 2]; LIMBS]>);

    fn vector(x: PF) -> __m512i {
        // SAFETY: both are 64 bytes, and every bit pattern is a value of either: packed Goldilocks elements are eight u64,
        // not necessarily below p.
        unsafe { transmute(x) }
    }

    fn field(x: __m512i) -> PF {
        // SAFETY: see `vector`.
        unsafe { transmute(x) }
    }

    /// x·2^N, where REST is 64 − N: the N bits that are shifted out count 2^64 = 2^32 − 1 each.
    #[inline(always)]
    fn shifted<const N: u32, const REST: u32>(x: PF) -> PF {
        const { assert!(N <= 32 && N + REST == 64) };
        let x = vector(x);
        // SAFETY: the module is compiled where AVX-512 is there.
        let (low, high) = unsafe {
            let over = _mm512_srli_epi64::<REST>(x);
            (_mm512_slli_epi64::<N>(x), _mm512_sub_epi64(_mm512_slli_epi64::<32>(over), over))
        };
        field(low) + field(high)
    }

    impl<E: Extension> Default for Sum<E> {
        #[inline(always)]
        fn default() -> Sum<E> {
            // SAFETY: the module is compiled where AVX-512 is there.
            Sum(E::array(|_| [[unsafe { _mm512_setzero_si512() }; 2]; LIMBS]))
        }
    }

    impl<E: Extension> Sum<E> {
        /// Adds v·w.
        #[inline(always)]
        pub fn add(&mut self, v: PF, w: &Constant<E>) {
            let v = vector(v);
            // SAFETY: the module is compiled where AVX-512 is there.
            unsafe {
                let halves = [v, _mm512_srli_epi64::<32>(v)];
                for (sums, limbs) in self.0.as_mut().iter_mut().zip(w.0.as_ref()) {
                    for (sums, limb) in sums.iter_mut().zip(limbs) {
                        let limb = _mm512_set1_epi64(*limb as i64);
                        for (sum, half) in sums.iter_mut().zip(halves) {
                            *sum = _mm512_add_epi64(*sum, _mm512_mul_epu32(half, limb));
                        }
                    }
                }
            }
        }

        /// The coordinates of the sum.
        #[inline(always)]
        pub fn total(self) -> E::Array<PF> {
            E::array(|i| {
                self.0.as_ref()[i].into_iter().rev().fold(PF::ZERO, |sum, [low, high]| {
                    shifted::<LIMB, { 64 - LIMB }>(sum) + (field(low) + shifted::<32, 32>(field(high)))
                })
            })
        }
    }
}

#[cfg(not(target_feature = "avx512f"))]
mod plain {
    use super::super::{F, coordinates};
    use super::{Extension, PF, PrimeCharacteristicRing};

    /// A constant, ready to be multiplied by.
    #[derive(Clone, Copy, Debug)]
    pub struct Constant<E: Extension>(E::Array<F>);

    impl<E: Extension> From<E> for Constant<E> {
        fn from(x: E) -> Constant<E> {
            Constant(E::array(|i| coordinates(&x)[i]))
        }
    }

    /// A sum so far.
    #[derive(Clone, Copy)]
    pub struct Sum<E: Extension>(E::Array<PF>);

    impl<E: Extension> Default for Sum<E> {
        #[inline]
        fn default() -> Sum<E> {
            Sum(E::array(|_| PF::ZERO))
        }
    }

    impl<E: Extension> Sum<E> {
        /// Adds v·w.
        #[inline]
        pub fn add(&mut self, v: PF, w: &Constant<E>) {
            self.0.as_mut().iter_mut().zip(w.0.as_ref()).for_each(|(sum, w)| *sum += v * *w);
        }

        /// The coordinates of the sum.
        #[inline]
        pub fn total(self) -> E::Array<PF> {
            self.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{F, PackedValue, coordinates};
    use super::*;
    use crate::p3::Sponge;

    /// The largest cells and constants, as many as are allowed, and ordinary ones.
    fn sums_are_those_of_the_field<E: Extension>() {
        let mut sponge = Sponge::new(b"test");
        let top: E = E::from_basis_coefficients_fn(|_| -F::ONE);
        for (n, extreme) in [(0, false), (1, false), (7, false), (MOST, true), (MOST, false)] {
            let cells: Vec<PF> = (0..n)
                .map(|_| PF::from_fn(|_| if extreme { -F::ONE } else { coordinates(&sponge.draw::<E>())[0] }))
                .collect();
            let constants: Vec<E> = (0..n).map(|_| if extreme { top } else { sponge.draw() }).collect();
            let mut sum = Sum::<E>::default();
            cells.iter().zip(&constants).for_each(|(v, w)| sum.add(*v, &Constant::from(*w)));
            let total = sum.total();
            for lane in 0..PF::WIDTH {
                let expected: E = cells.iter().zip(&constants).map(|(v, w)| *w * v.as_slice()[lane]).sum();
                let found: E = E::from_basis_coefficients_fn(|k| total.as_ref()[k].as_slice()[lane]);
                assert_eq!(found, expected, "{n} summands, lane {lane}");
            }
        }
    }

    /// Cells need not be below p.
    fn cells_above_p_count_as_their_residues<E: Extension>() {
        // SAFETY: Goldilocks elements are u64 of any value.
        let v: PF = unsafe { core::mem::transmute([u64::MAX; PF::WIDTH]) };
        let w: E = Sponge::new(b"test").draw();
        let mut sum = Sum::<E>::default();
        sum.add(v, &Constant::from(w));
        let expected = w * (F::from_u64(u32::MAX as u64 - 1));
        assert_eq!(E::from_basis_coefficients_fn(|k| sum.total().as_ref()[k].as_slice()[0]), expected);
    }

    both!(sums_are_those_of_the_field, cells_above_p_count_as_their_residues);
}
