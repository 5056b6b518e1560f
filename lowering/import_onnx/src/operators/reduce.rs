//! Sums, means, extremes and products over axes, and running sums.

use super::elementwise::to_the;
use super::operators;
use crate::build::{Builder, Reason, Value};
use crate::node::{self, Node};
use crate::translate::Translator;
use tessera_mlir::shape::PoolAttrs;
use tessera_nn::NnOp;

operators! { "";
    "CumProd" => cumulative_product,
    "CumSum" => cumulative_sum,
    "ReduceL1" => |t, n| over_axes(t, n, |b, x, axes| { let x = b.map(x, "abs", &[])?; reduce(b, &x, axes, Reduction::Sum) }),
    "ReduceL2" => |t, n| over_axes(t, n, |b, x, axes| { let s = squares(b, x, axes)?; b.map(&s, "sqrt", &[]) }),
    "ReduceLogSum" => |t, n| over_axes(t, n, |b, x, axes| { let s = reduce(b, x, axes, Reduction::Sum)?; b.map(&s, "log", &[]) }),
    "ReduceLogSumExp" => |t, n| over_axes(t, n, log_sum_exp),
    "ReduceMax" => |t, n| over_axes(t, n, |b, x, axes| reduce(b, x, axes, Reduction::Max)),
    "ReduceMean" => |t, n| over_axes(t, n, |b, x, axes| reduce(b, x, axes, Reduction::Mean)),
    "ReduceMin" => |t, n| over_axes(t, n, least),
    "ReduceProd" => |t, n| over_axes(t, n, product),
    "ReduceSum" => |t, n| over_axes(t, n, |b, x, axes| reduce(b, x, axes, Reduction::Sum)),
    "ReduceSumSquare" => |t, n| over_axes(t, n, squares),
}

/// What is taken of all elements along some axes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reduction {
    Sum,
    Mean,
    Max,
}

/// A reduction over the axes that a node names; they stay as axes of extent 1 where it says so.
fn over_axes(
    t: &mut Translator,
    n: &Node,
    f: fn(&mut Builder, &Value, &[usize]) -> Result<Value, Reason>,
) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let shape = b.shape(x);
    let list = n.ints_or_operand("axes", 1, "shapes, axes and bounds")?.unwrap_or_default();
    let nothing = n.flag("noop_with_empty_axes");
    let axes = match &list[..] {
        [] if nothing => vec![],
        [] => (0..shape.len()).collect(),
        list => node::axes(list, shape.len())?,
    };
    let kept = n.int("keepdims").unwrap_or(1) != 0;
    let reduced = f(b, x, &axes)?;
    if kept {
        return Ok(vec![reduced]);
    }
    let to: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
    Ok(vec![b.reshape(&reduced, &to)?])
}

/// The reduction of `x` over some axes, each of which stays with extent 1.
pub(super) fn reduce(b: &mut Builder, x: &Value, axes: &[usize], how: Reduction) -> Result<Value, Reason> {
    let (shape, kind) = (b.shape(x), b.kind(x));
    let target: Vec<usize> = (0..shape.len()).map(|i| if axes.contains(&i) { 1 } else { shape[i] }).collect();
    let count: usize = axes.iter().map(|&a| shape[a]).product();
    if count == 1 {
        return Ok(x.clone());
    }
    let (image, window) = if shape.len() == 4 && axes == [2, 3] {
        (x.clone(), [shape[2], shape[3]])
    } else {
        let kept = (0..shape.len()).filter(|i| !axes.contains(i));
        let perm: Vec<usize> = kept.chain(axes.iter().copied()).collect();
        let moved = b.transpose(x, &perm)?;
        let kept: usize = target.iter().product();
        (b.reshape(&moved, &[1, kept, 1, count])?, [1, count])
    };
    let attrs = PoolAttrs { kernel: window, strides: [1, 1], pads: [0; 4] };
    let reduced = match how {
        Reduction::Max => b.push(NnOp::MaxPool { x: image, attrs }, kind)?,
        // integers have no mean; a sum is one product with ones
        Reduction::Sum if !kind.is_float() => {
            let kept: usize = target.iter().product();
            let rows = b.reshape(&image, &[kept, count])?;
            let ones = b.known(kind, &[1, count], vec![1.0; count])?;
            b.push(NnOp::Linear { x: rows, w: ones, bias: None }, kind)?
        }
        Reduction::Sum | Reduction::Mean => {
            b.push(NnOp::AvgPool { x: image, attrs, count_include_pad: true }, kind)?
        }
    };
    let reduced = b.reshape(&reduced, &target)?;
    if how == Reduction::Sum && kind.is_float() { b.scale(&reduced, count as f64) } else { Ok(reduced) }
}

pub(super) fn squares(b: &mut Builder, x: &Value, axes: &[usize]) -> Result<Value, Reason> {
    let squared = b.mul(x, x)?;
    reduce(b, &squared, axes, Reduction::Sum)
}

fn least(b: &mut Builder, x: &Value, axes: &[usize]) -> Result<Value, Reason> {
    let kind = b.kind(x);
    let x = b.retyped(x, crate::tensor::Kind::F32)?;
    let turned = b.map(&x, "neg", &[])?;
    let most = reduce(b, &turned, axes, Reduction::Max)?;
    let least = b.map(&most, "neg", &[])?;
    b.retyped(&least, kind)
}

/// log Σ exp(x) = m + log Σ exp(x − m) for the greatest m, so that no exponential is large.
fn log_sum_exp(b: &mut Builder, x: &Value, axes: &[usize]) -> Result<Value, Reason> {
    let most = reduce(b, x, axes, Reduction::Max)?;
    let below = b.sub(x, &most)?;
    let exp = b.map(&below, "exp", &[])?;
    let sum = reduce(b, &exp, axes, Reduction::Sum)?;
    let log = b.map(&sum, "log", &[])?;
    b.add(&most, &log)
}

/// Halves of the axis multiplied with each other until one is left.
fn product(b: &mut Builder, x: &Value, axes: &[usize]) -> Result<Value, Reason> {
    let mut x = x.clone();
    for &axis in axes {
        loop {
            let extent = b.shape(&x)[axis];
            if extent <= 1 {
                break;
            }
            let half = extent / 2;
            let (low, high) = (b.slice(&x, axis, 0, half, 1)?, b.slice(&x, axis, half, half, 1)?);
            let product = b.mul(&low, &high)?;
            let odd = b.slice(&x, axis, 2 * half, extent % 2, 1);
            x = if extent % 2 == 1 { b.concat(&[product, odd?], axis)? } else { product };
        }
    }
    Ok(x)
}

/// A product with a triangle of ones.
fn cumulative_sum(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let axis = n.known(1, "the axis")?.and_then(|a| a.number()).ok_or("the axis is one number")?;
    let shape = b.shape(x);
    let axis = node::axis(axis as i64, shape.len())?;
    let (without, reverse, extent) = (n.flag("exclusive"), n.flag("reverse"), shape[axis]);
    let counted = |to: usize, from: usize| {
        let ahead = if reverse { from as i64 - to as i64 } else { to as i64 - from as i64 };
        if without { ahead > 0 } else { ahead >= 0 }
    };
    let row = |to: usize| (0..extent).filter(|&from| counted(to, from)).map(|from| (from, 1.0)).collect();
    Ok(vec![b.along(x, axis, &(0..extent).map(row).collect::<Vec<_>>())?])
}

/// Products of all elements up to each, one after the other.
fn cumulative_product(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let axis = n.known(1, "the axis")?.and_then(|a| a.number()).ok_or("the axis is one number")?;
    let shape = b.shape(x);
    let axis = node::axis(axis as i64, shape.len())?;
    let (without, reverse, extent) = (n.flag("exclusive"), n.flag("reverse"), shape[axis]);
    let mut one = shape.clone();
    one[axis] = 1;
    let kind = b.kind(x);
    let mut product = b.known(kind, &one, vec![1.0; one.iter().product()])?;
    let mut all = vec![];
    for k in 0..extent {
        let here = b.slice(x, axis, if reverse { extent - 1 - k } else { k }, 1, 1)?;
        let before = product.clone();
        product = if k == 0 { here } else { b.mul(&product, &here)? };
        all.push(if without { before } else { product.clone() });
    }
    if reverse {
        all.reverse();
    }
    Ok(vec![b.concat(&all, axis)?])
}

/// (Σ |x|^p)^(1/p) over some axes.
pub(super) fn norm(b: &mut Builder, x: &Value, axes: &[usize], p: f64) -> Result<Value, Reason> {
    if p == 2.0 {
        let sum = squares(b, x, axes)?;
        return b.map(&sum, "sqrt", &[]);
    }
    let size = b.map(x, "abs", &[])?;
    let powers = to_the(b, &size, p)?;
    let sum = reduce(b, &powers, axes, Reduction::Sum)?;
    to_the(b, &sum, 1.0 / p)
}
