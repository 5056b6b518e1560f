//! All digests of a Merkle tree, as they lie in a key's file: its root, and the paths of its openings, node by node as p3 finds them.
//!
//! # Correctness
//! A prover uses this, no verifier. Digests that are not those of the rows give openings that are refused.
use super::Commitment;
use crate::arithmetic::F;
use bytes::Bytes;
use p3_merkle_tree::PrunedMerklePaths;

/// Bytes of a digest.
pub const DIGEST: usize = 32;

/// What is opened: per index, per matrix a row; and the digests that are not computed from those.
pub type Opening = (Vec<Vec<Vec<F>>>, PrunedMerklePaths<u8, DIGEST>);

/// All digests of a tree, layer by layer from the leaves to the root, each layer half as long as the one before.
#[derive(Clone)]
pub struct Digests {
    layers: usize,
    all: Bytes,
}

impl Digests {
    /// Those of a tree of 2^`layers` leaves; none where these are more or fewer.
    pub fn new(layers: usize, all: Bytes) -> Option<Digests> {
        let expected =
            2usize.checked_shl(u32::try_from(layers).ok()?)?.checked_sub(1)?.checked_mul(DIGEST)?;
        (all.len() == expected).then_some(Digests { layers, all })
    }

    /// Those of a tree over matrices of these heights, which are powers of two, extended to this inverse rate as a power of two; none where
    /// these are more or fewer, or there is no matrix.
    pub fn over(heights: impl Iterator<Item = usize>, log_blowup: u8, all: Bytes) -> Option<Digests> {
        Digests::new(heights.max()?.trailing_zeros() as usize + usize::from(log_blowup), all)
    }

    /// The root.
    pub fn commitment(&self) -> Commitment {
        Commitment::new(vec![self.digest(self.layers, 0)])
    }

    /// All of them, one after the other.
    pub fn bytes(&self) -> &Bytes {
        &self.all
    }

    fn digest(&self, layer: usize, index: usize) -> [u8; DIGEST] {
        let (leaves, left) = (1usize << self.layers, 1usize << (self.layers - layer));
        let at = (2 * (leaves - left) + index) * DIGEST;
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(&self.all[at..at + DIGEST]);
        digest
    }

    /// The digests that are missing to compute the root from the leaves at these indices, in p3's order.
    pub fn paths(&self, indices: &[usize]) -> PrunedMerklePaths<u8, DIGEST> {
        let mut nodes = indices.to_vec();
        nodes.sort_unstable();
        nodes.dedup();
        let mut sibling_hashes = vec![];
        for layer in 0..self.layers {
            let alone = |i: &usize| nodes.binary_search(&(nodes[*i] ^ 1)).is_err();
            sibling_hashes.extend((0..nodes.len()).filter(alone).map(|i| self.digest(layer, nodes[i] ^ 1)));
            nodes.iter_mut().for_each(|n| *n >>= 1);
            nodes.dedup();
        }
        PrunedMerklePaths { sibling_hashes }
    }
}
