//! Shape arithmetic on plain extents, used alike by builders, verifiers and interpreters of every tensor dialect.
//!
//! Invariants:
//! - Nothing wraps: attribute values come from files, so sizes are checked before they are added or multiplied.
//! - Tensors are NCHW; pads are (top, left, bottom, right).

use crate::{Error, Result};

/// The largest extent, stride or pad that is accepted: far beyond any model, far from overflow.
pub const MAX_EXTENT: usize = 1 << 31;
/// The largest number of elements of one tensor.
pub const MAX_ELEMENTS: usize = 1 << 40;

/// How a convolution walks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvAttrs {
    /// Steps along height and width.
    pub strides: [usize; 2],
    /// Zeros added at the top, left, bottom and right.
    pub pads: [usize; 4],
    /// Distances between taps of the kernel along height and width.
    pub dilations: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Default for ConvAttrs {
    fn default() -> Self {
        Self { strides: [1, 1], pads: [0; 4], dilations: [1, 1], groups: 1 }
    }
}

/// How a pooling window walks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolAttrs {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Steps along height and width.
    pub strides: [usize; 2],
    /// Positions added at the top, left, bottom and right. They are never part of a maximum.
    pub pads: [usize; 4],
}

/// The extent of a window walking over `extent` positions.
fn walk(what: &str, extent: usize, pads: [usize; 2], window: usize, stride: usize) -> Result<usize> {
    if stride == 0 || window == 0 {
        return fail(format!(
            "{what}: expected window and stride of at least 1, found window {window}, stride {stride}"
        ));
    }
    let padded = bounded(what, &[extent, pads[0], pads[1]])?.iter().sum::<usize>();
    bounded(what, &[window, stride])?;
    if window > padded {
        return fail(format!(
            "{what}: the window of {window} does not fit into {extent} positions padded to {padded}"
        ));
    }
    Ok((padded - window) / stride + 1)
}

/// `x[N,C,H,W] ⋆ w[O,C/groups,KH,KW] + bias[O]` → `[N,O,H',W']`.
///
/// # Errors
/// When ranks, channels, groups or the window do not fit.
pub fn conv(x: &[usize], w: &[usize], bias: Option<&[usize]>, attrs: &ConvAttrs) -> Result<Vec<usize>> {
    let [n, c, height, width] = rank("input", x)?;
    let [o, per_group, kernel_height, kernel_width] = rank("weight", w)?;
    let groups = attrs.groups;
    if groups == 0 || c % groups != 0 || o % groups != 0 {
        return fail(format!(
            "groups: expected a divisor of {c} input and {o} output channels, found {groups}"
        ));
    }
    if c / groups != per_group {
        return fail(format!(
            "weight: expected {} input channels per group ({c} channels in {groups} groups), found {per_group}",
            c / groups
        ));
    }
    check_bias(bias, o)?;
    let [top, left, bottom, right] = attrs.pads;
    let window = |kernel: usize, dilation: usize| {
        if kernel == 0 || dilation == 0 {
            return fail(format!(
                "expected kernel and dilation of at least 1, found {kernel} and {dilation}"
            ));
        }
        let sizes = bounded("kernel", &[kernel, dilation])?;
        Ok((sizes[0] - 1) * sizes[1] + 1)
    };
    let rows = walk(
        "height",
        height,
        [top, bottom],
        window(kernel_height, attrs.dilations[0])?.min(MAX_EXTENT),
        attrs.strides[0],
    )?;
    let columns = walk(
        "width",
        width,
        [left, right],
        window(kernel_width, attrs.dilations[1])?.min(MAX_EXTENT),
        attrs.strides[1],
    )?;
    checked(vec![n, o, rows, columns])
}

/// `x[.., K] · w[O, K]ᵀ + bias[O]` → `[.., O]`.
///
/// # Errors
/// When the inner extents differ.
pub fn linear(x: &[usize], w: &[usize], bias: Option<&[usize]>) -> Result<Vec<usize>> {
    let [o, inner] = rank("weight", w)?;
    let Some((&last, outer)) = x.split_last() else {
        return fail("input: expected at least one axis, found a scalar".into());
    };
    if last != inner {
        return fail(format!("weight: expected {last} columns as the input's last axis has, found {inner}"));
    }
    check_bias(bias, o)?;
    checked(outer.iter().copied().chain([o]).collect())
}

/// `a[.., M, K] · b[.., K, N]` → `[.., M, N]`; leading axes broadcast.
///
/// # Errors
/// When the inner extents differ or leading axes do not broadcast.
pub fn matmul(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let ([outer_a @ .., rows, inner_a], [outer_b @ .., inner_b, columns]) = (a, b) else {
        return fail(format!("expected operands of at least two axes, found {} and {}", show(a), show(b)));
    };
    if inner_a != inner_b {
        return fail(format!(
            "inner extents differ: {} has {inner_a} columns, {} has {inner_b} rows",
            show(a),
            show(b)
        ));
    }
    let mut shape = broadcast(outer_a, outer_b)?;
    shape.extend([*rows, *columns]);
    checked(shape)
}

/// Numpy broadcasting: axes are aligned at the end, extents are equal or 1.
///
/// # Errors
/// When a pair of extents is neither.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1, |position| shape[position])
    };
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (left, right) if left == right || right == 1 => Ok(left),
            (1, right) => Ok(right),
            (left, right) => fail(format!(
                "{} and {} do not broadcast: axis {axis} has extents {left} and {right}",
                show(a),
                show(b)
            )),
        })
        .collect::<Result<Vec<_>>>()
        .and_then(checked)
}

/// A pooling window over `x[N,C,H,W]`.
///
/// # Errors
/// When the window does not fit, or a window could lie in the padding alone.
pub fn pool(x: &[usize], attrs: &PoolAttrs) -> Result<Vec<usize>> {
    let [n, c, height, width] = rank("input", x)?;
    let [top, left, bottom, right] = attrs.pads;
    if top.max(bottom) >= attrs.kernel[0] || left.max(right) >= attrs.kernel[1] {
        return fail(format!(
            "pads: expected less than the window {:?} on every side, found {:?}",
            attrs.kernel, attrs.pads
        ));
    }
    checked(vec![
        n,
        c,
        walk("height", height, [top, bottom], attrs.kernel[0], attrs.strides[0])?,
        walk("width", width, [left, right], attrs.kernel[1], attrs.strides[1])?,
    ])
}

/// Extents before the last axis, and the last one.
///
/// # Errors
/// When there is no axis, or no position along the last one.
pub fn last_axis(x: &[usize]) -> Result<(&[usize], usize)> {
    match x {
        [rows @ .., n] if *n > 0 => Ok((rows, *n)),
        _ => fail(format!("expected positions along a last axis, found {}", show(x))),
    }
}

/// Rows along the last axis, with a mask that broadcasts to them.
///
/// # Errors
/// When the mask would make the operand larger.
pub fn softmax(x: &[usize], mask: Option<&[usize]>) -> Result<Vec<usize>> {
    last_axis(x)?;
    match mask {
        Some(mask) if broadcast(x, mask)? != x => {
            fail(format!("mask: expected extents that broadcast to {}, found {}", show(x), show(mask)))
        }
        _ => Ok(x.to_vec()),
    }
}

/// `table[V, D]` at `ids[..]` → `[.., D]`.
///
/// # Errors
/// When the table has not two axes.
pub fn embedding(table: &[usize], ids: &[usize]) -> Result<Vec<usize>> {
    let [_, columns] = rank("table", table)?;
    checked([ids, &[columns]].concat())
}

/// The same elements, row-major, under other extents.
///
/// # Errors
/// When the numbers of elements differ.
pub fn reshape(from: &[usize], to: &[usize]) -> Result<Vec<usize>> {
    let (old, new) = (elements(from)?, elements(to)?);
    if old != new {
        return fail(format!("expected {old} elements as in {}, found {new} in {}", show(from), show(to)));
    }
    Ok(to.to_vec())
}

/// Axis `i` of the result is axis `perm[i]` of the operand.
///
/// # Errors
/// When `perm` is not a permutation of the axes.
pub fn transpose(x: &[usize], perm: &[usize]) -> Result<Vec<usize>> {
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if sorted.iter().copied().ne(0..x.len()) {
        return fail(format!("perm: expected a permutation of {} axes, found {perm:?}", x.len()));
    }
    Ok(perm.iter().map(|&axis| x[axis]).collect())
}

/// Operands one after the other along an axis.
///
/// # Errors
/// When there is no operand, or extents differ elsewhere.
pub fn concat(xs: &[&[usize]], axis: usize) -> Result<Vec<usize>> {
    let Some((first, rest)) = xs.split_first() else {
        return fail("expected at least one operand, found none".into());
    };
    if axis >= first.len() {
        return fail(format!("axis: expected less than {}, found {axis}", first.len()));
    }
    let mut shape = first.to_vec();
    for (index, x) in rest.iter().enumerate() {
        let fits =
            x.len() == first.len() && (0..x.len()).all(|other| other == axis || x[other] == first[other]);
        if !fits {
            return fail(format!(
                "operand {}: expected the extents {} except on axis {axis}, found {}",
                index + 1,
                show(first),
                show(x)
            ));
        }
        shape[axis] = bounded("concatenation", &[shape[axis], x[axis]])?.iter().sum();
    }
    checked(shape)
}

/// `low[i]` and `high[i]` positions added before and after axis `i`.
///
/// # Errors
/// When there is not one of each per axis.
pub fn pad(x: &[usize], low: &[usize], high: &[usize]) -> Result<Vec<usize>> {
    per_axis(x, &[("low", low), ("high", high)])?;
    let shape = (0..x.len())
        .map(|axis| Ok(bounded("pad", &[x[axis], low[axis], high[axis]])?.iter().sum()))
        .collect::<Result<_>>()?;
    checked(shape)
}

/// `sizes[i]` positions of axis `i`, from `starts[i]` in steps of `strides[i]`.
///
/// # Errors
/// When a position lies outside the operand.
pub fn slice(x: &[usize], starts: &[usize], sizes: &[usize], strides: &[usize]) -> Result<Vec<usize>> {
    per_axis(x, &[("starts", starts), ("sizes", sizes), ("strides", strides)])?;
    for axis in 0..x.len() {
        let (start, size, stride) = (starts[axis], sizes[axis], strides[axis]);
        if stride == 0 || size == 0 {
            return fail(format!(
                "axis {axis}: expected size and stride of at least 1, found {size} and {stride}"
            ));
        }
        bounded("slice", &[start, size, stride])?;
        let last = start + (size - 1) * stride;
        if last >= x[axis] {
            return fail(format!(
                "axis {axis}: the slice ends at position {last}, but there are {} positions",
                x[axis]
            ));
        }
    }
    Ok(sizes.to_vec())
}

/// Row-major strides of a shape.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The number of elements of a shape.
///
/// # Errors
/// When there are more than [`MAX_ELEMENTS`].
pub fn elements(shape: &[usize]) -> Result<usize> {
    shape
        .iter()
        .try_fold(1usize, |product, &extent| product.checked_mul(extent))
        .filter(|&count| count <= MAX_ELEMENTS)
        .ok_or_else(|| Error::new(format!("{} has more than {MAX_ELEMENTS} elements", show(shape))))
}

/// Extents as people write them, such as `1x3x28x28`.
pub fn show(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".into();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}

fn rank<const N: usize>(what: &str, shape: &[usize]) -> Result<[usize; N]> {
    shape.try_into().map_err(|_| {
        Error::new(format!("{what}: expected {N} axes, found {} ({})", shape.len(), show(shape)))
    })
}

fn check_bias(bias: Option<&[usize]>, channels: usize) -> Result<()> {
    match bias {
        Some(found) if found != [channels] => {
            fail(format!("bias: expected {channels} elements on one axis, found {}", show(found)))
        }
        _ => Ok(()),
    }
}

fn per_axis(x: &[usize], lists: &[(&str, &[usize])]) -> Result<()> {
    for (name, list) in lists {
        if list.len() != x.len() {
            return fail(format!(
                "{name}: expected one value for each of {} axes, found {}",
                x.len(),
                list.len()
            ));
        }
    }
    Ok(())
}

fn bounded<const N: usize>(what: &str, values: &[usize; N]) -> Result<[usize; N]> {
    match values.iter().find(|&&value| value > MAX_EXTENT) {
        Some(value) => fail(format!("{what}: expected at most {MAX_EXTENT}, found {value}")),
        None => Ok(*values),
    }
}

fn checked(shape: Vec<usize>) -> Result<Vec<usize>> {
    elements(&shape).map(|_| shape)
}

fn fail<T>(message: String) -> Result<T> {
    Err(Error::new(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convolution_walks_with_stride_pad_and_dilation() {
        let attrs = ConvAttrs { strides: [2, 1], pads: [1, 0, 2, 1], dilations: [2, 1], groups: 2 };
        assert_eq!(conv(&[1, 4, 9, 8], &[6, 2, 3, 3], Some(&[6]), &attrs).unwrap(), [1, 6, 4, 7]);
        assert!(conv(&[1, 3, 9, 8], &[6, 2, 3, 3], None, &attrs).is_err());
        assert!(conv(&[1, 4, 9, 8], &[6, 2, 3, 3], Some(&[5]), &attrs).is_err());
    }

    #[test]
    fn hostile_sizes_are_errors() {
        let huge = usize::MAX / 2;
        assert!(pad(&[2], &[huge], &[huge]).is_err());
        assert!(slice(&[2], &[huge], &[huge], &[huge]).is_err());
        assert!(reshape(&[huge, 4], &[huge, 4]).is_err());
        assert!(concat(&[&[huge], &[huge]], 0).is_err());
        let attrs = ConvAttrs { dilations: [huge, 1], ..ConvAttrs::default() };
        assert!(conv(&[1, 1, 3, 3], &[1, 1, 3, 3], None, &attrs).is_err());
    }

    #[test]
    fn broadcasting_is_numpys() {
        assert_eq!(broadcast(&[8, 1, 3], &[7, 1]).unwrap(), [8, 7, 3]);
        assert_eq!(broadcast(&[], &[2]).unwrap(), [2]);
        assert!(broadcast(&[2], &[3]).is_err());
        assert_eq!(matmul(&[5, 2, 3], &[3, 4]).unwrap(), [5, 2, 4]);
    }

    #[test]
    fn views_keep_count_and_bounds() {
        assert_eq!(transpose(&[2, 3, 4], &[2, 0, 1]).unwrap(), [4, 2, 3]);
        assert!(transpose(&[2, 3], &[0, 0]).is_err());
        assert_eq!(slice(&[10], &[1], &[3], &[4]).unwrap(), [3]);
        assert!(slice(&[9], &[1], &[3], &[4]).is_err());
        assert_eq!(strides(&[2, 3, 4]), [12, 4, 1]);
    }
}
