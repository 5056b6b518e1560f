//! Reading rows of row-major matrices into machine vectors.
//!
//! Invariant: positions are reduced modulo the height before anything is read.
use super::lanes::Arithmetic;
use super::{Extension, F, Mat, PF, PackedValue};
use std::ops::Range;

/// Neighbouring columns of a matrix, as many as a machine vector has lanes, or fewer.
struct Strip<'a> {
    matrix: &'a Mat,
    column: usize,
    /// Where they stand in the row.
    cells: Range<usize>,
}

/// Columns of a group, possibly in several matrices, as base cells of one row.
pub struct Strips<'a> {
    strips: Vec<Strip<'a>>,
    width: usize,
}

/// Some columns of a matrix, side by side: whole strips of it.
pub struct Excerpt<'a> {
    /// These columns.
    pub matrix: &'a Mat,
    /// Which of the whole matrix they are, in its order.
    pub columns: Vec<Range<usize>>,
    /// Columns of the whole matrix.
    pub width: usize,
}

impl<'a> Excerpt<'a> {
    /// All columns.
    pub fn whole(matrix: &'a Mat) -> Excerpt<'a> {
        Excerpt { matrix, columns: std::iter::once(0..matrix.width).collect(), width: matrix.width }
    }
}

/// The strips of a matrix of so many columns in which one is used, neighbouring ones as one range.
pub fn used_strips(width: usize, used: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = vec![];
    for first in (0..width).step_by(PF::WIDTH) {
        let strip = first..width.min(first + PF::WIDTH);
        if !strip.clone().any(&used) {
            continue;
        }
        match ranges.last_mut().filter(|r| r.end == first) {
            Some(r) => r.end = strip.end,
            None => ranges.push(strip),
        }
    }
    ranges
}

impl<'a> Strips<'a> {
    /// All columns of `matrices`, side by side; strips in which no column is used are not read.
    pub fn new(matrices: &[&'a Mat], used: impl Fn(usize) -> bool) -> Strips<'a> {
        Strips::of(&matrices.iter().map(|m| Excerpt::whole(m)).collect::<Vec<_>>(), used)
    }
    /// As [`Strips::new`], of which no more than excerpts are at hand: cells of other columns keep what they have.
    pub fn of(excerpts: &[Excerpt<'a>], used: impl Fn(usize) -> bool) -> Strips<'a> {
        let mut strips = vec![];
        let mut width = 0;
        for e in excerpts {
            let mut column = 0;
            for first in e.columns.iter().flat_map(|c| c.clone().step_by(PF::WIDTH)) {
                let cells = width + first..width + e.width.min(first + PF::WIDTH);
                let next = column + cells.len();
                if cells.clone().any(&used) {
                    strips.push(Strip { matrix: e.matrix, column, cells });
                }
                column = next;
            }
            width += e.width;
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

    /// Of what an excerpt has, the same as of the whole; other cells are left alone.
    #[test]
    fn excerpts_hold_the_cells_of_their_strips() {
        let w = PF::WIDTH;
        let width = 3 * w + 1;
        let whole = Mat::new((0..8 * width).map(F::from_usize).collect(), width);
        let columns = used_strips(width, |c| c == w || c == width - 1);
        assert_eq!(columns, if w == 1 { vec![1..2, 3..4] } else { vec![w..2 * w, 3 * w..width] });
        assert!(used_strips(width, |c| c >= w).into_iter().eq(std::iter::once(w..width)));
        let cells = (0..8)
            .flat_map(|r| columns.iter().flat_map(move |c| (r, c.clone()).1.map(move |c| r * width + c)));
        let cells: Vec<F> = cells.map(F::from_usize).collect();
        let excerpt = Mat::new(cells, w + 1);
        let all = [Excerpt { matrix: &excerpt, columns: columns.clone(), width }, Excerpt::whole(&whole)];
        let strips = Strips::of(&all, |_| true);
        let mut row = vec![F::TWO; 2 * width];
        strips.load::<Single>(&[5], &mut row);
        for c in 0..width {
            let there = columns.iter().any(|range| range.contains(&c));
            assert_eq!(row[c], if there { whole.values[5 * width + c] } else { F::TWO });
            assert_eq!(row[width + c], whole.values[5 * width + c]);
        }
    }

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
