//! The tree of a key's summed columns, with all of its digests as they lie in the key's file: a key is opened without hashing its columns.
//!
//! p3 makes the tree where extensions are kept, and this reads its digests out of what p3 serializes.
//!
//! # Correctness
//! A prover uses this, no verifier. Digests that are not those of the columns give openings that are refused.
use super::digests::{DIGEST, Digests, Opening};
use super::streamed::{self, rows, rows_above};
use super::{Commitment, Stored, tree};
use bytes::Bytes;
use p3_commit::Mmcs as _;
use p3_matrix::Matrix as _;

/// Extensions, and the digests of their tree.
pub struct Kept {
    matrices: Matrices,
    digests: Digests,
}

enum Matrices {
    /// Extensions.
    Extended(Vec<Stored>),
    /// Columns on the trace domain, which are extended where rows are opened, to this inverse rate as a power of two.
    Columns(Vec<Stored>, u8),
}

fn heights(matrices: &[Stored]) -> impl Iterator<Item = usize> {
    matrices.iter().map(|m| m.height())
}

impl Kept {
    /// Commits to matrices whose heights are powers of two.
    pub fn commit(matrices: Vec<Stored>) -> Kept {
        let data = tree().commit(matrices.clone()).1;
        let bytes = postcard::to_allocvec(&data).expect("a tree serializes");
        let digests = digests(&bytes).expect("p3 serializes matrices, then layers of digests");
        let digests =
            Digests::over(heights(&matrices), 0, digests.into()).expect("each layer has half of the digests");
        Kept { matrices: Matrices::Extended(matrices), digests }
    }

    /// Commits to the extensions of columns, none of which is kept; none if there is no matrix.
    pub fn commit_columns(columns: Vec<Stored>, log_blowup: u8) -> Option<Kept> {
        let digests = streamed::commit(&columns.iter().collect::<Vec<_>>(), log_blowup)?;
        Some(Kept { matrices: Matrices::Columns(columns, log_blowup), digests })
    }

    /// Matrices with the digests of their tree; none where these are more or fewer.
    pub fn new(matrices: Vec<Stored>, digests: Bytes) -> Option<Kept> {
        let digests = Digests::over(heights(&matrices), 0, digests)?;
        Some(Kept { matrices: Matrices::Extended(matrices), digests })
    }

    /// Columns with the digests of the tree of their extensions; none where these are more or fewer.
    pub fn of_columns(columns: Vec<Stored>, log_blowup: u8, digests: Bytes) -> Option<Kept> {
        let digests = Digests::over(heights(&columns), log_blowup, digests)?;
        Some(Kept { matrices: Matrices::Columns(columns, log_blowup), digests })
    }

    /// The root.
    pub fn commitment(&self) -> Commitment {
        self.digests.commitment()
    }

    /// The extensions, where they are kept.
    pub fn extended(&self) -> &[Stored] {
        match &self.matrices {
            Matrices::Extended(all) => all,
            Matrices::Columns(..) => &[],
        }
    }

    /// All digests, layer by layer.
    pub fn digests(&self) -> &Bytes {
        self.digests.bytes()
    }

    /// Opens rows of the tallest matrices, and those of the others that lie above them.
    pub fn open(&self, indices: &[usize]) -> Opening {
        let (all, log_blowup) = match &self.matrices {
            Matrices::Extended(all) => (all, 0),
            Matrices::Columns(all, log_blowup) => (all, *log_blowup),
        };
        let heights: Vec<usize> = heights(all).map(|h| h << log_blowup).collect();
        let rows = rows_above(&heights, indices, |k, at| match &self.matrices {
            Matrices::Extended(all) => {
                at.iter().map(|i| all[k].row(*i).into_iter().flatten().collect()).collect()
            }
            Matrices::Columns(all, log_blowup) => rows(&all[k], *log_blowup, at),
        });
        (rows, self.digests.paths(indices))
    }
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
    use super::super::{extend, loaded, stored};
    use super::*;
    use crate::arithmetic::{F, Mat, PrimeCharacteristicRing};

    fn matrices(shapes: &[(usize, usize)]) -> Vec<Stored> {
        let cell = |m: usize, i: usize| F::from_usize(i * 0x9e37_79b9 + m * 77);
        let matrix = |(m, (height, width)): (usize, &(usize, usize))| {
            stored(Mat::new((0..height * width).map(|i| cell(m, i)).collect(), *width))
        };
        shapes.iter().enumerate().map(matrix).collect()
    }

    /// Root and openings are p3's, whatever heights there are and whichever rows are opened, twice the same among them; so are those of
    /// extensions that are not kept.
    #[test]
    fn openings_are_those_of_p3() {
        for (log_blowup, shapes) in
            [(1, &[(16, 3)][..]), (1, &[(64, 2), (8, 5), (64, 1)]), (2, &[(2, 1), (32, 200), (1, 2)])]
        {
            let columns = matrices(shapes);
            let extended: Vec<Stored> =
                columns.iter().cloned().map(|m| stored(extend(loaded(m), log_blowup))).collect();
            let kept = Kept::commit(extended.clone());
            let anew = Kept::commit_columns(columns.clone(), log_blowup).unwrap();
            let (expected, data) = tree().commit(extended.clone());
            assert_eq!((&kept.commitment(), &anew.commitment()), (&expected, &expected));
            assert_eq!(kept.digests(), anew.digests());
            let most = shapes.iter().map(|s| s.0).max().unwrap() << log_blowup;
            for indices in [vec![0], vec![most - 1, 0, most / 2, 0], (0..most).step_by(3).collect()] {
                let (expected, proof) = tree().open_multi_batch(&indices, &data);
                for kept in [&kept, &anew] {
                    let (rows, paths) = kept.open(&indices);
                    assert_eq!(rows, expected);
                    assert_eq!(paths.sibling_hashes, proof.sibling_hashes);
                }
            }
            let digests = kept.digests();
            let short = digests.slice(DIGEST..);
            let again = Kept::new(extended.clone(), digests.clone()).unwrap();
            assert_eq!(again.commitment(), expected);
            assert!(Kept::new(extended, short.clone()).is_none());
            let again = Kept::of_columns(columns.clone(), log_blowup, digests.clone()).unwrap();
            assert_eq!(again.commitment(), expected);
            assert!(Kept::of_columns(columns.clone(), log_blowup, short).is_none());
            assert!(Kept::of_columns(columns, log_blowup + 1, digests.clone()).is_none());
        }
    }
}
