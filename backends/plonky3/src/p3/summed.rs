//! The Merkle commitment of columns, and its other modes: fixed columns that FRI sees through weighted sums alone, and columns with
//! salts in the leaves.
//!
//! A table of weights has hundreds of fixed columns, and each proof needs only one or two weighted sums of them, with weights
//! drawn for that proof. In the summed mode FRI is given the sums' columns in place of the many; a Merkle opening still
//! shows the whole row, from which the verifier computes the sums itself. So the prover never touches the columns' low-degree
//! extensions except in the rows that are queried.
//!
//! # Correctness
//! FRI asks of a batch that its columns are near low-degree polynomials with the claimed values. A sum of columns is of low degree
//! if the columns are. That they are is known of a commitment in the verifying key alone, which is made by whoever makes the key and
//! not by the prover. So how a commitment is opened is part of what is claimed ([`Claimed`]), and the verifier writes claims round by
//! round: the mode depends on the round, never on the commitment's value, which a prover may choose equal to the key's. The value of
//! a sum at a queried point is recomputed from the row that the Merkle path authenticates.
//!
//! Salts are one more matrix of the tree, as tall as the tallest, that FRI does not see: what is opened of it stands behind the rows,
//! and says nothing.
use super::{Commitment, Kept, SALT, Stored, Streamed, Tree};
use crate::arithmetic::{Extension, F, Mat};
use p3_commit::{BatchOpening, BatchOpeningRef, Mmcs};
use p3_matrix::{Dimensions, Matrix};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A commitment, and what of it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claimed {
    /// Its columns, one by one.
    Columns(Commitment),
    /// Its columns, one by one, of leaves with salts.
    Salted(Commitment),
    /// Weighted sums of its columns, matrix by matrix.
    Sums(Commitment, Vec<Summed>),
}

/// Sums of a matrix's columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summed {
    /// Its columns.
    pub width: usize,
    /// For each column of sums which of them it reads, all below `width`, with their weights.
    pub sums: Vec<Vec<(u32, F)>>,
}

/// Merkle trees over rows.
#[derive(Clone)]
pub struct ColumnMmcs {
    pub(super) tree: Tree,
}

/// What a prover keeps of a commitment.
pub enum ColumnData<M> {
    /// The tree with its matrices.
    Tree(<Tree as Mmcs<F>>::ProverData<M>),
    /// The tree with its matrices; the last are salts.
    Salted(<Tree as Mmcs<F>>::ProverData<M>),
    /// A tree of the key, and the matrices of sums that stand for its own.
    Summed {
        /// The key's.
        tree: Arc<Kept>,
        /// Low-degree extensions, rows in bit-reversed order.
        sums: Vec<M>,
    },
    /// A tree whose matrices are made anew where they are read.
    Streamed(Streamed),
}

/// Why an opening is refused.
#[derive(Debug)]
pub enum OpeningError {
    /// By the tree.
    Tree(<Tree as Mmcs<F>>::Error),
    /// Rows behind the sums are missing or have other widths.
    Shape,
    /// A sum is not that of the row.
    Sum,
}

impl Mmcs<F> for ColumnMmcs {
    type ProverData<M> = ColumnData<M>;
    type Commitment = Claimed;
    type Proof = <Tree as Mmcs<F>>::Proof;
    /// The tree's, and the rows behind sums or the salts: per query, per matrix.
    type MultiProof = (<Tree as Mmcs<F>>::MultiProof, Vec<Vec<Vec<F>>>);
    type Error = OpeningError;

    fn commit<M: Matrix<F>>(&self, inputs: Vec<M>) -> (Self::Commitment, ColumnData<M>) {
        let (commitment, data) = self.tree.commit(inputs);
        (Claimed::Columns(commitment), ColumnData::Tree(data))
    }

    fn open_batch<M: Matrix<F>>(&self, index: usize, data: &ColumnData<M>) -> BatchOpening<F, Self> {
        // FRI opens all queries at once
        let (mut rows, _) = self.open_multi_batch(&[index], data);
        let proof = match data {
            ColumnData::Tree(d) | ColumnData::Salted(d) => self.tree.open_batch(index, d).unpack().1,
            // one path alone shares no digest with another
            ColumnData::Summed { tree, .. } => tree.open(&[index]).1.sibling_hashes,
            ColumnData::Streamed(s) => s.open(&[index]).1.sibling_hashes,
        };
        BatchOpening::new(rows.pop().unwrap_or_default(), proof)
    }

    fn get_matrices<'a, M: Matrix<F>>(&self, data: &'a ColumnData<M>) -> Vec<&'a M> {
        match data {
            ColumnData::Tree(d) => self.tree.get_matrices(d),
            ColumnData::Salted(d) => {
                let mut all = self.tree.get_matrices(d);
                all.pop();
                all
            }
            ColumnData::Summed { sums, .. } => sums.iter().collect(),
            ColumnData::Streamed(_) => vec![],
        }
    }

    fn get_matrix_heights<M: Matrix<F>>(&self, data: &ColumnData<M>) -> Vec<usize> {
        match data {
            ColumnData::Streamed(s) => s.heights(),
            _ => self.get_matrices(data).iter().map(|m| m.height()).collect(),
        }
    }

    fn verify_batch(
        &self,
        claimed: &Claimed,
        dimensions: &[Dimensions],
        index: usize,
        opening: BatchOpeningRef<'_, F, Self>,
    ) -> Result<(), OpeningError> {
        let Claimed::Columns(commitment) = claimed else { return Err(OpeningError::Shape) };
        let (values, proof) = opening.unpack();
        let opening = BatchOpeningRef::new(values, proof);
        self.tree.verify_batch(commitment, dimensions, index, opening).map_err(OpeningError::Tree)
    }

    fn open_multi_batch<M: Matrix<F>>(
        &self,
        indices: &[usize],
        data: &ColumnData<M>,
    ) -> (Vec<Vec<Vec<F>>>, Self::MultiProof) {
        match data {
            ColumnData::Tree(d) => {
                let (rows, proof) = self.tree.open_multi_batch(indices, d);
                (rows, (proof, vec![]))
            }
            ColumnData::Salted(d) => {
                let (mut rows, proof) = self.tree.open_multi_batch(indices, d);
                let salts = rows.iter_mut().map(|r| r.pop().into_iter().collect()).collect();
                (rows, (proof, salts))
            }
            ColumnData::Summed { tree, sums } => {
                let (behind, proof) = tree.open(indices);
                let tallest = sums.iter().map(|m| m.height()).max().unwrap_or(1);
                let row = |index: usize, m: &M| -> Vec<F> {
                    m.row(index / (tallest / m.height())).into_iter().flatten().collect()
                };
                let rows = indices.iter().map(|i| sums.iter().map(|m| row(*i, m)).collect()).collect();
                (rows, (proof, behind))
            }
            ColumnData::Streamed(s) => {
                let (rows, proof) = s.open(indices);
                (rows, (proof, vec![]))
            }
        }
    }

    fn verify_multi_batch<R: AsRef<[F]> + PartialEq>(
        &self,
        claimed: &Claimed,
        dimensions: &[Dimensions],
        indices: &[usize],
        values: &[Vec<R>],
        (proof, behind): &Self::MultiProof,
    ) -> Result<(), OpeningError> {
        let (commitment, summed) = match claimed {
            Claimed::Salted(commitment) => {
                return self.verify_salted(commitment, dimensions, indices, values, (proof, behind));
            }
            Claimed::Sums(commitment, summed) => (commitment, summed),
            Claimed::Columns(_) if !behind.is_empty() => return Err(OpeningError::Shape),
            Claimed::Columns(commitment) => {
                let checked = self.tree.verify_multi_batch(commitment, dimensions, indices, values, proof);
                return checked.map_err(OpeningError::Tree);
            }
        };
        let matrices = summed.len();
        if dimensions.len() != matrices || behind.len() != indices.len() || values.len() != indices.len() {
            return Err(OpeningError::Shape);
        }
        for (shown, rows) in values.iter().zip(behind) {
            if shown.len() != matrices || rows.len() != matrices {
                return Err(OpeningError::Shape);
            }
            for ((shown, row), Summed { width, sums }) in shown.iter().zip(rows).zip(summed) {
                let shown = shown.as_ref();
                if shown.len() != sums.len() || row.len() != *width {
                    return Err(OpeningError::Shape);
                }
                for (x, weights) in shown.iter().zip(sums) {
                    let sum: F = weights.iter().map(|(c, w)| row[*c as usize] * *w).sum();
                    if sum != *x {
                        return Err(OpeningError::Sum);
                    }
                }
            }
        }
        let dimensions: Vec<Dimensions> = (dimensions.iter().zip(summed))
            .map(|(d, s)| Dimensions { width: s.width, height: d.height })
            .collect();
        let checked = self.tree.verify_multi_batch(commitment, &dimensions, indices, behind, proof);
        checked.map_err(OpeningError::Tree)
    }
}

impl ColumnMmcs {
    /// Rows and salts are those of the leaves.
    fn verify_salted<R: AsRef<[F]> + PartialEq>(
        &self,
        commitment: &Commitment,
        dimensions: &[Dimensions],
        indices: &[usize],
        values: &[Vec<R>],
        (proof, salts): (&<Tree as Mmcs<F>>::MultiProof, &[Vec<Vec<F>>]),
    ) -> Result<(), OpeningError> {
        let salted = |s: &Vec<Vec<F>>| matches!(&s[..], [salt] if salt.len() == SALT);
        if values.len() != indices.len() || salts.len() != indices.len() || !salts.iter().all(salted) {
            return Err(OpeningError::Shape);
        }
        let rows: Vec<Vec<&[F]>> = (values.iter().zip(salts))
            .map(|(row, salt)| row.iter().map(AsRef::as_ref).chain(salt.iter().map(Vec::as_slice)).collect())
            .collect();
        let height = dimensions.iter().map(|d| d.height).max().unwrap_or(1);
        let dimensions = [dimensions, &[Dimensions { width: SALT, height }]].concat();
        let checked = self.tree.verify_multi_batch(commitment, &dimensions, indices, &rows, proof);
        checked.map_err(OpeningError::Tree)
    }
}

/// Columns of sums of a matrix's rows: an extension column for each list of columns with their weights.
pub fn sums<E: Extension>(m: &Stored, weights: &[Vec<(u32, E)>]) -> Mat {
    use crate::arithmetic::{PE, PF, PackedFieldExtension, PackedValue, PrimeCharacteristicRing};
    use p3_maybe_rayon::prelude::*;
    let width = E::DEGREE * weights.len();
    let mut out = Mat::new(F::zero_vec(m.height() * width), width);
    for (k, w) in weights.iter().enumerate() {
        let mut padded = E::zero_vec(m.width.next_multiple_of(PF::WIDTH));
        w.iter().for_each(|(c, x)| padded[*c as usize] = *x);
        let packed: Vec<PE<E>> = padded.chunks(PF::WIDTH).map(PE::<E>::from_ext_slice).collect();
        out.values.par_chunks_mut(width).zip(m.rowwise_packed_dot_product::<E>(&packed)).for_each(
            |(row, x)| row[E::DEGREE * k..][..E::DEGREE].copy_from_slice(crate::arithmetic::coordinates(&x)),
        );
    }
    out
}
