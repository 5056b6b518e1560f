//! Rows along the last axis: softmax, normalization, and where the greatest element stands; rows of a table.

use super::layout::broadcast;
use super::window::{array, slice_of};
use super::{Num, Real, fail};
use crate::{Result, shape};
use ndarray::ArrayD;
use rayon::prelude::*;

/// `f(row, result)` for every row along the last axis; results have the extents of `x`.
pub fn map_rows<T: Num>(
    x: &ArrayD<T>,
    f: impl Fn(usize, &[T], &mut [T]) -> Result<()> + Sync,
) -> Result<ArrayD<T>> {
    let (_, n) = shape::last_axis(x.shape())?;
    let x = x.as_standard_layout();
    let xs = slice_of(&x)?;
    let mut out = vec![T::ZERO; xs.len()];
    out.par_chunks_exact_mut(n)
        .zip(xs.par_chunks_exact(n))
        .enumerate()
        .try_for_each(|(row, (y, x))| f(row, x, y))?;
    array(x.shape(), out)
}

/// Which positions of a tensor of extents `x` count: every one that the mask has not at 0.
///
/// # Errors
/// When the mask does not broadcast to the extents, holds another number than 0 and 1, or leaves a row without a position.
pub fn counting<T: Num>(x: &[usize], mask: Option<&ArrayD<T>>, one: T) -> Result<Option<Vec<bool>>> {
    let Some(mask) = mask else { return Ok(None) };
    shape::softmax(x, Some(mask.shape()))?;
    if !mask.iter().all(|&m| m == T::ZERO || m == one) {
        return fail("the mask holds numbers other than 0 and 1");
    }
    let counts: Vec<bool> = broadcast(mask, x)?.iter().map(|&m| m == one).collect();
    let (_, n) = shape::last_axis(x)?;
    match counts.chunks_exact(n).position(|row| !row.contains(&true)) {
        Some(row) => fail(format!("the mask leaves nothing of row {row}")),
        None => Ok(Some(counts)),
    }
}

/// `y[.., j] = m[.., j]·exp(x[.., j]) / Σ_k m[.., k]·exp(x[.., k])`.
///
/// # Errors
/// Those of [`counting`].
pub fn softmax<T: Real>(x: &ArrayD<T>, mask: Option<&ArrayD<T>>) -> Result<ArrayD<T>> {
    let (_, n) = shape::last_axis(x.shape())?;
    let counts = counting(x.shape(), mask, T::nearest(1.0))?;
    map_rows(x, |row, x, y| {
        let counts = |j: usize| counts.as_ref().is_none_or(|c| c[row * n + j]);
        let real = |j: usize| -> f64 { x[j].into() };
        let greatest = (0..n).filter(|&j| counts(j)).map(real).fold(f64::NEG_INFINITY, f64::max);
        let powers = (0..n).map(|j| if counts(j) { (real(j) - greatest).exp() } else { 0.0 });
        let powers: Vec<f64> = powers.collect();
        let sum: f64 = powers.iter().sum();
        y.iter_mut().zip(powers).for_each(|(y, power)| *y = T::nearest(power / sum));
        Ok(())
    })
}

/// `z / sqrt(mean(z²) + epsilon)` along the last axis, for `z = x − mean(x)` where `centred`, else `z = x`. Sums are taken in
/// `f64`.
///
/// # Errors
/// When there is no last axis.
pub fn norm<T: Real>(x: &ArrayD<T>, centred: bool, epsilon: f64) -> Result<ArrayD<T>> {
    map_rows(x, |_, x, y| {
        let mean = |of: &dyn Fn(f64) -> f64| x.iter().map(|&v| of(v.into())).sum::<f64>() / x.len() as f64;
        let centre = if centred { mean(&|v| v) } else { 0.0 };
        let square = mean(&|v| (v - centre) * (v - centre));
        let factor = 1.0 / (square + epsilon).sqrt();
        y.iter_mut().zip(x).for_each(|(y, &v)| *y = T::nearest((v.into() - centre) * factor));
        Ok(())
    })
}

/// `table[ids[..], :]`.
///
/// # Errors
/// When the table has not two axes, or an index is no row of it.
pub fn embedding<T: Num>(
    table: &ArrayD<T>,
    ids: &ArrayD<T>,
    row_of: impl Fn(T) -> Option<usize>,
) -> Result<ArrayD<T>> {
    let extents = shape::embedding(table.shape(), ids.shape())?;
    let (rows, columns) = (table.shape()[0], table.shape()[1]);
    let table = table.as_standard_layout();
    let entries = slice_of(&table)?;
    let mut out = Vec::with_capacity(shape::elements(&extents)?);
    for (i, &id) in ids.iter().enumerate() {
        match row_of(id).filter(|&row| row < rows) {
            Some(row) => out.extend_from_slice(&entries[row * columns..][..columns]),
            None => return fail(format!("index {i} is {id:?}, which is none of {rows} rows")),
        }
    }
    array(&extents, out)
}

/// The position of the greatest element along the last axis: the first among equals.
///
/// # Errors
/// When there is no last axis.
pub fn argmax<T: Num>(x: &ArrayD<T>) -> Result<ArrayD<usize>> {
    let (rows, n) = shape::last_axis(x.shape())?;
    let x = x.as_standard_layout();
    let first = |row: &[T]| (0..n).fold(0, |best, j| if row[j] > row[best] { j } else { best });
    array(rows, slice_of(&x)?.chunks_exact(n).map(first).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    #[test]
    fn softmax_divides_by_what_counts() {
        let x = arr2(&[[0.0f32, 1.0, 2.0], [5.0, -80.0, 1000.0]]).into_dyn();
        let y = softmax(&x, None).unwrap();
        assert!((y[[0, 2]] - 0.665_240_9).abs() < 1e-6 && y[[1, 2]] == 1.0 && y[[1, 1]] == 0.0);
        let mask = arr2(&[[1.0f32, 1.0, 0.0]]).into_dyn();
        let y = softmax(&x, Some(&mask)).unwrap();
        assert!((y[[0, 1]] - 0.731_058_6).abs() < 1e-6 && y[[0, 2]] == 0.0 && y[[1, 0]] == 1.0);
        let none = arr2(&[[0.0f32, 0.0, 0.0]]).into_dyn();
        assert!(softmax(&x, Some(&none)).unwrap_err().to_string().contains("nothing of row 0"));
        assert!(softmax(&x, Some(&arr2(&[[0.5f32]]).into_dyn())).is_err());
    }

    #[test]
    fn norms_have_mean_square_one() {
        let x = arr2(&[[1.0f32, 2.0, 3.0, 6.0]]).into_dyn();
        let (layer, rms) = (norm(&x, true, 0.0).unwrap(), norm(&x, false, 0.0).unwrap());
        for y in [&layer, &rms] {
            assert!((y.iter().map(|v| v * v).sum::<f32>() - 4.0).abs() < 1e-5);
        }
        assert!(layer.sum().abs() < 1e-6 && (rms[[0, 3]] / rms[[0, 0]] - 6.0).abs() < 1e-5);
    }

    #[test]
    fn rows_of_tables_and_greatest_elements() {
        let table = arr2(&[[1i64, 2], [3, 4]]).into_dyn();
        let row = |id: i64| usize::try_from(id).ok();
        let ids = ndarray::arr1(&[1i64, 0, 1]).into_dyn();
        assert_eq!(embedding(&table, &ids, row).unwrap(), arr2(&[[3i64, 4], [1, 2], [3, 4]]).into_dyn());
        for bad in [-1, 2] {
            let ids = ndarray::arr1(&[bad]).into_dyn();
            assert!(embedding(&table, &ids, row).unwrap_err().to_string().contains("none of 2 rows"));
        }
        let x = arr2(&[[1i64, 5, 5], [0, -1, -2]]).into_dyn();
        assert_eq!(argmax(&x).unwrap(), ndarray::arr1(&[1usize, 0]).into_dyn());
    }
}
