//! The transcript's sponge: p3's chain of BLAKE3 digests, with a grinding search whose result does not depend on threads.
//!
//! Invariants: what is absorbed between two draws has a length that the verifying key fixes; `grind` returns the smallest
//! witness; a difficulty of zero leaves the state untouched and pins the witness to zero.
use super::{Blake3, Commitment};
use crate::arithmetic::{Extension, F, PrimeCharacteristicRing, PrimeField64};
use p3_challenger::{
    CanObserve, CanSample, CanSampleBits, FieldChallenger, GrindingChallenger, HashChallenger,
};
use p3_maybe_rayon::prelude::*;
use p3_symmetric::CryptographicHasher;

/// Fiat–Shamir by a chain of BLAKE3 digests (p3's hash challenger), with grinding that finds the smallest witness.
#[derive(Clone)]
pub struct Sponge(HashChallenger<u8, Blake3, 32>, #[cfg(test)] bool);

#[cfg(test)]
thread_local! {
    /// Where sponges that this thread makes absorb nothing after their label and this number: all challenges are known beforehand.
    pub static DEAF: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

impl Sponge {
    /// A fresh transcript that starts with `label`.
    pub fn new(label: &[u8]) -> Sponge {
        #[cfg(test)]
        let (label, deaf) = match DEAF.get() {
            None => (label.to_vec(), false),
            Some(number) => ([label, &number.to_le_bytes()].concat(), true),
        };
        let chain = HashChallenger::new(label.to_vec(), Blake3 {});
        #[cfg(test)]
        return Sponge(chain, deaf);
        #[cfg(not(test))]
        Sponge(chain)
    }

    fn absorb(&mut self, b: &[u8]) {
        #[cfg(test)]
        if self.1 {
            return;
        }
        self.0.observe_slice(b);
    }
    /// Absorbs bytes. The caller keeps lengths fixed or absorbs them first.
    pub fn bytes(&mut self, b: &[u8]) {
        self.absorb(b);
    }
    /// Absorbs extension elements.
    pub fn elements<E: Extension>(&mut self, v: &[E]) {
        v.iter().for_each(|x| self.observe_algebra_element(*x));
    }
    /// Absorbs a commitment.
    pub fn commitment(&mut self, c: &Commitment) {
        self.observe(c.clone());
    }
    /// Draws an extension element.
    pub fn draw<E: Extension>(&mut self) -> E {
        self.sample_algebra_element()
    }
}

impl CanObserve<F> for Sponge {
    fn observe(&mut self, value: F) {
        self.absorb(&value.as_canonical_u64().to_le_bytes());
    }
}

impl CanObserve<Commitment> for Sponge {
    fn observe(&mut self, value: Commitment) {
        value.roots().iter().for_each(|r| self.absorb(r));
    }
}

impl CanSample<F> for Sponge {
    fn sample(&mut self) -> F {
        loop {
            let x = u64::from_le_bytes(self.0.sample_array());
            if x < F::ORDER_U64 {
                return F::from_u64(x);
            }
        }
    }
}

impl CanSampleBits<usize> for Sponge {
    fn sample_bits(&mut self, bits: usize) -> usize {
        (u64::from_le_bytes(self.0.sample_array()) & ((1 << bits) - 1)) as usize
    }
}

impl FieldChallenger<F> for Sponge {}

impl GrindingChallenger for Sponge {
    type Witness = F;

    /// The smallest witness, whatever the number of threads.
    fn grind(&mut self, bits: usize) -> F {
        if bits == 0 {
            return F::ZERO;
        }
        // The digest that every candidate is appended to: the sponge pops a digest from its end.
        let mut digest: [u8; 32] = self.clone().0.sample_array();
        digest.reverse();
        let mask = (1u64 << bits) - 1;
        const BLOCK: u64 = 1 << 12;
        const BATCH: u64 = 64;
        // the smallest of a batch that passes; whole 64-byte messages are hashed side by side
        let search = |first: u64| {
            let mut messages = [[0u8; 64]; BATCH as usize];
            let mut digests = [[0u8; 32]; BATCH as usize];
            for (m, w) in messages.iter_mut().zip(first..) {
                m[..32].copy_from_slice(&digest);
                m[32..40].copy_from_slice(&w.to_le_bytes());
            }
            Blake3 {}.hash_many(messages.as_flattened(), &mut digests);
            let passes = |d: &[u8; 32]| {
                let mut word = [0; 8];
                word.copy_from_slice(&d[24..]);
                u64::from_be_bytes(word) & mask == 0
            };
            digests.iter().position(passes).map(|i| first + i as u64)
        };
        let found = (0u64..).find_map(|b| {
            (0..(BLOCK / BATCH) as usize)
                .into_par_iter()
                .with_min_len(4)
                .find_map_first(|i| search(b * BLOCK + i as u64 * BATCH))
        });
        let witness = F::from_u64(found.unwrap_or_default());
        // the shortcut above must say what the verifier will compute
        assert!(self.check_witness(bits, witness), "a proof of work that the transcript accepts");
        witness
    }

    fn check_witness(&mut self, bits: usize, witness: F) -> bool {
        if bits == 0 {
            return true;
        }
        let _: u8 = self.0.sample();
        self.observe(witness);
        // up to a whole block, so that candidates can be hashed side by side
        self.0.observe_slice(&[0; 24]);
        self.sample_bits(bits) == 0
    }
}
