//! Columns on the trace domain with the tree of their low-degree extensions, which are made anew, some columns at a time, wherever they are
//! read: less memory for more time.
//!
//! # Correctness
//! A prover uses this, no verifier. The tree is the one that p3 makes of the extensions, and so are its openings.
use super::digests::{DIGEST, Digests, Opening};
use super::hash::{RowHash, parts};
use super::{NodeHash, coset, extend};
use crate::arithmetic::{F, Mat, PrimeCharacteristicRing};
use p3_matrix::dense::DenseMatrix;
use p3_maybe_rayon::prelude::*;
use p3_symmetric::PseudoCompressionFunction;
use std::borrow::Borrow;
use std::ops::Range;
use std::sync::Arc;

/// A digest.
type Digest = [u8; DIGEST];

/// Rows or nodes handed to one task.
const BLOCK: usize = 1024;
/// Columns that are made at a time: no more of them take less time.
const COLUMNS: usize = 16;

/// Columns of a round, and the tree of their extensions.
pub struct Streamed {
    columns: Vec<Held>,
    log_blowup: u8,
    tree: Digests,
}

/// Columns of one height.
pub enum Held {
    /// Their values on the trace domain.
    Trace(Arc<Mat>),
    /// Their extension, rows in bit-reversed order.
    Extension(Mat),
}

/// Columns, wherever they lie.
pub trait Cells: Borrow<[F]> + Sync {}
impl<V: Borrow<[F]> + Sync> Cells for V {}

fn height<V: Cells>(m: &DenseMatrix<F, V>) -> usize {
    m.values.borrow().len() / m.width
}

/// The tree of the extensions of matrices with heights that are powers of two; none if there is none.
pub fn commit<V: Cells>(columns: &[&DenseMatrix<F, V>], log_blowup: u8) -> Option<Digests> {
    let extended = |m: &DenseMatrix<F, V>| height(m) << log_blowup;
    let of = |wanted: usize| columns.iter().filter(|m| extended(m) == wanted).copied().collect::<Vec<_>>();
    let tallest = columns.iter().map(|m| extended(m)).max()?;
    let mut all = leaves(&of(tallest), log_blowup);
    all.reserve(tallest - 1);
    let node = |pair: &[Digest; 2]| NodeHash::new(super::Blake3 {}).compress(*pair);
    let mut len = tallest;
    while len > 1 {
        let below = all.len() - len..all.len();
        len /= 2;
        let mut layer = vec![Digest::default(); len];
        layer
            .par_iter_mut()
            .with_min_len(BLOCK)
            .zip(all[below].as_chunks::<2>().0)
            .for_each(|(n, pair)| *n = node(pair));
        let rows = of(len);
        if !rows.is_empty() {
            let rows = leaves(&rows, log_blowup);
            layer.par_iter_mut().with_min_len(BLOCK).zip(&rows).for_each(|(n, row)| *n = node(&[*n, *row]));
        }
        all.append(&mut layer);
    }
    Digests::new(tallest.trailing_zeros() as usize, all.into_flattened().into())
}

/// Digests of the rows of extensions, matrices of one height side by side.
fn leaves<V: Cells>(columns: &[&DenseMatrix<F, V>], log_blowup: u8) -> Vec<Digest> {
    let width = columns.iter().map(|m| m.width).sum();
    let height = columns.first().map_or(0, |m| height(m));
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
fn side_by_side<V: Cells>(columns: &[&DenseMatrix<F, V>], at: usize, n: usize) -> Mat {
    let height = columns.first().map_or(0, |m| height(m));
    let mut out = Mat::new(F::zero_vec(height * n), n);
    let mut first = 0;
    for m in columns {
        let (from, to) = (at.max(first), (at + n).min(first + m.width));
        if from < to {
            out.values
                .par_chunks_mut(n)
                .zip(m.values.borrow().par_chunks(m.width))
                .with_min_len(BLOCK)
                .for_each(|(out, row)| {
                    out[from - at..to - at].copy_from_slice(&row[from - first..to - first]);
                });
        }
        first += m.width;
    }
    out
}

/// Rows of the extension of columns.
pub(super) fn rows<V: Cells>(m: &DenseMatrix<F, V>, log_blowup: u8, indices: &[usize]) -> Vec<Vec<F>> {
    let mut rows = vec![Vec::with_capacity(m.width); indices.len()];
    for at in (0..m.width).step_by(COLUMNS) {
        tessera_cancel::point();
        let n = COLUMNS.min(m.width - at);
        let extended = extend(side_by_side(&[m], at, n), log_blowup);
        for (row, index) in rows.iter_mut().zip(indices) {
            row.extend_from_slice(&extended.values[index * n..][..n]);
        }
    }
    rows
}

impl Streamed {
    /// Columns with the tree of their extensions.
    pub fn new(columns: Vec<Arc<Mat>>, log_blowup: u8, tree: Digests) -> Streamed {
        Streamed { columns: columns.into_iter().map(Held::Trace).collect(), log_blowup, tree }
    }

    /// The columns.
    pub fn columns(&self) -> &[Held] {
        &self.columns
    }

    /// Holds the extension of the matrix at a place from now on, instead of its columns.
    pub fn extend(&mut self, at: usize) {
        if let Some(Held::Trace(m)) = self.columns.get(at) {
            self.columns[at] = Held::Extension(whole(m, self.log_blowup));
        }
    }

    /// The tree.
    pub fn tree(&self) -> &Digests {
        &self.tree
    }

    /// Heights of the extensions.
    pub fn heights(&self) -> Vec<usize> {
        let of = |held: &Held| match held {
            Held::Trace(m) => height(m) << self.log_blowup,
            Held::Extension(m) => height(m),
        };
        self.columns.iter().map(of).collect()
    }

    /// Opens rows of the tallest extensions, and those of the others that lie above them.
    pub fn open(&self, indices: &[usize]) -> Opening {
        let rows = rows_above(&self.heights(), indices, |k, at| match &self.columns[k] {
            Held::Trace(m) => rows(m, self.log_blowup, at),
            Held::Extension(m) => at.iter().map(|i| m.values[i * m.width..][..m.width].to_vec()).collect(),
        });
        (rows, self.tree.paths(indices))
    }
}

/// Of extensions of these heights, rows of the tallest, and those of the others that lie above them: per index, per matrix. `rows(k, at)` are
/// those of the k-th.
pub(super) fn rows_above(
    heights: &[usize],
    indices: &[usize],
    rows: impl Fn(usize, &[usize]) -> Vec<Vec<F>>,
) -> Vec<Vec<Vec<F>>> {
    let tallest = heights.iter().copied().max().unwrap_or(1);
    let mut all = vec![vec![]; indices.len()];
    for (k, height) in heights.iter().enumerate() {
        let at: Vec<usize> = indices.iter().map(|i| i / (tallest / height)).collect();
        all.iter_mut().zip(rows(k, &at)).for_each(|(all, row)| all.push(row));
    }
    all
}

/// What [`extend`] makes of columns, some of which are on the way at a time.
pub fn whole(m: &Mat, log_blowup: u8) -> Mat {
    if m.width <= COLUMNS {
        return extend(m.clone(), log_blowup);
    }
    let mut out = Mat::new(F::zero_vec(m.values.len() << log_blowup), m.width);
    for at in (0..m.width).step_by(COLUMNS) {
        let n = COLUMNS.min(m.width - at);
        write(&mut out, at, &extend(side_by_side(&[m], at, n), log_blowup));
    }
    out
}

/// Writes columns where they stand in a matrix of as many rows.
fn write(out: &mut Mat, first: usize, columns: &Mat) {
    let (width, n) = (out.width, columns.width);
    let rows = out.values.par_chunks_mut(width).zip(columns.values.par_chunks(n)).with_min_len(BLOCK);
    rows.for_each(|(out, row)| out[first..first + n].copy_from_slice(row));
}

/// A half of what [`extend`] makes of some columns for an inverse rate of two: its first or its second half of rows, columns side by side.
pub fn half(m: &Mat, columns: &[Range<usize>], which: usize) -> Mat {
    let width = columns.iter().map(ExactSizeIterator::len).sum();
    if let [all] = columns
        && all.len() <= COLUMNS
    {
        return coset(side_by_side(&[m], all.start, width), which, height(m));
    }
    let mut out = Mat::new(F::zero_vec(height(m) * width), width);
    let mut first = 0;
    for part in columns {
        for at in part.clone().step_by(COLUMNS) {
            tessera_cancel::point();
            let n = COLUMNS.min(part.end - at);
            write(&mut out, first, &coset(side_by_side(&[m], at, n), which, height(m)));
            first += n;
        }
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
            let tree = commit(&columns.iter().collect::<Vec<_>>(), log_blowup).unwrap();
            let (expected, data) =
                commit_extended(columns.iter().map(|m| extend(m.clone(), log_blowup)).collect()).unwrap();
            assert_eq!(tree.commitment(), expected);
            let streamed = Streamed::new(columns.into_iter().map(Arc::new).collect(), log_blowup, tree);
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
            let all: Vec<Range<usize>> = std::iter::once(0..width).collect();
            let [first, second] = [0, 1].map(|which| half(&m, &all, which).values);
            assert_eq!([first, second].concat(), whole);
            let (some, last) = (half(&m, &[0..1, width - 1..width], 1), height * width);
            let row = |i: usize| [whole[last + i * width], whole[last + i * width + width - 1]];
            assert_eq!(some.values, (0..height).flat_map(row).collect::<Vec<_>>());
            // of a larger extension, the first rows
            assert_eq!(whole, extend(m, 2).values[..whole.len()]);
        }
    }
}
