//! Matrix kernels: the fully connected layer and batched matrix products.

use super::Num;
use super::layout::broadcast;
use super::window::{array, slice_of};
use crate::Result;
use ndarray::ArrayD;
use rayon::prelude::*;

/// `y[.., o] = Σ_k x[.., k]·w[o, k] + bias[o]`. `x`: ..×K, `w`: O×K, `bias`: O. Result: ..×O.
pub fn linear<T: Num>(x: &ArrayD<T>, w: &ArrayD<T>, bias: Option<&ArrayD<T>>) -> Result<ArrayD<T>> {
    let shape = crate::shape::linear(x.shape(), w.shape(), bias.map(|b| b.shape()))?;
    let (o, k) = (w.shape()[0], w.shape()[1]);
    let rows: usize = shape[..shape.len() - 1].iter().product();
    let (x, w) = (x.as_standard_layout(), w.as_standard_layout());
    let (xs, ws) = (slice_of(&x)?, slice_of(&w)?);
    let mut out = vec![T::ZERO; rows * o];
    for (r, out) in out.chunks_exact_mut(o.max(1)).enumerate() {
        let row = &xs[r * k..][..k];
        out.par_chunks_mut(COLUMNS).enumerate().with_min_len(PER_TASK / (COLUMNS * k + 1) + 1).for_each(
            |(chunk, out)| {
                tessera_cancel::point();
                let first = chunk * COLUMNS;
                dots(row, &ws[first * k..][..out.len() * k], out);
                if let Some(b) = bias {
                    out.iter_mut().enumerate().for_each(|(c, y)| *y = b[[first + c]] + *y);
                }
            },
        );
    }
    array(&shape, out)
}

/// Batched matrix product: `a`: ..×M×K, `b`: ..×K×N, leading axes broadcast. Result: ..×M×N.
pub fn matmul<T: Num>(a: &ArrayD<T>, b: &ArrayD<T>) -> Result<ArrayD<T>> {
    let shape = crate::shape::matmul(a.shape(), b.shape())?;
    let ([lead @ .., m, n], Some(&k)) = (&shape[..], a.shape().last()) else {
        return super::fail("matmul takes operands of two axes or more");
    };
    let (m, n) = (*m, *n);
    let full = |rows: usize, columns: usize| lead.iter().copied().chain([rows, columns]).collect::<Vec<_>>();
    let a = broadcast(a, &full(m, k))?;
    let mut b = broadcast(b, &full(k, n))?;
    let last = b.ndim() - 1;
    b.swap_axes(last - 1, last);
    let (a, bt) = (a.as_standard_layout(), b.as_standard_layout());
    let (xs, ys) = (slice_of(&a)?, slice_of(&bt)?);
    let batches: usize = lead.iter().product();
    let mut out = vec![T::ZERO; batches * m * n];
    out.par_chunks_exact_mut(n.max(1)).enumerate().for_each(|(r, out)| {
        tessera_cancel::point();
        let row = &xs[r * k..][..k];
        for (chunk, out) in out.chunks_mut(COLUMNS).enumerate() {
            dots(row, &ys[(r / m * n + chunk * COLUMNS) * k..][..out.len() * k], out);
        }
    });
    array(&full(m, n), out)
}

/// Columns of the result made together.
const COLUMNS: usize = 4;
/// Products that are worth a task of their own.
const PER_TASK: usize = 1 << 16;

/// `y[c] = Σ_k x[k]·w[c][k]` for up to [`COLUMNS`] rows of w.
fn dots<T: Num>(x: &[T], w: &[T], y: &mut [T]) {
    let k = x.len();
    if y.len() == COLUMNS {
        y.copy_from_slice(&dot::<T, COLUMNS>(x, std::array::from_fn(|c| &w[c * k..][..k])));
    } else {
        y.iter_mut().enumerate().for_each(|(c, y)| *y = dot(x, [&w[c * k..][..k]])[0]);
    }
}

/// Eight partial sums for each row, so that the loop vectorizes for floats too (whose order the compiler may not change).
fn dot<T: Num, const C: usize>(x: &[T], w: [&[T]; C]) -> [T; C] {
    let mut lanes = [[T::ZERO; 8]; C];
    let whole = x.len() / 8 * 8;
    for k in (0..whole).step_by(8) {
        let x = &x[k..k + 8];
        for (lanes, w) in lanes.iter_mut().zip(&w) {
            for ((lane, &x), &w) in lanes.iter_mut().zip(x).zip(&w[k..k + 8]) {
                *lane += x * w;
            }
        }
    }
    std::array::from_fn(|c| {
        let mut sum = T::ZERO;
        for lane in lanes[c] {
            sum += lane;
        }
        for (&x, &w) in x[whole..].iter().zip(&w[c][whole..]) {
            sum += x * w;
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(shape: &[usize]) -> ArrayD<i64> {
        let n: usize = shape.iter().product();
        array(shape, (0..n as i64).map(|i| i * 5 % 19 - 9).collect()).unwrap()
    }

    #[test]
    fn linear_equals_its_definition() {
        let (x, w, b) = (ramp(&[2, 3, 13]), ramp(&[4, 13]), ramp(&[4]));
        let y = linear(&x, &w, Some(&b)).unwrap();
        assert_eq!(y.shape(), [2, 3, 4]);
        for (i, &v) in y.indexed_iter() {
            let sum: i64 = (0..13).map(|k| x[[i[0], i[1], k]] * w[[i[2], k]]).sum();
            assert_eq!(v, sum + b[[i[2]]]);
        }
        assert!(linear(&ramp(&[2, 12]), &w, None).is_err());
    }

    #[test]
    fn matmul_broadcasts_leading_axes() {
        let (a, b) = (ramp(&[3, 1, 2, 9]), ramp(&[4, 9, 5]));
        let y = matmul(&a, &b).unwrap();
        assert_eq!(y.shape(), [3, 4, 2, 5]);
        for (i, &v) in y.indexed_iter() {
            let sum: i64 = (0..9).map(|k| a[[i[0], 0, i[2], k]] * b[[i[1], k, i[3]]]).sum();
            assert_eq!(v, sum);
        }
        assert!(matmul(&ramp(&[2, 3]), &ramp(&[2, 3])).is_err());
    }
}
