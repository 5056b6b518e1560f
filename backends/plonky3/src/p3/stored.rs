//! Columns of a key as they lie in its file: matrices one after the other, row by row, eight bytes a cell (little endian).
//!
//! A key that is mapped into memory is used where it lies: nothing is decoded, and rows that no query opens are not even
//! read from the disk.
use crate::arithmetic::{F, Mat, PrimeCharacteristicRing, PrimeField64};
use bytes::Bytes;
use p3_matrix::dense::{DenseMatrix, DenseStorage};
use serde::{Serialize, Serializer};
use std::borrow::Borrow;
use std::sync::Arc;

/// Cells of a matrix.
#[derive(Clone, Debug)]
pub enum Cells {
    /// In memory.
    Owned(Arc<Vec<F>>),
    /// In a file: little-endian residues, at an address that suits `F`.
    Shared(Bytes),
}

/// A matrix of a key.
pub type Stored = DenseMatrix<F, Cells>;

impl Borrow<[F]> for Cells {
    fn borrow(&self) -> &[F] {
        match self {
            Cells::Owned(v) => v,
            // SAFETY: `F` is `repr(transparent)` over `u64`, of which every value stands for a residue; alignment and byte
            // order were checked when this was made.
            Cells::Shared(b) => unsafe { std::slice::from_raw_parts(b.as_ptr().cast(), b.len() / 8) },
        }
    }
}

impl DenseStorage<F> for Cells {
    fn to_vec(self) -> Vec<F> {
        match self {
            Cells::Owned(v) => Arc::unwrap_or_clone(v),
            Cells::Shared(_) => Borrow::<[F]>::borrow(&self).to_vec(),
        }
    }
}

/// What is written of a tree of a key leaves its cells out: they have sections of their own.
impl Serialize for Cells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// A matrix in memory.
pub fn stored(m: Mat) -> Stored {
    let width = m.width;
    Stored::new(Cells::Owned(m.values.into()), width)
}

/// Into memory.
pub fn loaded(m: Stored) -> Mat {
    let width = m.width;
    Mat::new(DenseStorage::to_vec(m.values), width)
}

/// The bytes of matrices, one after the other.
pub fn encode<'a, V: Borrow<[F]> + 'a>(matrices: impl IntoIterator<Item = &'a DenseMatrix<F, V>>) -> Vec<u8> {
    let mut out = vec![];
    for m in matrices {
        let m: &[F] = m.values.borrow();
        out.reserve(8 * m.len());
        out.extend(m.iter().flat_map(|x| x.as_canonical_u64().to_le_bytes()));
    }
    out
}

/// Matrices of the given heights and widths, which must be all there is.
pub fn decode(bytes: &Bytes, shapes: &[(usize, usize)]) -> Option<Vec<Stored>> {
    let mut at = 0usize;
    let mut out = vec![];
    for (height, width) in shapes {
        let end = height.checked_mul(*width)?.checked_mul(8)?.checked_add(at)?;
        let body = (end <= bytes.len()).then(|| bytes.slice(at..end))?;
        at = end;
        let in_place = cfg!(target_endian = "little") && body.as_ptr().cast::<F>().is_aligned();
        let cells = if in_place {
            Cells::Shared(body)
        } else {
            let number = |b: &[u8; 8]| F::from_u64(u64::from_le_bytes(*b));
            Cells::Owned(Arc::new(body.as_chunks::<8>().0.iter().map(number).collect()))
        };
        out.push(Stored::new(cells, *width));
    }
    (at == bytes.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_read_back_wherever_they_lie() {
        let cells = |n: u64| (0..n).map(|i| F::from_u64(i * 0x1234_5678_9abc)).collect::<Vec<_>>();
        let matrices = [Mat::new(cells(12), 3), Mat::new(cells(8), 4)];
        let bytes = encode(&matrices);
        let mut shifted = vec![0];
        shifted.extend(&bytes);
        for b in [Bytes::from(bytes.clone()), Bytes::from(shifted).slice(1..)] {
            let read = decode(&b, &[(4, 3), (2, 4)]).unwrap();
            for (a, b) in matrices.iter().zip(read) {
                assert_eq!((&a.values[..], a.width), (b.values.borrow(), b.width));
            }
            for wrong in
                [&[(4, 3)][..], &[(4, 3), (3, 4)], &[(usize::MAX, usize::MAX)], &[(4, 3), (2, 4), (1, 1)]]
            {
                assert!(decode(&b, wrong).is_none());
            }
        }
    }
}
