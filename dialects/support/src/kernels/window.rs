//! Kernels that slide a window over an image: convolution, max and sum/average pooling.
//!
//! Invariants:
//! - Padding cells count as zero for convolution and sums; max pooling ignores them.
//! - Every pooling window holds at least one cell of the image; attributes that would break this are errors.

use super::{Num, Result, fail, max};
use ndarray::{ArrayD, IxDyn};

/// Attributes of a 2-d convolution. `pads` is (top, left, bottom, right).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Steps of the window (rows, columns), at least 1.
    pub strides: [usize; 2],
    /// Zero cells added at (top, left, bottom, right).
    pub pads: [usize; 4],
    /// Distance between kernel cells (rows, columns), at least 1.
    pub dilations: [usize; 2],
    /// Number of channel groups; divides input and output channels.
    pub groups: usize,
}

impl Default for Conv2d {
    fn default() -> Self {
        Conv2d { strides: [1, 1], pads: [0; 4], dilations: [1, 1], groups: 1 }
    }
}

/// Attributes of 2-d pooling. `pads` is (top, left, bottom, right).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2d {
    /// Extent of the window (rows, columns).
    pub kernel: [usize; 2],
    /// Steps of the window (rows, columns).
    pub strides: [usize; 2],
    /// Cells added at (top, left, bottom, right).
    pub pads: [usize; 4],
}

/// How often a window of `kernel` cells, `dilation` apart, fits along an axis.
pub fn window_extent(
    input: usize,
    kernel: usize,
    stride: usize,
    (before, after): (usize, usize),
    dilation: usize,
) -> Result<usize> {
    if kernel == 0 || stride == 0 || dilation == 0 {
        return fail(format!("kernel {kernel}, stride {stride} and dilation {dilation} must all be at least 1"));
    }
    let field = (kernel - 1).checked_mul(dilation).and_then(|f| f.checked_add(1));
    let padded = input.checked_add(before).and_then(|p| p.checked_add(after));
    match (field, padded) {
        (Some(field), Some(padded)) if field <= padded => Ok((padded - field) / stride + 1),
        (Some(field), Some(padded)) => {
            fail(format!("a window of {field} cells does not fit in {padded} cells (padding included)"))
        }
        _ => fail("window or padding too large"),
    }
}

/// Output indices `o` for which `o*stride + offset` lies in `0..input`, as a half-open range within `0..output`.
fn valid_range(offset: isize, stride: usize, input: usize, output: usize) -> (usize, usize) {
    let stride = stride as isize;
    let lo = if offset >= 0 { 0 } else { (-offset + stride - 1) / stride };
    let hi = if input as isize <= offset { 0 } else { (input as isize - offset + stride - 1) / stride };
    let hi = hi.clamp(0, output as isize);
    (lo.clamp(0, hi) as usize, hi as usize)
}

fn dims4(what: &str, shape: &[usize]) -> Result<[usize; 4]> {
    match *shape {
        [a, b, c, d] => Ok([a, b, c, d]),
        _ => fail(format!("{what} must have 4 axes, found shape {shape:?}")),
    }
}

/// 2-d convolution (as neural networks name it: cross-correlation).
/// `x`: N×C×H×W, `w`: O×C/g×KH×KW, `bias`: O. Result: N×O×H'×W'.
pub fn conv2d<T: Num>(
    x: &ArrayD<T>,
    w: &ArrayD<T>,
    bias: Option<&ArrayD<T>>,
    attrs: &Conv2d,
) -> Result<ArrayD<T>> {
    let [n, c, h, wd] = dims4("the input of a convolution", x.shape())?;
    let [o, cg, kh, kw] = dims4("the weights of a convolution", w.shape())?;
    let g = attrs.groups;
    if g == 0 || c != cg * g || !o.is_multiple_of(g) {
        return fail(format!("{c} input channels, weights {o}x{cg}x{kh}x{kw} and {g} groups do not fit together"));
    }
    if let Some(b) = bias
        && b.shape() != [o]
    {
        return fail(format!("the bias must have shape [{o}], found {:?}", b.shape()));
    }
    let [top, left, bottom, right] = attrs.pads;
    let ([sh, sw], [dh, dw]) = (attrs.strides, attrs.dilations);
    let oh = window_extent(h, kh, sh, (top, bottom), dh)?;
    let ow = window_extent(wd, kw, sw, (left, right), dw)?;
    let (x, w) = (x.as_standard_layout(), w.as_standard_layout());
    let (xs, ws) = (slice_of(&x)?, slice_of(&w)?);
    let mut out = vec![T::ZERO; n * o * oh * ow];
    let og = o / g;
    if oh * ow == 0 || h * wd == 0 {
        return array(&[n, o, oh, ow], out);
    }
    for (plane, y) in out.chunks_exact_mut(oh * ow).enumerate() {
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
    }
    array(&[n, o, oh, ow], out)
}

/// Visits every pooling window: `f(plane, rows, columns)` gives the ranges of image cells it covers.
fn pool<T: Num>(
    x: &ArrayD<T>,
    attrs: &Pool2d,
    f: impl Fn(&[T], usize, (usize, usize), (usize, usize)) -> T,
) -> Result<ArrayD<T>> {
    let [n, c, h, w] = dims4("the input of a pooling", x.shape())?;
    let ([kh, kw], [sh, sw], [top, left, bottom, right]) = (attrs.kernel, attrs.strides, attrs.pads);
    let oh = window_extent(h, kh, sh, (top, bottom), 1)?;
    let ow = window_extent(w, kw, sw, (left, right), 1)?;
    // The first window reaches past the padding, the last begins before the image ends: none lies in padding alone.
    let empty = |k: usize, before: usize, extent: usize, s: usize, out: usize| before >= k || (out - 1) * s >= extent + before;
    if empty(kh, top, h, sh, oh) || empty(kw, left, w, sw, ow) {
        return fail(format!("pooling {attrs:?} of a {h}x{w} image has a window that holds padding only"));
    }
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
pub fn max_pool<T: Num>(x: &ArrayD<T>, attrs: &Pool2d) -> Result<ArrayD<T>> {
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
pub fn sum_pool<T: Num>(x: &ArrayD<T>, attrs: &Pool2d) -> Result<ArrayD<T>> {
    pool(x, attrs, |plane, w, rows, columns| window_sum(plane, w, rows, columns))
}

/// Mean of every window, over all its cells (`count_include_pad`) or over those inside the image.
pub fn avg_pool(x: &ArrayD<f32>, attrs: &Pool2d, count_include_pad: bool) -> Result<ArrayD<f32>> {
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
    fn conv_reference(x: &ArrayD<i64>, w: &ArrayD<i64>, a: &Conv2d, out: &[usize]) -> ArrayD<i64> {
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
                        let a = Conv2d { strides, pads, dilations, groups };
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
                let a = Pool2d { kernel: [3, 2], strides, pads };
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
            assert!(max_pool(&x, &Pool2d { kernel: [2, 2], strides: [1, 1], pads }).is_err(), "{pads:?}");
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let x = ramp(&[1, 3, 4, 4]);
        assert!(conv2d(&x, &ramp(&[2, 2, 3, 3]), None, &Conv2d::default()).is_err());
        assert!(conv2d(&x, &ramp(&[2, 3, 5, 3]), None, &Conv2d::default()).is_err());
        assert!(conv2d(&x, &ramp(&[2, 3, 3, 3]), Some(&ramp(&[3])), &Conv2d::default()).is_err());
        let zero_stride = Conv2d { strides: [0, 1], ..Conv2d::default() };
        assert!(conv2d(&x, &ramp(&[2, 3, 3, 3]), None, &zero_stride).is_err());
    }
}
