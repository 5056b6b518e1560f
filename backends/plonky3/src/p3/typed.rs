//! Columns of a compact key as they stand in its file: matrix by matrix, column by column, each at the least width that holds its cells as
//! signed numbers.
//!
//! Most fixed columns are weights of eight bits, or say yes or no.
use crate::arithmetic::{F, Mat, PrimeField64, signed};
use p3_matrix::dense::DenseMatrix;
use p3_maybe_rayon::prelude::*;
use std::borrow::Borrow;

/// Bytes of a cell, of which each column has one number.
const WIDTHS: [u8; 4] = [1, 2, 4, 8];
/// Rows that are written or read together.
const BLOCK: usize = 256;

/// A residue as a signed number.
fn number(x: F) -> i64 {
    let x = x.as_canonical_u64();
    // beyond the largest signed number it stands for a negative one
    if x > F::ORDER_U64 / 2 { (x.wrapping_sub(F::ORDER_U64)) as i64 } else { x as i64 }
}

/// The least width of numbers in a range, in bytes.
pub fn width((least, most): (i64, i64)) -> u8 {
    let fits = |w: &u8| {
        let half = 1i128 << (8 * w - 1);
        i128::from(least) >= -half && i128::from(most) < half
    };
    WIDTHS.into_iter().find(fits).unwrap_or(8)
}

/// The bytes of matrices, one after the other: of each the widths of its columns, then their cells (little endian).
pub fn encode<'a, V: Borrow<[F]> + Sync + 'a>(
    matrices: impl IntoIterator<Item = &'a DenseMatrix<F, V>>,
) -> Vec<u8> {
    let mut out = vec![];
    for m in matrices.into_iter().filter(|m| m.width > 0) {
        tessera_cancel::point();
        let cells: &[F] = m.values.borrow();
        let ranges = || vec![(0, 0); m.width];
        let merge = |mut a: Vec<(i64, i64)>, b: Vec<(i64, i64)>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a = (a.0.min(b.0), a.1.max(b.1)));
            a
        };
        let range = |mut all: Vec<(i64, i64)>, row: &[F]| {
            all.iter_mut().zip(row).for_each(|(r, x)| {
                let x = number(*x);
                *r = (r.0.min(x), r.1.max(x));
            });
            all
        };
        let ranges = cells.par_chunks(m.width).fold(ranges, range).reduce(ranges, merge);
        let widths: Vec<u8> = ranges.into_iter().map(width).collect();
        out.extend_from_slice(&widths);
        let mut columns: Vec<Vec<u8>> = vec![];
        (0..m.width)
            .into_par_iter()
            .map(|c| {
                let column = cells.iter().skip(c).step_by(m.width);
                column.flat_map(|x| number(*x).to_le_bytes().into_iter().take(widths[c].into())).collect()
            })
            .collect_into_vec(&mut columns);
        columns.iter().for_each(|c| out.extend_from_slice(c));
    }
    out
}

/// Matrices of the given heights and widths, which must be all there is, each column at its least width.
pub fn decode(mut bytes: &[u8], shapes: &[(usize, usize)]) -> Option<Vec<Mat>> {
    let mut out = vec![];
    for (height, width) in shapes.iter().copied() {
        if width == 0 {
            out.push(Mat::new(vec![], 0));
            continue;
        }
        tessera_cancel::point();
        let (widths, mut rest) = bytes.split_at_checked(width)?;
        let mut columns = vec![];
        for w in widths.iter().copied() {
            let (column, after) = rest.split_at_checked(usize::from(w).checked_mul(height)?)?;
            (WIDTHS.contains(&w) && is_canonical(column, w))
                .then(|| columns.push((column, usize::from(w))))?;
            rest = after;
        }
        bytes = rest;
        let mut m = Mat::new(vec![F::default(); height.checked_mul(width)?], width);
        m.values.par_chunks_mut(width * BLOCK).enumerate().for_each(|(b, rows)| {
            for (c, (column, w)) in columns.iter().enumerate() {
                let cells = column[b * BLOCK * w..].chunks_exact(*w);
                rows.iter_mut()
                    .skip(c)
                    .step_by(width)
                    .zip(cells)
                    .for_each(|(x, cell)| *x = signed(read(cell)));
            }
        });
        out.push(m);
    }
    bytes.is_empty().then_some(out)
}

/// A signed number of up to eight bytes.
fn read(cell: &[u8]) -> i64 {
    let sign = if cell.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut bytes = [sign; 8];
    bytes[..cell.len()].copy_from_slice(cell);
    i64::from_le_bytes(bytes)
}

/// Whether no smaller width holds the cells of a column, and each is the number of a residue.
fn is_canonical(column: &[u8], w: u8) -> bool {
    let most = F::ORDER_U64 / 2;
    let all = column.par_chunks_exact(w.into()).map(read);
    w == 1 || all.clone().any(|x| width((x, x)) == w) && (w < 8 || all.all(|x| x.unsigned_abs() <= most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::PrimeCharacteristicRing;

    #[test]
    fn columns_read_back_at_their_least_width() {
        let edges = [0, 1, -1, 127, -128, 128, -129, 32767, -32769, 1 << 31, -(1 << 31), (1 << 31) - 1];
        let most = (F::ORDER_U64 / 2) as i64;
        let edges: Vec<i64> = edges.into_iter().chain([most, -most, most - 1]).collect();
        let shapes = [(512, 3), (1, 0), (4, edges.len())];
        let matrices: Vec<Mat> = (shapes.iter())
            .map(|(h, w)| {
                Mat::new((0..h * w).map(|i| if i < *w { signed(edges[i]) } else { F::ONE }).collect(), *w)
            })
            .collect();
        let bytes = encode(&matrices);
        let read = decode(&bytes, &shapes).unwrap();
        for (a, b) in matrices.iter().zip(&read) {
            assert_eq!((&a.values, a.width), (&b.values, b.width));
        }
        assert_eq!(bytes[..3], [1, 1, 1]);
        let widths = [1, 1, 1, 1, 1, 2, 2, 2, 4, 8, 4, 4, 8, 8, 8];
        assert_eq!(bytes[3 + 3 * 512..][..edges.len()], widths);
        for wrong in [&shapes[..2], &[(512, 3), (4, 15), (1, 1)], &[(usize::MAX, 3)], &[(512, 4)]] {
            assert!(decode(&bytes, wrong).is_none());
        }
        assert!(decode(&bytes[..bytes.len() - 1], &shapes).is_none());
        // another width, a width that is not the least, a cell that is no residue's
        assert!(decode(&[3, 0, 0, 0], &[(1, 1)]).is_none());
        assert!(decode(&[2, 127, 0], &[(1, 1)]).is_none());
        assert!(decode(&[2, 128, 0], &[(1, 1)]).is_some());
        let beyond = most + 1;
        let bytes = [&[8][..], &beyond.to_le_bytes()].concat();
        assert!(decode(&bytes, &[(1, 1)]).is_none());
    }
}
