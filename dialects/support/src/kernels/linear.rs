//! Matrix kernels: the fully connected layer and batched matrix products.

use super::Num;
use super::layout::broadcast;
use super::window::{array, slice_of};
use crate::Result;
use ndarray::ArrayD;

/// `y[.., o] = Σ_k x[.., k]·w[o, k] + bias[o]`. `x`: ..×K, `w`: O×K, `bias`: O. Result: ..×O.
pub fn linear<T: Num>(x: &ArrayD<T>, w: &ArrayD<T>, bias: Option<&ArrayD<T>>) -> Result<ArrayD<T>> {
    let shape = crate::shape::linear(x.shape(), w.shape(), bias.map(|b| b.shape()))?;
    let (o, k) = (w.shape()[0], w.shape()[1]);
    let rows: usize = shape[..shape.len() - 1].iter().product();
    let (x, w) = (x.as_standard_layout(), w.as_standard_layout());
    let (xs, ws) = (slice_of(&x)?, slice_of(&w)?);
    let mut out = Vec::with_capacity(rows * o);
    for r in 0..rows {
        let row = &xs[r * k..][..k];
        for c in 0..o {
            let start = bias.map_or(T::ZERO, |b| b[[c]]);
            out.push(start + dot(row, &ws[c * k..][..k]));
        }
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
    let mut out = Vec::with_capacity(batches * m * n);
    for batch in 0..batches {
        for r in 0..m {
            let row = &xs[(batch * m + r) * k..][..k];
            for c in 0..n {
                out.push(dot(row, &ys[(batch * n + c) * k..][..k]));
            }
        }
    }
    array(&full(m, n), out)
}

/// Eight partial sums, so that the loop vectorizes for floats too (whose order the compiler may not change).
fn dot<T: Num>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::ZERO; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail = a8.remainder().iter().zip(b8.remainder());
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    let mut sum = T::ZERO;
    for lane in lanes {
        sum += lane;
    }
    for (&x, &y) in tail {
        sum += x * y;
    }
    sum
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
