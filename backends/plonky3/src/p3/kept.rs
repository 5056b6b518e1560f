//! The tree of a key's summed columns, with all of its digests as they lie in the key's file: a key is opened without hashing its columns.
//!
//! p3 makes the tree, and this reads its digests out of what p3 serializes; openings are found here, node by node as p3 finds them.
//!
//! # Correctness
//! A prover uses this, no verifier. Digests that are not those of the columns give openings that are refused.
use super::{Commitment, Stored, tree};
use crate::arithmetic::F;
use bytes::Bytes;
use p3_commit::Mmcs as _;
use p3_matrix::Matrix as _;
use p3_merkle_tree::PrunedMerklePaths;

/// Bytes of a digest.
const DIGEST: usize = 32;

/// Matrices, and the digests of their tree.
pub struct Kept {
    matrices: Vec<Stored>,
    /// Layer by layer from the leaves to the root, each half as long as the one before.
    digests: Bytes,
}

/// What is opened: per index, per matrix a row; and the digests that are not computed from those.
pub type Opening = (Vec<Vec<Vec<F>>>, PrunedMerklePaths<u8, DIGEST>);

impl Kept {
    /// Commits to matrices whose heights are powers of two.
    pub fn commit(matrices: Vec<Stored>) -> (Commitment, Kept) {
        let kept = matrices.clone();
        let (commitment, data) = tree().commit(matrices);
        let bytes = postcard::to_allocvec(&data).expect("a tree serializes");
        let digests = digests(&bytes).expect("p3 serializes matrices, then layers of digests");
        (commitment, Kept { matrices: kept, digests: digests.into() })
    }

    /// Matrices with the digests of their tree; none where these are more or fewer.
    pub fn new(matrices: Vec<Stored>, digests: Bytes) -> Option<Kept> {
        let kept = Kept { matrices, digests };
        let expected = (2usize << kept.log_height()).checked_sub(1)?.checked_mul(DIGEST)?;
        (kept.digests.len() == expected).then_some(kept)
    }

    /// The root.
    pub fn commitment(&self) -> Commitment {
        Commitment::new(vec![self.digest(self.log_height(), 0)])
    }

    /// The matrices.
    pub fn matrices(&self) -> &[Stored] {
        &self.matrices
    }

    /// All digests, layer by layer.
    pub fn digests(&self) -> &Bytes {
        &self.digests
    }

    fn log_height(&self) -> usize {
        self.matrices.iter().map(|m| m.height().trailing_zeros() as usize).max().unwrap_or(0)
    }

    fn digest(&self, layer: usize, index: usize) -> [u8; DIGEST] {
        let (leaves, left) = (1usize << self.log_height(), 1usize << (self.log_height() - layer));
        let at = (2 * (leaves - left) + index) * DIGEST;
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(&self.digests[at..at + DIGEST]);
        digest
    }

    /// Opens rows of the tallest matrices, and those of the others that lie above them.
    pub fn open(&self, indices: &[usize]) -> Opening {
        let tallest = self.log_height();
        let row = |index: usize, m: &Stored| -> Vec<F> {
            m.row(index >> (tallest - m.height().trailing_zeros() as usize)).into_iter().flatten().collect()
        };
        let rows = indices.iter().map(|i| self.matrices.iter().map(|m| row(*i, m)).collect()).collect();
        (rows, paths(tallest, indices, |layer, index| self.digest(layer, index)))
    }
}

/// The digests that are missing to compute the root from the leaves at these indices, in p3's order: of a tree of so many layers above
/// its leaves, whose digests are asked for by layer and index.
pub(super) fn paths(
    layers: usize,
    indices: &[usize],
    digest: impl Fn(usize, usize) -> [u8; DIGEST],
) -> PrunedMerklePaths<u8, DIGEST> {
    let mut nodes = indices.to_vec();
    nodes.sort_unstable();
    nodes.dedup();
    let mut sibling_hashes = vec![];
    for layer in 0..layers {
        let alone = |i: &usize| nodes.binary_search(&(nodes[*i] ^ 1)).is_err();
        sibling_hashes.extend((0..nodes.len()).filter(alone).map(|i| digest(layer, nodes[i] ^ 1)));
        nodes.iter_mut().for_each(|n| *n >>= 1);
        nodes.dedup();
    }
    PrunedMerklePaths { sibling_hashes }
}

/// The digests of a tree as p3 serializes it: a list of matrices, of which [`super::stored::Cells`] leave the width alone, and a list of
/// lists of digests.
fn digests(tree: &[u8]) -> Option<Vec<u8>> {
    let (_, rest): (Vec<u64>, _) = postcard::take_from_bytes(tree).ok()?;
    let (layers, mut rest): (u64, _) = postcard::take_from_bytes(rest).ok()?;
    let mut all = Vec::with_capacity(rest.len());
    for _ in 0..layers {
        let (count, body): (u64, _) = postcard::take_from_bytes(rest).ok()?;
        let (layer, after) = body.split_at_checked(usize::try_from(count).ok()?.checked_mul(DIGEST)?)?;
        all.extend_from_slice(layer);
        rest = after;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::super::stored;
    use super::*;
    use crate::arithmetic::{Mat, PrimeCharacteristicRing};

    fn matrices(shapes: &[(usize, usize)]) -> Vec<Stored> {
        let cell = |m: usize, i: usize| F::from_usize(i * 0x9e37_79b9 + m * 77);
        let matrix = |(m, (height, width)): (usize, &(usize, usize))| {
            stored(Mat::new((0..height * width).map(|i| cell(m, i)).collect(), *width))
        };
        shapes.iter().enumerate().map(matrix).collect()
    }

    /// Root and openings are p3's, whatever heights there are and whichever rows are opened, twice the same among them.
    #[test]
    fn openings_are_those_of_p3() {
        for shapes in [&[(16, 3)][..], &[(64, 2), (8, 5), (64, 1)], &[(2, 1), (32, 9), (1, 2)]] {
            let (commitment, kept) = Kept::commit(matrices(shapes));
            let (expected, data) = tree().commit(matrices(shapes));
            assert_eq!((&commitment, &kept.commitment()), (&expected, &expected));
            let most = shapes.iter().map(|s| s.0).max().unwrap();
            for indices in [vec![0], vec![most - 1, 0, most / 2, 0], (0..most).step_by(3).collect()] {
                let (rows, paths) = kept.open(&indices);
                let (expected, proof) = tree().open_multi_batch(&indices, &data);
                assert_eq!(rows, expected);
                assert_eq!(paths.sibling_hashes, proof.sibling_hashes);
            }
            let again = Kept::new(matrices(shapes), kept.digests().clone()).unwrap();
            assert_eq!(again.commitment(), commitment);
            let short = kept.digests().slice(DIGEST..);
            assert!(Kept::new(matrices(shapes), short).is_none());
        }
    }
}
