//! Reading rows of row-major matrices into machine vectors, on the trace domain and on its low-degree extension.
//!
//! The extension's rows stand in bit-reversed order; the row after position p belongs to natural index rev(p) + blowup.
//!
//! Invariant: positions are reduced modulo the height before anything is read.
use crate::eval::Arithmetic;
use crate::p3::{BasedVectorSpace, DEGREE, E, F, LOG_BLOWUP, Mat};
use p3_util::reverse_bits_len;

/// Base columns of a group, possibly in several matrices, as cells of one row.
pub struct BaseColumns<'a> {
    /// (matrix, its column, cell of the row)
    entries: Vec<(&'a Mat, usize, usize)>,
    width: usize,
}

impl<'a> BaseColumns<'a> {
    /// All columns of `matrices`, side by side; only those for which `used` holds are read.
    pub fn new(matrices: &[&'a Mat], used: impl Fn(u32) -> bool) -> BaseColumns<'a> {
        let mut entries = vec![];
        let mut width = 0;
        for m in matrices {
            entries.extend((0..m.width).filter(|c| used((width + c) as u32)).map(|c| (*m, c, width + c)));
            width += m.width;
        }
        BaseColumns { entries, width }
    }
    /// A row buffer.
    pub fn buffer<A: Arithmetic>(&self) -> Vec<A::B> {
        vec![A::base(F::default()); self.width]
    }
    /// Fills a row buffer with the rows at `positions`.
    #[inline]
    pub fn load<A: Arithmetic>(&self, positions: &[usize], out: &mut [A::B]) {
        for (m, c, cell) in &self.entries {
            out[*cell] = A::pack_base(|lane| m.values[positions[lane] * m.width + c]);
        }
    }
}

/// Fills `out` with the extension cells of the rows at `positions`.
#[inline]
pub fn load_extension<A: Arithmetic>(matrices: &[&Mat], positions: &[usize], out: &mut Vec<A::X>) {
    out.clear();
    for m in matrices {
        let w = m.width;
        for c in 0..w / DEGREE {
            out.push(A::pack(|lane| {
                let at = positions[lane] * w + DEGREE * c;
                E::from_basis_coefficients_fn(|i| m.values[at + i])
            }));
        }
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
    use crate::p3::{PrimeCharacteristicRing, extend};

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
