//! The leaf hash: BLAKE3 of a row, padded with zeros to whole 64-byte blocks so that many rows are hashed at once.
//!
//! p3-blake3 hashes messages side by side in one machine vector only as far as they are whole blocks of one 1024-byte
//! chunk. Rows are padded to whole blocks, and rows longer than a chunk are hashed as a chain:
//! h₁ = BLAKE3(first 1024 bytes), hᵢ₊₁ = BLAKE3(hᵢ ‖ next 992 bytes).
//!
//! # Correctness
//! Padding and chaining are injective for messages of one length, and the verifying key fixes the length of every row of every
//! tree; a collision is a collision of BLAKE3. Leaves and inner nodes cannot be confused: depths are fixed too.
use super::Blake3;
use crate::arithmetic::{F, PrimeField64};
use p3_symmetric::CryptographicHasher;

/// Elements of a block, of a chunk, of a digest.
const BLOCK: usize = 8;
const CHUNK: usize = 128;
const DIGEST: usize = 4;
/// Elements staged per call: 16 KiB stay in the first-level cache.
const STAGE: usize = 2048;

/// BLAKE3 over padded rows of field elements, eight bytes each, little endian, canonical.
#[derive(Clone, Copy, Debug)]
pub struct RowHash;

/// (start, length) of the parts of a row, in elements: 128, then 124 at a time.
pub(super) fn parts(len: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let room = if at == 0 { CHUNK } else { CHUNK - DIGEST };
        let n = room.min(len - at);
        (n > 0).then(|| {
            at += n;
            (at - n, n)
        })
    })
}

/// Writes a part of a row: the digest so far unless it is the first, then the elements. The rest of `slot` is left alone.
fn fill(slot: &mut [u8], first: bool, digest: &[u8; 32], elements: &[F]) {
    let head = if first { 0 } else { 32 };
    slot[..head].copy_from_slice(&digest[..head]);
    for (bytes, x) in slot[head..].chunks_exact_mut(8).zip(elements) {
        bytes.copy_from_slice(&x.as_canonical_u64().to_le_bytes());
    }
}

/// Bytes of a part, padding included.
fn size(first: bool, elements: usize) -> usize {
    (elements + if first { 0 } else { DIGEST }).next_multiple_of(BLOCK) * 8
}

/// Rows that are staged at a time where so many of their elements are hashed together.
fn staged(elements: usize) -> usize {
    let lanes = <RowHash as CryptographicHasher<F, [u8; 32]>>::LANES.max(1);
    (STAGE / elements.clamp(1, CHUNK) / lanes).max(1) * lanes
}

impl RowHash {
    /// Hashes a part of many rows, as [`parts`] has it: `digests` are those of the parts before it, and become those of this one.
    pub(super) fn part<'a>(
        &self,
        first: bool,
        elements: usize,
        stage: &mut Vec<u8>,
        digests: &mut [[u8; 32]],
        row: impl Fn(usize) -> &'a [F],
    ) {
        let size = size(first, elements);
        let group = staged(elements);
        for (g, digests) in digests.chunks_mut(group).enumerate() {
            stage.clear();
            stage.resize(size * digests.len(), 0);
            for (i, (slot, digest)) in stage.chunks_exact_mut(size).zip(digests.iter()).enumerate() {
                fill(slot, first, digest, row(g * group + i));
            }
            Blake3 {}.hash_many(stage, digests);
        }
    }
}

impl CryptographicHasher<F, [u8; 32]> for RowHash {
    const LANES: usize = <Blake3 as CryptographicHasher<u8, [u8; 32]>>::LANES;

    fn hash_iter<I: IntoIterator<Item = F>>(&self, input: I) -> [u8; 32] {
        let row: Vec<F> = input.into_iter().collect();
        let mut digest = [0; 32];
        for (at, n) in parts(row.len()) {
            let mut part = [0; 8 * CHUNK];
            let part = &mut part[..size(at == 0, n)];
            fill(part, at == 0, &digest, &row[at..at + n]);
            digest = *blake3::hash(part).as_bytes();
        }
        digest
    }

    fn hash_many(&self, input: &[F], out: &mut [[u8; 32]]) {
        if out.is_empty() {
            return;
        }
        let len = input.len() / out.len();
        assert_eq!(len * out.len(), input.len(), "rows of equal length");
        let group = staged(len);
        let mut stage = vec![];
        for (g, digests) in out.chunks_mut(group).enumerate() {
            tessera_cancel::point();
            digests.fill([0; 32]);
            for (at, n) in parts(len) {
                self.part(at == 0, n, &mut stage, digests, |i| &input[(g * group + i) * len + at..][..n]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::PrimeCharacteristicRing;

    #[test]
    fn many_rows_hash_as_one_by_one() {
        for len in [0, 1, 5, 7, 8, 9, 64, 127, 128, 129, 252, 253, 700] {
            for count in [1, 3, 16, 17, 70] {
                let input: Vec<F> = (0..len * count).map(|i| F::from_u64((i * i / 7 + i) as u64)).collect();
                let mut out = vec![[1; 32]; count];
                RowHash.hash_many(&input, &mut out);
                for (i, d) in out.iter().enumerate() {
                    assert_eq!(*d, RowHash.hash_iter(input[i * len..(i + 1) * len].iter().copied()));
                }
            }
        }
    }

    #[test]
    fn short_rows_are_plain_blake3_of_whole_blocks() {
        let row: Vec<F> = (0..13).map(F::from_u64).collect();
        let mut bytes: Vec<u8> = (0..13u64).flat_map(u64::to_le_bytes).collect();
        bytes.resize(128, 0);
        assert_eq!(RowHash.hash_iter(row), *blake3::hash(&bytes).as_bytes());
    }
}
