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
use p3_symmetric::CryptographicHasher;

const BLOCK: usize = 64;
const CHUNK: usize = 1024;
const DIGEST: usize = 32;
/// Bytes staged per call: stays in the first-level cache.
const STAGE: usize = 16 * 1024;

/// BLAKE3 over padded rows.
#[derive(Clone, Copy, Debug)]
pub struct RowHash;

/// Lengths of the message parts: 1024 bytes, then 992 at a time.
fn parts(len: usize) -> impl Iterator<Item = (usize, usize)> {
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

impl CryptographicHasher<u8, [u8; DIGEST]> for RowHash {
    const LANES: usize = <Blake3 as CryptographicHasher<u8, [u8; DIGEST]>>::LANES;

    fn hash_iter<I: IntoIterator<Item = u8>>(&self, input: I) -> [u8; DIGEST] {
        let message: Vec<u8> = input.into_iter().collect();
        let mut digest = [0; DIGEST];
        let mut part = Vec::with_capacity(CHUNK);
        for (at, n) in parts(message.len()) {
            part.clear();
            if at > 0 {
                part.extend(digest);
            }
            part.extend(&message[at..at + n]);
            part.resize(part.len().next_multiple_of(BLOCK), 0);
            digest = *blake3::hash(&part).as_bytes();
        }
        digest
    }

    fn hash_many(&self, input: &[u8], out: &mut [[u8; DIGEST]]) {
        if out.is_empty() {
            return;
        }
        let len = input.len() / out.len();
        assert_eq!(len * out.len(), input.len(), "rows of equal length");
        let lanes = <Self as CryptographicHasher<u8, [u8; DIGEST]>>::LANES.max(1);
        let group = (STAGE / len.clamp(1, CHUNK) / lanes).max(1) * lanes;
        let mut stage = vec![];
        for (g, digests) in out.chunks_mut(group).enumerate() {
            digests.fill([0; DIGEST]);
            for (at, n) in parts(len) {
                let head = if at > 0 { DIGEST } else { 0 };
                let size = (head + n).next_multiple_of(BLOCK);
                stage.clear();
                stage.resize(size * digests.len(), 0);
                for (i, (slot, digest)) in stage.chunks_exact_mut(size).zip(digests.iter()).enumerate() {
                    let from = (g * group + i) * len + at;
                    slot[..head].copy_from_slice(&digest[..head]);
                    slot[head..head + n].copy_from_slice(&input[from..from + n]);
                }
                Blake3 {}.hash_many(&stage, digests);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rows_hash_as_one_by_one() {
        for len in [0, 1, 8, 40, 63, 64, 65, 512, 1023, 1024, 1025, 2016, 2017, 5000] {
            for count in [1, 3, 16, 17, 70] {
                let input: Vec<u8> = (0..len * count).map(|i| (i * i / 7 + i) as u8).collect();
                let mut out = vec![[1; 32]; count];
                RowHash.hash_many(&input, &mut out);
                for (i, d) in out.iter().enumerate() {
                    assert_eq!(*d, RowHash.hash_iter(input[i * len..(i + 1) * len].iter().copied()));
                }
            }
        }
    }
}
