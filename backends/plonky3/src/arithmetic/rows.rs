//! Reading rows of row-major matrices into machine vectors.
//!
//! Invariant: positions are reduced modulo the height before anything is read.
use super::lanes::Arithmetic;
use super::{Extension, F, Mat, PF, PackedValue};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::{PrimeCharacteristicRing, Quadratic};
    type Packed = crate::arithmetic::lanes::Packed<Quadratic>;
    type Single = crate::arithmetic::lanes::Single<Quadratic>;

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
}
