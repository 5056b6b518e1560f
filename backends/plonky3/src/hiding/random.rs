//! Where the randomness of a hiding proof comes from: one seed, and a stream for each purpose.
//!
//! The seed is the hash of entropy of the operating system, of the witness and of the key. If entropy were to repeat, two proofs of
//! different witnesses or keys would still have different masks; and where all three are equal, so are the proofs.
//!
//! Invariants: a stream is named by what it is for and by where in it, never by a thread; field elements are uniform (a draw beyond
//! the modulus is drawn again).
use crate::arithmetic::{Extension, F, PrimeCharacteristicRing, PrimeField64};
use tessera_api::{Digest, Trace};

/// Purposes. Two streams of one purpose differ in group or block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Mask rows of a committed round.
    Masks(u8),
    /// Coefficients that a quotient's segments hand on.
    Segments,
    /// Random codewords.
    Codeword,
    /// Salts of a committed round.
    Salts(u8),
    /// Rows of a commitment to weights that stand for nothing.
    Weights,
    /// Salts of a commitment to weights.
    WeightSalts,
}

impl Purpose {
    fn name(self) -> [u8; 2] {
        match self {
            Purpose::Masks(round) => [0, round],
            Purpose::Segments => [1, 0],
            Purpose::Codeword => [2, 0],
            Purpose::Salts(round) => [3, round],
            Purpose::Weights => [4, 0],
            Purpose::WeightSalts => [5, 0],
        }
    }
}

/// What all randomness of one proof, or of one commitment to weights, is drawn from.
#[derive(Clone)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Entropy of the operating system.
    ///
    /// # Errors
    /// When it has none to give.
    pub fn entropy() -> Result<[u8; 32], String> {
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).map_err(|e| format!("no entropy from the operating system: {e}"))?;
        Ok(entropy)
    }

    /// Of entropy, a witness and a key.
    pub fn new(entropy: &[u8; 32], trace: &Trace, key: &Digest) -> Seed {
        let mut h = blake3::Hasher::new_derive_key("tessera hiding proofs, seed, 1");
        h.update(entropy).update(&key.0);
        let mut bytes = vec![];
        for t in trace.tables.iter().chain(&trace.publics.tensors) {
            h.update(&(t.len() as u64).to_le_bytes());
            for cells in t.chunks(1 << 13) {
                bytes.clear();
                bytes.extend(cells.iter().flat_map(|x| x.to_le_bytes()));
                h.update(&bytes);
            }
        }
        Seed(*h.finalize().as_bytes())
    }

    /// Of entropy, for the commitment to the weights of a Program.
    pub fn of_weights(entropy: &[u8; 32], program: &Digest) -> Seed {
        let mut h = blake3::Hasher::new_derive_key("tessera hidden weights, seed, 1");
        h.update(entropy).update(&program.0);
        Seed(*h.finalize().as_bytes())
    }

    /// The stream of a purpose, in some group and some block of it.
    pub fn stream(&self, purpose: Purpose, group: usize, block: usize) -> Stream {
        let mut h = blake3::Hasher::new_keyed(&self.0);
        h.update(&purpose.name()).update(&(group as u64).to_le_bytes()).update(&(block as u64).to_le_bytes());
        Stream { reader: h.finalize_xof(), buffer: [0; BUFFER], at: BUFFER }
    }
}

/// Bytes that are drawn at once: many blocks of the hash side by side.
const BUFFER: usize = 1 << 12;

/// A stream of uniform elements.
pub struct Stream {
    reader: blake3::OutputReader,
    buffer: [u8; BUFFER],
    at: usize,
}

impl Stream {
    /// The next element.
    pub fn element(&mut self) -> F {
        loop {
            if self.at == BUFFER {
                self.reader.fill(&mut self.buffer);
                self.at = 0;
            }
            let (word, _) = self.buffer[self.at..].split_first_chunk::<8>().unwrap_or((&[0xff; 8], &[]));
            self.at += 8;
            let x = u64::from_le_bytes(*word);
            if x < F::ORDER_U64 {
                return F::from_u64(x);
            }
        }
    }

    /// The next element of an extension.
    pub fn extension<E: Extension>(&mut self) -> E {
        E::from_basis_coefficients_fn(|_| self.element())
    }

    /// Fills with elements.
    pub fn fill(&mut self, cells: &mut [F]) {
        cells.iter_mut().for_each(|c| *c = self.element());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_api::Publics;

    #[test]
    fn streams_differ_by_seed_purpose_group_and_block_and_repeat_otherwise() {
        let trace = |x: i64| Trace { tables: vec![vec![1, x]], publics: Publics { tensors: vec![vec![3]] } };
        let (digest, other) = (Digest([1; 32]), Digest([2; 32]));
        let seeds = [
            Seed::new(&[0; 32], &trace(2), &digest),
            Seed::new(&[1; 32], &trace(2), &digest),
            Seed::new(&[0; 32], &trace(4), &digest),
            Seed::new(&[0; 32], &trace(2), &other),
            Seed::of_weights(&[0; 32], &digest),
            Seed::of_weights(&[1; 32], &digest),
            Seed::of_weights(&[0; 32], &other),
        ];
        let purposes = [
            Purpose::Masks(1),
            Purpose::Masks(2),
            Purpose::Segments,
            Purpose::Codeword,
            Purpose::Salts(1),
            Purpose::Weights,
            Purpose::WeightSalts,
        ];
        let mut all = vec![];
        for s in &seeds {
            for p in purposes {
                for (group, block) in [(0, 0), (0, 1), (1, 0)] {
                    let draw = || {
                        let mut cells = [F::ZERO; 4];
                        s.stream(p, group, block).fill(&mut cells);
                        cells
                    };
                    assert_eq!(draw(), draw());
                    all.push(draw().map(|x| x.as_canonical_u64()));
                }
            }
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
