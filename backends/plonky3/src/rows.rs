//! Reading rows of row-major matrices into machine vectors, on the trace domain and on its low-degree extension.
//!
//! The extension's rows stand in bit-reversed order; the row after position p belongs to natural index rev(p) + blowup.
//!
//! Invariant: positions are reduced modulo the height before anything is read.
use crate::eval::Arithmetic;
use crate::p3::{Extension, F, LOG_BLOWUP, Mat, PF, PackedFieldPow2, PackedValue};
use p3_util::reverse_bits_len;

/// Neighbouring columns of a matrix, as many as a machine vector has lanes, or fewer.
struct Strip<'a> {
    matrix: &'a Mat,
    column: usize,
    /// Where they stand in the row.
    cells: std::ops::Range<usize>,
}

/// Columns of a group, possibly in several matrices, as base cells of one row.
pub struct Strips<'a> {
    strips: Vec<Strip<'a>>,
    width: usize,
}

impl<'a> Strips<'a> {
    /// All columns of `matrices`, side by side; strips in which no column is used are not read.
    pub fn new(matrices: &[&'a Mat], used: impl Fn(usize) -> bool) -> Strips<'a> {
        let mut strips = vec![];
        let mut width = 0;
        for matrix in matrices {
            for column in (0..matrix.width).step_by(PF::WIDTH) {
                let cells = width + column..width + matrix.width.min(column + PF::WIDTH);
                if cells.clone().any(&used) {
                    strips.push(Strip { matrix, column, cells });
                }
            }
            width += matrix.width;
        }
        Strips { strips, width }
    }
    /// A row buffer.
    pub fn buffer<A: Arithmetic>(&self) -> Vec<A::B> {
        vec![A::base(F::default()); self.width]
    }
    /// Fills a row buffer with the rows at `positions`.
    #[inline]
    pub fn load<A: Arithmetic>(&self, positions: &[usize], out: &mut [A::B]) {
        for s in &self.strips {
            A::load(s.matrix, s.column, positions, &mut out[s.cells.clone()]);
        }
    }
}

/// Extension cells from the base cells of their coordinates.
#[inline]
pub fn extension_cells<A: Arithmetic>(base: &[A::B], out: &mut Vec<A::X>) {
    out.clear();
    out.extend(base.chunks_exact(A::E::DEGREE).map(|c| A::from_coordinates(|i| c[i])));
}

/// Columns `column..` of the rows at `positions`, cell by cell.
#[inline]
pub fn gather<A: Arithmetic>(m: &Mat, column: usize, positions: &[usize], out: &mut [A::B]) {
    for (c, v) in out.iter_mut().enumerate() {
        *v = A::pack_base(|lane| m.values[positions[lane] * m.width + column + c]);
    }
}

/// As many columns as a machine vector has lanes, from `column` on, of the rows at `positions`.
#[inline]
pub fn load_block(m: &Mat, column: usize, positions: &[usize], block: &mut [PF; PF::WIDTH]) {
    for (v, position) in block.iter_mut().zip(positions) {
        *v = *PF::from_slice(&m.values[position * m.width + column..][..PF::WIDTH]);
    }
    transpose(block);
}

/// Lane j of vector i becomes lane i of vector j.
#[inline]
fn transpose(block: &mut [PF; PF::WIDTH]) {
    let mut half = 1;
    while half < PF::WIDTH {
        for i in (0..PF::WIDTH).filter(|i| i & half == 0) {
            (block[i], block[i + half]) = block[i].interleave(block[i + half], half);
        }
        half *= 2;
    }
}

/// Where the next row of the row at `position` of the low-degree extension stands.
#[inline]
pub fn next_position(position: usize, log_height: u8) -> usize {
    let bits = log_height as usize + LOG_BLOWUP;
    let natural = reverse_bits_len(position, bits);
    reverse_bits_len((natural + (1 << LOG_BLOWUP)) & ((1 << bits) - 1), bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::p3::{PrimeCharacteristicRing, Quadratic, extend};
    type Packed = crate::eval::Packed<Quadratic>;
    type Single = crate::eval::Single<Quadratic>;

    /// Whole strips, a narrow one, rows far apart.
    #[test]
    fn strips_hold_the_cells_of_their_rows() {
        let matrix = |width: usize, from: usize| {
            Mat::new((0..32 * width).map(|i| F::from_usize(from + i)).collect(), width)
        };
        let (a, b) = (matrix(19, 1000), matrix(2, 5000));
        let strips = Strips::new(&[&a, &b], |_| true);
        let expected = |row: usize, cell: usize| match cell.checked_sub(19) {
            None => a.values[row * 19 + cell],
            Some(cell) => b.values[row * 2 + cell],
        };
        let positions: Vec<usize> = (0..PF::WIDTH).map(|l| (5 + 7 * l) % 32).collect();
        let mut packed = strips.buffer::<Packed>();
        strips.load::<Packed>(&positions, &mut packed);
        let mut single = strips.buffer::<Single>();
        for (lane, row) in positions.iter().enumerate() {
            strips.load::<Single>(&[*row], &mut single);
            for cell in 0..21 {
                assert_eq!(packed[cell].as_slice()[lane], expected(*row, cell));
                assert_eq!(single[cell], expected(*row, cell));
            }
        }
    }

    #[test]
    fn the_next_position_holds_the_shifted_column() {
        for log_height in 0..6u8 {
            let n = 1usize << log_height;
            let values: Vec<F> = (0..n).map(|i| F::from_u64((i * i + 3) as u64)).collect();
            let mut shifted = values.clone();
            shifted.rotate_left(1);
            let (a, b) = (extend(Mat::new(values, 1)), extend(Mat::new(shifted, 1)));
            for p in 0..2 * n {
                assert_eq!(a.values[next_position(p, log_height)], b.values[p]);
            }
        }
    }
}
