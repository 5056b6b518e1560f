//! Kernels that move elements without computing, and elementwise ones with broadcasting.

use super::{Num, fail};
use crate::Result;
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, Slice};

/// A view of `x` stretched to `shape`.
pub fn broadcast<'a, T>(x: &'a ArrayD<T>, shape: &[usize]) -> Result<ArrayViewD<'a, T>> {
    match x.broadcast(IxDyn(shape)) {
        Some(view) => Ok(view),
        None => fail(format!("shape {:?} does not broadcast to {shape:?}", x.shape())),
    }
}

/// `f(a, b)` elementwise with broadcasting.
pub fn zip_broadcast<T: Num, U>(a: &ArrayD<T>, b: &ArrayD<T>, f: impl FnMut(T, T) -> U) -> Result<ArrayD<U>> {
    let mut f = f;
    let shape = crate::shape::broadcast(a.shape(), b.shape())?;
    let (a, b) = (broadcast(a, &shape)?, broadcast(b, &shape)?);
    Ok(ndarray::Zip::from(a).and(b).map_collect(|&x, &y| f(x, y)))
}

/// The same elements in row-major order under another shape.
pub fn reshape<T: Copy>(x: &ArrayD<T>, shape: &[usize]) -> Result<ArrayD<T>> {
    crate::shape::reshape(x.shape(), shape)?;
    super::window::array(shape, x.iter().copied().collect())
}

/// Axis `i` of the result is axis `perm[i]` of `x`.
pub fn transpose<T: Copy>(x: &ArrayD<T>, perm: &[usize]) -> Result<ArrayD<T>> {
    crate::shape::transpose(x.shape(), perm)?;
    Ok(x.view().permuted_axes(IxDyn(perm)).as_standard_layout().into_owned())
}

/// Joins along `axis`; all other extents equal.
pub fn concat<T: Copy>(parts: &[&ArrayD<T>], axis: usize) -> Result<ArrayD<T>> {
    let shapes: Vec<&[usize]> = parts.iter().map(|p| p.shape()).collect();
    crate::shape::concat(&shapes, axis)?;
    let views: Vec<_> = parts.iter().map(|p| p.view()).collect();
    match ndarray::concatenate(Axis(axis), &views) {
        Ok(a) => Ok(a.as_standard_layout().into_owned()),
        Err(e) => fail(format!("concat of {shapes:?} along axis {axis}: {e}")),
    }
}

/// Adds `low[i]` and `high[i]` cells of `value` before and after axis `i`.
pub fn pad<T: Copy>(x: &ArrayD<T>, low: &[usize], high: &[usize], value: T) -> Result<ArrayD<T>> {
    let shape = crate::shape::pad(x.shape(), low, high)?;
    let mut out = ArrayD::from_elem(IxDyn(&shape), value);
    out.slice_each_axis_mut(|a| {
        let i = a.axis.index();
        Slice::from(low[i]..low[i] + x.shape()[i])
    })
    .assign(x);
    Ok(out)
}

/// Cells `starts[i] + k·strides[i]`, `k < sizes[i]`, of every axis `i`.
pub fn slice<T: Copy>(
    x: &ArrayD<T>,
    starts: &[usize],
    sizes: &[usize],
    strides: &[usize],
) -> Result<ArrayD<T>> {
    crate::shape::slice(x.shape(), starts, sizes, strides)?;
    let view = x.slice_each_axis(|a| {
        let i = a.axis.index();
        let end = starts[i] + (sizes[i] - 1) * strides[i] + 1;
        Slice::new(starts[i] as isize, Some(end as isize), strides[i] as isize)
    });
    Ok(view.as_standard_layout().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn broadcasting_follows_numpy() {
        assert!(
            zip_broadcast(&array![1i64, 2].into_dyn(), &array![1i64, 2, 3].into_dyn(), |a, b| a + b).is_err()
        );
        let y = zip_broadcast(&array![[1i64], [2]].into_dyn(), &array![10i64, 20].into_dyn(), |a, b| a + b)
            .unwrap();
        assert_eq!(y, array![[11, 21], [12, 22]].into_dyn());
    }

    #[test]
    fn layout_kernels_move_the_right_cells() {
        let x = array![[1i64, 2, 3], [4, 5, 6]].into_dyn();
        assert_eq!(reshape(&x, &[3, 2]).unwrap(), array![[1, 2], [3, 4], [5, 6]].into_dyn());
        assert_eq!(transpose(&x, &[1, 0]).unwrap(), array![[1, 4], [2, 5], [3, 6]].into_dyn());
        assert_eq!(slice(&x, &[0, 0], &[2, 2], &[1, 2]).unwrap(), array![[1, 3], [4, 6]].into_dyn());
        assert_eq!(
            pad(&x, &[0, 1], &[1, 0], 9).unwrap(),
            array![[9, 1, 2, 3], [9, 4, 5, 6], [9, 9, 9, 9]].into_dyn()
        );
        assert_eq!(concat(&[&x, &x], 1).unwrap(), array![[1, 2, 3, 1, 2, 3], [4, 5, 6, 4, 5, 6]].into_dyn());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let x = array![[1i64, 2, 3], [4, 5, 6]].into_dyn();
        assert!(reshape(&x, &[4]).is_err());
        assert!(transpose(&x, &[0, 0]).is_err());
        assert!(slice(&x, &[0, 2], &[2, 2], &[1, 1]).is_err());
        assert!(slice(&x, &[0, 0], &[2, 0], &[1, 1]).is_err());
        assert!(concat(&[&x], 2).is_err());
        assert!(concat::<i64>(&[], 0).is_err());
        assert!(pad(&x, &[1], &[1], 0).is_err());
    }
}
