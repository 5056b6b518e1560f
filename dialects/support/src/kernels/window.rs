//! Kernels that slide a window over an image: convolution, max and sum/average pooling.
//!
//! Invariants:
//! - Padding cells count as zero for convolution and sums; max pooling ignores them.
//! - Every pooling window holds at least one cell of the image; attributes that would break this are errors.

use super::{Num, fail, max};
use crate::Result;
use crate::shape::{ConvAttrs, PoolAttrs};
use ndarray::{ArrayD, IxDyn};
use rayon::prelude::*;

/// Output indices `o` for which `o*stride + offset` lies in `0..input`, as a half-open range within `0..output`.
fn valid_range(offset: isize, stride: usize, input: usize, output: usize) -> (usize, usize) {
    let stride = stride as isize;
    let lo = if offset >= 0 { 0 } else { (-offset + stride - 1) / stride };
    let hi = if input as isize <= offset { 0 } else { (input as isize - offset + stride - 1) / stride };
    let hi = hi.clamp(0, output as isize);
    (lo.clamp(0, hi) as usize, hi as usize)
}

fn dims4(shape: &[usize]) -> Result<[usize; 4]> {
    match *shape {
        [a, b, c, d] => Ok([a, b, c, d]),
        _ => fail(format!("expected 4 axes, found shape {shape:?}")),
    }
}

/// 2-d convolution (as neural networks name it: cross-correlation).
/// `x`: N×C×H×W, `w`: O×C/g×KH×KW, `bias`: O. Result: N×O×H'×W'.
pub fn conv2d<T: Num>(
    x: &ArrayD<T>,
    w: &ArrayD<T>,
    bias: Option<&ArrayD<T>>,
    attrs: &ConvAttrs,
) -> Result<ArrayD<T>> {
    let [n, o, oh, ow] = dims4(&crate::shape::conv(x.shape(), w.shape(), bias.map(|b| b.shape()), attrs)?)?;
    let ([_, c, h, wd], [_, cg, kh, kw]) = (dims4(x.shape())?, dims4(w.shape())?);
    let [top, left, _, _] = attrs.pads;
    let ([sh, sw], [dh, dw]) = (attrs.strides, attrs.dilations);
    let (x, w) = (x.as_standard_layout(), w.as_standard_layout());
    let (xs, ws) = (slice_of(&x)?, slice_of(&w)?);
    let mut out = vec![T::ZERO; n * o * oh * ow];
    let og = o / attrs.groups;
    if oh * ow == 0 || h * wd == 0 {
        return array(&[n, o, oh, ow], out);
    }
    out.par_chunks_exact_mut(oh * ow).enumerate().for_each(|(plane, y)| {
        let (image, channel) = (plane / o, plane % o);
        if let Some(b) = bias {
            y.fill(b[[channel]]);
        }
        let first = image * c + channel / og * cg;
        for ic in 0..cg {
            let input = &xs[(first + ic) * h * wd..][..h * wd];
            let kernel = &ws[(channel * cg + ic) * kh * kw..][..kh * kw];
            for (r, row) in kernel.chunks_exact(kw).enumerate() {
                let dy = (r * dh) as isize - top as isize;
                let (y0, y1) = valid_range(dy, sh, h, oh);
                for (s, &weight) in row.iter().enumerate() {
                    if weight == T::ZERO {
                        continue;
                    }
                    let dx = (s * dw) as isize - left as isize;
                    let (x0, x1) = valid_range(dx, sw, wd, ow);
                    if x0 == x1 {
                        continue;
                    }
                    for i in y0..y1 {
                        let line = &input[((i * sh) as isize + dy) as usize * wd..][..wd];
                        let from = &line[((x0 * sw) as isize + dx) as usize..];
                        let into = &mut y[i * ow + x0..i * ow + x1];
                        if sw == 1 {
                            for (a, &b) in into.iter_mut().zip(from) {
                                *a += weight * b;
                            }
                        } else {
                            for (a, &b) in into.iter_mut().zip(from.iter().step_by(sw)) {
                                *a += weight * b;
                            }
                        }
                    }
                }
            }
        }
    });
    array(&[n, o, oh, ow], out)
}

/// Visits every pooling window: `f(plane, rows, columns)` gives the ranges of image cells it covers.
fn pool<T: Num>(
    x: &ArrayD<T>,
    attrs: &PoolAttrs,
    f: impl Fn(&[T], usize, (usize, usize), (usize, usize)) -> T,
) -> Result<ArrayD<T>> {
    let [n, c, oh, ow] = dims4(&crate::shape::pool(x.shape(), attrs)?)?;
    let [_, _, h, w] = dims4(x.shape())?;
    let ([kh, kw], [sh, sw], [top, left, _, _]) = (attrs.kernel, attrs.strides, attrs.pads);
    let x = x.as_standard_layout();
    let xs = slice_of(&x)?;
    let mut out = Vec::with_capacity(n * c * oh * ow);
    for plane in xs.chunks_exact((h * w).max(1)) {
        for i in 0..oh {
            let rows = ((i * sh).saturating_sub(top), (i * sh + kh - top.min(i * sh + kh)).min(h));
            for j in 0..ow {
                let columns = ((j * sw).saturating_sub(left), (j * sw + kw - left.min(j * sw + kw)).min(w));
                out.push(f(plane, w, rows, columns));
            }
        }
    }
    array(&[n, c, oh, ow], out)
}

/// Largest cell of every window; padding is ignored.
pub fn max_pool<T: Num>(x: &ArrayD<T>, attrs: &PoolAttrs) -> Result<ArrayD<T>> {
    pool(x, attrs, |plane, w, rows, columns| {
        let mut m = T::LOWEST;
        for r in rows.0..rows.1 {
            for &v in &plane[r * w + columns.0..r * w + columns.1] {
                m = max(m, v);
            }
        }
        m
    })
}

/// Sum of every window; padding counts as zero.
pub fn sum_pool<T: Num>(x: &ArrayD<T>, attrs: &PoolAttrs) -> Result<ArrayD<T>> {
    pool(x, attrs, |plane, w, rows, columns| window_sum(plane, w, rows, columns))
}

/// Mean of every window, over all its cells (`count_include_pad`) or over those inside the image.
pub fn avg_pool(x: &ArrayD<f32>, attrs: &PoolAttrs, count_include_pad: bool) -> Result<ArrayD<f32>> {
    let all = attrs.kernel[0] * attrs.kernel[1];
    pool(x, attrs, |plane, w, rows, columns| {
        let count = if count_include_pad { all } else { (rows.1 - rows.0) * (columns.1 - columns.0) };
        window_sum(plane, w, rows, columns) / count as f32
    })
}

fn window_sum<T: Num>(plane: &[T], w: usize, rows: (usize, usize), columns: (usize, usize)) -> T {
    let mut sum = T::ZERO;
    for r in rows.0..rows.1 {
        for &v in &plane[r * w + columns.0..r * w + columns.1] {
            sum += v;
        }
    }
    sum
}

pub(super) fn slice_of<'a, T>(a: &'a ndarray::CowArray<'_, T, IxDyn>) -> Result<&'a [T]> {
    match a.as_slice() {
        Some(s) => Ok(s),
        None => fail("array is not contiguous"),
    }
}

pub(super) fn array<T>(shape: &[usize], data: Vec<T>) -> Result<ArrayD<T>> {
    ArrayD::from_shape_vec(IxDyn(shape), data).or_else(|e| fail(format!("shape {shape:?}: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(shape: &[usize]) -> ArrayD<i64> {
        let n: usize = shape.iter().product();
        array(shape, (0..n as i64).map(|i| i * 7 % 23 - 11).collect()).unwrap()
    }

    /// The definition, index by index.
    fn conv_reference(x: &ArrayD<i64>, w: &ArrayD<i64>, a: &ConvAttrs, out: &[usize]) -> ArrayD<i64> {
        let (h, wd) = (x.shape()[2] as isize, x.shape()[3] as isize);
        let og = w.shape()[0] / a.groups;
        ArrayD::from_shape_fn(IxDyn(out), |i| {
            let mut acc = 0;
            for c in 0..w.shape()[1] {
                for r in 0..w.shape()[2] {
                    for s in 0..w.shape()[3] {
                        let y = (i[2] * a.strides[0] + r * a.dilations[0]) as isize - a.pads[0] as isize;
                        let z = (i[3] * a.strides[1] + s * a.dilations[1]) as isize - a.pads[1] as isize;
                        if y >= 0 && y < h && z >= 0 && z < wd {
                            let channel = i[1] / og * w.shape()[1] + c;
                            acc += w[[i[1], c, r, s]] * x[[i[0], channel, y as usize, z as usize]];
                        }
                    }
                }
            }
            acc
        })
    }

    #[test]
    fn conv_equals_its_definition() {
        for strides in [[1, 1], [2, 1], [2, 3]] {
            for pads in [[0, 0, 0, 0], [1, 2, 0, 3], [4, 4, 4, 4]] {
                for dilations in [[1, 1], [2, 1], [1, 3]] {
                    for groups in [1, 2] {
                        let a = ConvAttrs { strides, pads, dilations, groups };
                        let (x, w) = (ramp(&[2, 4, 7, 9]), ramp(&[6, 4 / groups, 3, 2]));
                        let y = conv2d(&x, &w, None, &a).unwrap();
                        assert_eq!(y, conv_reference(&x, &w, &a, y.shape()), "{a:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn pools_equal_their_definition() {
        for strides in [[1, 1], [2, 1], [3, 2]] {
            for pads in [[0, 0, 0, 0], [1, 0, 2, 1], [1, 1, 1, 1]] {
                let a = PoolAttrs { kernel: [3, 2], strides, pads };
                let x = ramp(&[1, 2, 7, 8]);
                let (m, s) = (max_pool(&x, &a).unwrap(), sum_pool(&x, &a).unwrap());
                for (i, _) in m.indexed_iter() {
                    let cells: Vec<i64> = (0..6)
                        .filter_map(|k| {
                            let y = (i[2] * strides[0] + k / 2).checked_sub(pads[0])?;
                            let z = (i[3] * strides[1] + k % 2).checked_sub(pads[1])?;
                            x.get([i[0], i[1], y, z].as_slice()).copied()
                        })
                        .collect();
                    assert_eq!(m[&i], *cells.iter().max().unwrap(), "{a:?} at {i:?}");
                    assert_eq!(s[&i], cells.iter().sum::<i64>(), "{a:?} at {i:?}");
                }
            }
        }
    }

    #[test]
    fn windows_of_padding_alone_are_refused() {
        let x = ramp(&[1, 1, 4, 4]);
        for pads in [[2, 0, 0, 0], [0, 0, 0, 3]] {
            assert!(max_pool(&x, &PoolAttrs { kernel: [2, 2], strides: [1, 1], pads }).is_err(), "{pads:?}");
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let x = ramp(&[1, 3, 4, 4]);
        assert!(conv2d(&x, &ramp(&[2, 2, 3, 3]), None, &ConvAttrs::default()).is_err());
        assert!(conv2d(&x, &ramp(&[2, 3, 5, 3]), None, &ConvAttrs::default()).is_err());
        assert!(conv2d(&x, &ramp(&[2, 3, 3, 3]), Some(&ramp(&[3])), &ConvAttrs::default()).is_err());
        let zero_stride = ConvAttrs { strides: [0, 1], ..ConvAttrs::default() };
        assert!(conv2d(&x, &ramp(&[2, 3, 3, 3]), None, &zero_stride).is_err());
    }
}
