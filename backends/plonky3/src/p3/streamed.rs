//! Columns on the trace domain with the tree of their low-degree extensions, which are made anew, some columns at a time, wherever they are
//! read: less memory for more time.
//!
//! # Correctness
//! A prover uses this, no verifier. The tree is the one that p3 makes of the extensions, and so are its openings.
use super::hash::{RowHash, parts};
use super::kept::paths;
use super::{Commitment, NodeHash, coset, extend};
use crate::arithmetic::{F, Mat, PrimeCharacteristicRing};
use p3_maybe_rayon::prelude::*;
use p3_merkle_tree::PrunedMerklePaths;
use p3_symmetric::PseudoCompressionFunction;

/// A digest.
type Digest = [u8; 32];

/// Rows or nodes handed to one task.
const BLOCK: usize = 1024;
/// Columns that are made at a time.
const COLUMNS: usize = 64;

/// Columns of a round, and the tree of their extensions.
pub struct Streamed {
    columns: Vec<Mat>,
    log_blowup: u8,
    tree: Tree,
}

/// All digests of a tree, layer by layer from the leaves to the root.
pub struct Tree(Vec<Vec<Digest>>);

/// Commits to the extensions of matrices with heights that are powers of two; none if there is none.
pub fn commit(columns: &[&Mat], log_blowup: u8) -> Option<(Commitment, Tree)> {
    let height = |m: &&Mat| (m.values.len() / m.width) << log_blowup;
    let of = |wanted: usize| columns.iter().filter(|m| height(m) == wanted).copied().collect::<Vec<_>>();
    let tallest = columns.iter().map(height).max()?;
    let mut layers = vec![leaves(&of(tallest), log_blowup)];
    let node = |pair: &[Digest; 2]| NodeHash::new(super::Blake3 {}).compress(*pair);
    let mut len = tallest;
    while len > 1 {
        let below = layers.last().map_or(&[][..], Vec::as_slice);
        len /= 2;
        let mut layer = vec![Digest::default(); len];
        layer
            .par_iter_mut()
            .with_min_len(BLOCK)
            .zip(below.as_chunks::<2>().0)
            .for_each(|(n, pair)| *n = node(pair));
        let rows = of(len);
        if !rows.is_empty() {
            let rows = leaves(&rows, log_blowup);
            layer.par_iter_mut().with_min_len(BLOCK).zip(&rows).for_each(|(n, row)| *n = node(&[*n, *row]));
        }
        layers.push(layer);
    }
    let root = layers.last().and_then(|l| l.first().copied())?;
    Some((Commitment::new(vec![root]), Tree(layers)))
}

/// Digests of the rows of extensions, matrices of one height side by side.
fn leaves(columns: &[&Mat], log_blowup: u8) -> Vec<Digest> {
    let width = columns.iter().map(|m| m.width).sum();
    let height = columns.first().map_or(0, |m| m.values.len() / m.width);
    let mut digests = vec![Digest::default(); height << log_blowup];
    for (at, n) in parts(width) {
        tessera_cancel::point();
        let extended = extend(side_by_side(columns, at, n), log_blowup);
        digests.par_chunks_mut(BLOCK).enumerate().for_each(|(b, digests)| {
            RowHash.part(at == 0, n, &mut vec![], digests, |i| &extended.values[(b * BLOCK + i) * n..][..n]);
        });
    }
    digests
}

/// Columns `at..at + n` of matrices of one height.
fn side_by_side(columns: &[&Mat], at: usize, n: usize) -> Mat {
    let height = columns.first().map_or(0, |m| m.values.len() / m.width);
    let mut out = Mat::new(F::zero_vec(height * n), n);
    let mut first = 0;
    for m in columns {
        let (from, to) = (at.max(first), (at + n).min(first + m.width));
        if from < to {
            out.values.par_chunks_mut(n).zip(m.values.par_chunks(m.width)).with_min_len(BLOCK).for_each(
                |(out, row)| {
                    out[from - at..to - at].copy_from_slice(&row[from - first..to - first]);
                },
            );
        }
        first += m.width;
    }
    out
}

impl Streamed {
    /// Columns with the tree of their extensions.
    pub fn new(columns: Vec<Mat>, log_blowup: u8, tree: Tree) -> Streamed {
        Streamed { columns, log_blowup, tree }
    }

    /// The columns.
    pub fn columns(&self) -> &[Mat] {
        &self.columns
    }

    /// Heights of the extensions.
    pub fn heights(&self) -> Vec<usize> {
        self.columns.iter().map(|m| (m.values.len() / m.width) << self.log_blowup).collect()
    }

    /// Opens rows of the tallest extensions, and those of the others that lie above them.
    pub fn open(&self, indices: &[usize]) -> (Vec<Vec<Vec<F>>>, PrunedMerklePaths<u8, 32>) {
        let heights = self.heights();
        let tallest = heights.iter().copied().max().unwrap_or(1);
        let mut rows = vec![vec![vec![]; self.columns.len()]; indices.len()];
        for (k, (m, height)) in self.columns.iter().zip(&heights).enumerate() {
            for at in (0..m.width).step_by(COLUMNS) {
                tessera_cancel::point();
                let n = COLUMNS.min(m.width - at);
                let extended = extend(side_by_side(&[m], at, n), self.log_blowup);
                for (rows, index) in rows.iter_mut().zip(indices) {
                    rows[k].extend_from_slice(&extended.values[index / (tallest / height) * n..][..n]);
                }
            }
        }
        let digest = |layer: usize, index: usize| self.tree.0[layer][index];
        (rows, paths(tallest.trailing_zeros() as usize, indices, digest))
    }
}

/// A half of what [`extend`] makes for an inverse rate of two: its first or its second half of rows.
pub fn half(m: &Mat, which: usize) -> Mat {
    let height = m.values.len() / m.width;
    let mut out = Mat::new(F::zero_vec(m.values.len()), m.width);
    for at in (0..m.width).step_by(COLUMNS) {
        tessera_cancel::point();
        let n = COLUMNS.min(m.width - at);
        let values = coset(side_by_side(&[m], at, n), which, height);
        let rows = out.values.par_chunks_mut(m.width).zip(values.values.par_chunks(n)).with_min_len(BLOCK);
        rows.for_each(|(out, row)| out[at..at + n].copy_from_slice(row));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{commit_extended, mmcs};
    use super::*;
    use p3_commit::Mmcs as _;

    fn matrix(seed: usize, height: usize, width: usize) -> Mat {
        Mat::new((0..height * width).map(|i| F::from_usize(i * 0x9e37_79b9 + seed * 77)).collect(), width)
    }

    /// Root and openings are those of the extensions' tree, for one matrix of a height and for several, narrow and wide.
    #[test]
    fn the_tree_is_that_of_the_extensions() {
        for (log_blowup, shapes) in [
            (1, &[(16, 3)][..]),
            (1, &[(64, 300), (8, 5), (64, 1), (2, 129)]),
            (2, &[(4, 1), (32, 9), (1, 2)]),
        ] {
            let columns: Vec<Mat> = shapes.iter().enumerate().map(|(i, s)| matrix(i, s.0, s.1)).collect();
            let (root, tree) = commit(&columns.iter().collect::<Vec<_>>(), log_blowup).unwrap();
            let (expected, data) =
                commit_extended(columns.iter().map(|m| extend(m.clone(), log_blowup)).collect()).unwrap();
            assert_eq!(root, expected);
            let streamed = Streamed::new(columns, log_blowup, tree);
            let most = shapes.iter().map(|s| s.0).max().unwrap() << log_blowup;
            for indices in [vec![0], vec![most - 1, 0, most / 2, 0], (0..most).step_by(3).collect()] {
                let (rows, paths) = streamed.open(&indices);
                let (expected, (proof, _)) = mmcs().open_multi_batch(&indices, &data);
                assert_eq!((rows, paths.sibling_hashes), (expected, proof.sibling_hashes));
            }
        }
    }

    #[test]
    fn halves_are_those_of_the_extension() {
        for (height, width) in [(1, 1), (8, 3), (64, 130)] {
            let m = matrix(5, height, width);
            let whole = extend(m.clone(), 1).values;
            assert_eq!([half(&m, 0).values, half(&m, 1).values].concat(), whole);
            // of a larger extension, the first rows
            assert_eq!(whole, extend(m, 2).values[..whole.len()]);
        }
    }
}
