//! Kernels that slide a window over an image: convolution, max and sum/average pooling.
//!
//! Invariants:
//! - Padding cells count as zero for convolution and sums; max pooling ignores them.
//! - Every pooling window holds at least one cell of the image; attributes that would break this are errors.

use super::{Num, Real, fail, max};
use crate::Result;
use crate::shape::{ConvAttrs, PoolAttrs};
use ndarray::{ArrayD, IxDyn};
use rayon::prelude::*;

fn dims4(shape: &[usize]) -> Result<[usize; 4]> {
    match *shape {
        [a, b, c, d] => Ok([a, b, c, d]),
        _ => fail(format!("expected 4 axes, found shape {shape:?}")),
    }
}

/// Positions of a tile: what a vector register holds of them.
const LANES: usize = 16;
/// Output channels of a tile.
const CHANNELS: usize = 8;
/// Elements of the panels made at a time, about: what stays near the core.
const PANELS: usize = 1 << 18;

/// 2-d convolution (as neural networks name it: cross-correlation).
/// `x`: N×C×H×W, `w`: O×C/g×KH×KW, `bias`: O. Result: N×O×H'×W'.
///
/// A matrix product: of the weights O×(C/g·KH·KW), and of panels that hold what each tap reads at [`LANES`] positions. Every sum
/// begins with the bias and goes through channels, rows and columns of the window in this order, whatever the machine.
pub fn conv2d<T: Num>(
    x: &ArrayD<T>,
    w: &ArrayD<T>,
    bias: Option<&ArrayD<T>>,
    attrs: &ConvAttrs,
) -> Result<ArrayD<T>> {
    let [n, o, oh, ow] = dims4(&crate::shape::conv(x.shape(), w.shape(), bias.map(|b| b.shape()), attrs)?)?;
    let ([_, c, h, wd], [_, cg, kh, kw]) = (dims4(x.shape())?, dims4(w.shape())?);
    let (x, w) = (x.as_standard_layout(), w.as_standard_layout());
    let (xs, ws) = (slice_of(&x)?, slice_of(&w)?);
    let (positions, depth, og) = (oh * ow, cg * kh * kw, o / attrs.groups);
    let mut out = vec![T::ZERO; n * o * positions];
    if positions == 0 || og == 0 || h * wd == 0 {
        return array(&[n, o, oh, ow], out);
    }
    let block = (PANELS / depth.max(1) / LANES).max(1) * LANES;
    out.par_chunks_exact_mut(og * positions).enumerate().for_each(|(i, out)| {
        let (image, group) = (i / attrs.groups, i % attrs.groups);
        let taps = Taps {
            x: &xs[(image * c + group * cg) * h * wd..],
            image: [h, wd],
            columns: ow,
            kernel: [kh, kw],
            attrs,
        };
        let ws = &ws[group * og * depth..][..og * depth];
        for first in (0..positions).step_by(block) {
            let len = block.min(positions - first);
            let mut panels = vec![[T::ZERO; LANES]; len.div_ceil(LANES) * depth];
            panels.par_chunks_exact_mut(depth.max(1)).enumerate().for_each(|(tile, panel)| {
                let from = first + tile * LANES;
                taps.panel(from..(from + LANES).min(first + len), panel);
            });
            let some = out.par_chunks_mut(CHANNELS * positions).zip(ws.par_chunks(CHANNELS * depth.max(1)));
            some.enumerate().for_each(|(chunk, (planes, ws))| {
                tessera_cancel::point();
                let start = |k: usize| bias.map_or(T::ZERO, |b| b[[group * og + chunk * CHANNELS + k]]);
                for (tile, panel) in panels.chunks_exact(depth.max(1)).enumerate() {
                    let from = first + tile * LANES;
                    let here = from..(from + LANES).min(first + len);
                    let mut put = |k: usize, sums: &[T; LANES]| {
                        planes[k * positions..][here.clone()].copy_from_slice(&sums[..here.len()]);
                    };
                    if ws.len() == CHANNELS * depth {
                        let rows = std::array::from_fn(|k| &ws[k * depth..][..depth]);
                        let sums = products::<T, CHANNELS>(rows, panel, std::array::from_fn(start));
                        sums.iter().enumerate().for_each(|(k, s)| put(k, s));
                    } else {
                        for (k, row) in ws.chunks_exact(depth).enumerate() {
                            put(k, &products([row], panel, [start(k)])[0]);
                        }
                    }
                }
            });
        }
    });
    array(&[n, o, oh, ow], out)
}

/// `sums[k][l] = start[k] + Σ_d w[k][d]·panel[d][l]`, added up in the order of d.
///
/// A function of its own: the compiler finds the vectors in it, and does not where this is part of the loops around it.
#[inline(never)]
fn products<T: Num, const K: usize>(w: [&[T]; K], panel: &[[T; LANES]], start: [T; K]) -> [[T; LANES]; K] {
    let mut sums = start.map(|s| [s; LANES]);
    for (d, inputs) in panel.iter().enumerate() {
        for (sums, w) in sums.iter_mut().zip(&w) {
            let w = w[d];
            for (sum, &x) in sums.iter_mut().zip(inputs) {
                *sum += w * x;
            }
        }
    }
    sums
}

/// Where the taps of a window read an image.
struct Taps<'a, T> {
    /// The first channel of the group.
    x: &'a [T],
    /// Rows and columns of a channel.
    image: [usize; 2],
    /// Columns of the result.
    columns: usize,
    kernel: [usize; 2],
    attrs: &'a ConvAttrs,
}

impl<T: Num> Taps<'_, T> {
    /// What every tap reads at some positions of the result: zero beside the image.
    fn panel(&self, positions: std::ops::Range<usize>, panel: &mut [[T; LANES]]) {
        let ([h, w], [kh, kw]) = (self.image, self.kernel);
        let ([sh, sw], [dh, dw]) = (self.attrs.strides, self.attrs.dilations);
        let [top, left, _, _] = self.attrs.pads;
        // of a position the row and column that its first tap reads, moved by the padding
        let corners: Vec<[usize; 2]> =
            positions.map(|p| [p / self.columns * sh, p % self.columns * sw]).collect();
        for (tap, inputs) in panel.iter_mut().enumerate() {
            let (channel, r, s) = (tap / (kh * kw), tap / kw % kh, tap % kw);
            let x = &self.x[channel * h * w..][..h * w];
            for (input, [i, j]) in inputs.iter_mut().zip(&corners) {
                let (i, j) = ((i + r * dh).wrapping_sub(top), (j + s * dw).wrapping_sub(left));
                if i < h && j < w {
                    *input = x[i * w + j];
                }
            }
        }
    }
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
pub fn avg_pool<T: Real>(x: &ArrayD<T>, attrs: &PoolAttrs, count_include_pad: bool) -> Result<ArrayD<T>> {
    let all = attrs.kernel[0] * attrs.kernel[1];
    pool(x, attrs, |plane, w, rows, columns| {
        let count = if count_include_pad { all } else { (rows.1 - rows.0) * (columns.1 - columns.0) };
        window_sum(plane, w, rows, columns) / T::nearest(count as f64)
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
