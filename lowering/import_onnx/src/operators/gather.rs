//! Elements by their positions: known positions are moves; where data decide, comparisons give zeros and ones to multiply with.

use super::compare::{equal, is_whole};
use super::operators;
use super::reduce::{Reduction, reduce};
use crate::build::{Builder, Reason, Value};
use crate::graph;
use crate::node::{self, Node};
use crate::tensor::Kind;
use crate::translate::Translator;
use tessera_nn::NnOp;

operators! { "";
    "ArgMax" => |t, n| arg(t, n, false),
    "ArgMin" => |t, n| arg(t, n, true),
    "Gather" => gather,
    "GatherElements" => gather_elements,
    "GatherND" => gather_nd,
    "Hardmax" => hardmax,
    "OneHot" => one_hot,
    "Scatter" => scatter_elements,
    "ScatterElements" => scatter_elements,
    "ScatterND" => scatter_nd,
    "TopK" => top_k,
}

const INDICES: &str = "indices";
/// Positions that a choice by data compares with.
const CHOICES: usize = 1 << 12;

/// A position, counted from the end where it is negative.
fn position(i: i64, extent: usize) -> Result<usize, Reason> {
    let at = if i < 0 { i + extent as i64 } else { i };
    let inside = usize::try_from(at).ok().filter(|&at| at < extent);
    inside.ok_or_else(|| format!("index {i} does not exist on an axis of {extent}"))
}

fn gather(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, indices, b) = (n.input(0)?, n.input(1)?, &mut t.build);
    let (shape, along) = (b.shape(x), b.shape(indices));
    let axis = node::axis(n.int("axis").unwrap_or(0), shape.len())?;
    let to = [&shape[..axis], &along, &shape[axis + 1..]].concat();
    match indices {
        Value::Known(indices) => {
            let at = indices
                .integers()
                .iter()
                .map(|&i| position(i, shape[axis]))
                .collect::<Result<Vec<_>, _>>()?;
            let picked = b.select(x, axis, &at)?;
            Ok(vec![b.reshape(&picked, &to)?])
        }
        Value::Computed(..) => {
            if let Some(rows) = b.embedding(x, axis, indices)? {
                return Ok(vec![rows]);
            }
            Ok(vec![chosen(b, x, axis, indices)?])
        }
    }
}

/// Along an axis, the positions that data say: for every index a row of zeros and a one, times the axis that is chosen from.
pub(super) fn chosen(b: &mut Builder, x: &Value, axis: usize, indices: &Value) -> Result<Value, Reason> {
    let (shape, along) = (b.shape(x), b.shape(indices));
    let ones = indicators(b, indices, shape[axis])?;
    let ones = b.reshape(&ones, &[along.iter().product(), shape[axis]])?;
    let mut first = vec![axis];
    first.extend((0..shape.len()).filter(|&a| a != axis));
    let rest: Vec<usize> = first[1..].iter().map(|&a| shape[a]).collect();
    let table = b.transpose(x, &first)?;
    let table = b.reshape(&table, &[shape[axis], rest.iter().product()])?;
    let rows = super::products::multiply(b, &ones, &table)?;
    let rows = b.reshape(&rows, &[&along[..], &rest].concat())?;
    let k = along.len();
    let perm: Vec<usize> = (k..k + axis).chain(0..k).chain(k + axis..k + rest.len()).collect();
    let rows = b.transpose(&rows, &perm)?;
    b.retyped(&rows, b.kind(x))
}

/// For every index a row that is 1 at its position, and 0 elsewhere; a new last axis. Negative ones count from the end.
fn indicators(b: &mut Builder, indices: &Value, extent: usize) -> Result<Value, Reason> {
    if extent > CHOICES {
        return Err(format!("a choice among {extent} by data is not supported; among {CHOICES} it is"));
    }
    let indices = b.retyped(indices, Kind::I64)?;
    let positions = |from: f64| (0..extent).map(|i| i as f64 + from).collect::<Vec<_>>();
    let hit = among(b, &indices, &positions(0.0))?;
    let negative = among(b, &indices, &positions(-(extent as f64)))?;
    b.add(&hit, &negative)
}

/// A new last axis, 1 where x is the number of that position.
pub(super) fn among(b: &mut Builder, x: &Value, numbers: &[f64]) -> Result<Value, Reason> {
    let (kind, shape) = (b.kind(x), b.shape(x));
    let wide = b.reshape(x, &[&shape[..], &[1]].concat())?;
    let numbers = b.known(kind, &[numbers.len()], numbers.to_vec())?;
    let hit = equal(b, &wide, &numbers)?;
    b.retyped(&hit, Kind::F32)
}

/// The flat positions that indices along an axis name.
fn elements(indices: &[i64], along: &[usize], shape: &[usize], axis: usize) -> Result<Vec<usize>, Reason> {
    if along.len() != shape.len() || (0..along.len()).any(|a| a != axis && along[a] > shape[a]) {
        return Err(format!("indices of shape {along:?} do not fit {shape:?}"));
    }
    let strides = tessera_mlir::shape::strides(along);
    let to = tessera_mlir::shape::strides(shape);
    let flat = |(k, &i): (usize, &i64)| {
        let at = |a: usize| k / strides[a] % along[a];
        let others: usize = (0..shape.len()).filter(|&a| a != axis).map(|a| at(a) * to[a]).sum();
        Ok(others + position(i, shape[axis])? * to[axis])
    };
    indices.iter().enumerate().map(flat).collect()
}

fn gather_elements(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let indices = n.known(1, INDICES)?.ok_or("the indices are missing")?;
    let shape = b.shape(x);
    let axis = node::axis(n.int("axis").unwrap_or(0), shape.len())?;
    let at = elements(&indices.integers(), indices.shape(), &shape, axis)?;
    Ok(vec![b.pick(std::slice::from_ref(x), &at, indices.shape())?])
}

/// The flat positions of the slices that tuples of indices name, behind `batch` axes.
fn tuples(indices: &[i64], along: &[usize], shape: &[usize], batch: usize) -> Result<Vec<usize>, Reason> {
    let (Some(&depth), true) = (along.last(), along.len() > batch) else {
        return Err("expected tuples of indices".into());
    };
    if depth == 0 || batch + depth > shape.len() || along[..batch] != shape[..batch] {
        return Err(format!("indices of shape {along:?} do not fit {shape:?}"));
    }
    let strides = tessera_mlir::shape::strides(shape);
    let inner: usize = shape[batch + depth..].iter().product();
    let per_batch: usize = along[batch..along.len() - 1].iter().product();
    let outer: usize = shape[batch..].iter().product();
    let mut at = vec![];
    for (k, tuple) in indices.chunks_exact(depth).enumerate() {
        let mut start = k / per_batch.max(1) * outer;
        for (d, &i) in tuple.iter().enumerate() {
            start += position(i, shape[batch + d])? * strides[batch + d];
        }
        at.extend(start..start + inner);
    }
    Ok(at)
}

fn gather_nd(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let indices = n.known(1, INDICES)?.ok_or("the indices are missing")?;
    let (shape, along) = (b.shape(x), indices.shape().to_vec());
    let batch = usize::try_from(n.int("batch_dims").unwrap_or(0)).map_err(|e| e.to_string())?;
    let at = tuples(&indices.integers(), &along, &shape, batch)?;
    let depth = along.last().copied().unwrap_or(0);
    let to = [&along[..along.len() - 1], &shape[batch + depth..]].concat();
    Ok(vec![b.pick(std::slice::from_ref(x), &at, &to)?])
}

/// Data with updates at flat positions, combined as an attribute says.
fn scatter(
    b: &mut Builder,
    (x, updates): (&Value, &Value),
    at: &[usize],
    reduction: &str,
) -> Result<Value, Reason> {
    let shape = b.shape(x);
    let count: usize = shape.iter().product();
    if at.len() != b.shape(updates).iter().product::<usize>() {
        return Err("there are as many updates as indices".into());
    }
    // the updates of every position in their order: the first of each, the second, …
    let mut lists = vec![vec![]; count];
    for (k, &i) in at.iter().enumerate() {
        lists[i].push(count + k);
    }
    if reduction == "none" {
        let from: Vec<usize> = (0..count).map(|i| lists[i].last().copied().unwrap_or(i)).collect();
        return b.pick(&[x.clone(), updates.clone()], &from, &shape);
    }
    let mut result = x.clone();
    for turn in 0..lists.iter().map(Vec::len).max().unwrap_or(0) {
        let neutral = match reduction {
            "add" => Some(0.0),
            "mul" => Some(1.0),
            "max" | "min" => None,
            other => return Err(format!("the reduction \"{other}\" is not supported")),
        };
        let updated = match neutral {
            Some(neutral) => {
                let kind = b.kind(x);
                let neutral = b.known(kind, &[1], vec![neutral])?;
                let from: Vec<usize> =
                    lists.iter().map(|l| l.get(turn).map_or(at.len(), |&k| k - count)).collect();
                b.pick(&[updates.clone(), neutral], &from, &shape)?
            }
            None => {
                let from: Vec<usize> =
                    lists.iter().enumerate().map(|(i, l)| l.get(turn).copied().unwrap_or(i)).collect();
                b.pick(&[result.clone(), updates.clone()], &from, &shape)?
            }
        };
        result = match reduction {
            "add" => b.add(&result, &updated)?,
            "mul" => b.mul(&result, &updated)?,
            "max" => super::elementwise::maximum(b, &result, &updated)?,
            _ => super::elementwise::minimum(b, &result, &updated)?,
        };
    }
    Ok(result)
}

fn scatter_elements(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, updates, b) = (n.input(0)?, n.input(2)?, &mut t.build);
    let indices = n.known(1, INDICES)?.ok_or("the indices are missing")?;
    let shape = b.shape(x);
    let axis = node::axis(n.int("axis").unwrap_or(0), shape.len())?;
    let at = elements(&indices.integers(), indices.shape(), &shape, axis)?;
    let reduction = n.text("reduction").unwrap_or_else(|| "none".into());
    Ok(vec![scatter(b, (x, updates), &at, &reduction)?])
}

fn scatter_nd(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, updates, b) = (n.input(0)?, n.input(2)?, &mut t.build);
    let indices = n.known(1, INDICES)?.ok_or("the indices are missing")?;
    let at = tuples(&indices.integers(), indices.shape(), &b.shape(x), 0)?;
    let reduction = n.text("reduction").unwrap_or_else(|| "none".into());
    Ok(vec![scatter(b, (x, updates), &at, &reduction)?])
}

fn one_hot(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (indices, b) = (n.input(0)?, &mut t.build);
    let depth = n
        .known(1, "the depth of a one-hot code")?
        .and_then(|d| d.number())
        .ok_or("the depth is one number")?;
    let values = n.known(2, "the values of a one-hot code")?.ok_or("the values are missing")?;
    let &[off, on] = &values.numbers()[..] else { return Err("expected two values".into()) };
    let kind = values.kind;
    let rank = b.shape(indices).len();
    let axis = n.int("axis").unwrap_or(-1);
    let axis = node::axis(axis, rank + 1)?;
    let code = indicators(b, indices, depth.max(0.0) as usize)?;
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.insert(axis, rank);
    let code = b.transpose(&code, &perm)?;
    let code = b.retyped(&code, Kind::F32)?;
    let wide = b.scale(&code, on - off)?;
    let code = b.shift(&wide, off)?;
    Ok(vec![b.retyped(&code, kind)?])
}

/// 1 at the first (or last) of the greatest elements along an axis, and 0 elsewhere; and the greatest elements.
///
/// e_j = [x_j is the greatest]; the first of them is where e_j and the count of those up to it are both 1.
pub(super) fn greatest(
    b: &mut Builder,
    x: &Value,
    axis: usize,
    last: bool,
) -> Result<(Value, Value), Reason> {
    let extent = b.shape(x)[axis];
    if extent > CHOICES {
        return Err(format!("the place of the greatest of {extent} is not supported; of {CHOICES} it is"));
    }
    let kind = if b.kind(x).is_float() { Kind::F32 } else { Kind::I64 };
    let x = b.retyped(x, Kind::F32)?;
    let most = reduce(b, &x, &[axis], Reduction::Max)?;
    let (found, greatest) = (b.retyped(&x, kind)?, b.retyped(&most, kind)?);
    let hit = equal(b, &found, &greatest)?;
    let until = |j: usize| if last { j..extent } else { 0..j + 1 };
    let rows: Vec<Vec<(usize, f64)>> = (0..extent).map(|j| until(j).map(|i| (i, 1.0)).collect()).collect();
    let count = b.along(&hit, axis, &rows)?;
    let one = is_whole(b, &count, 1.0)?;
    Ok((b.mul(&hit, &one)?, most))
}

/// The position that an indicator along an axis is 1 at.
fn place(b: &mut Builder, indicator: &Value, axis: usize) -> Result<Value, Reason> {
    let extent = b.shape(indicator)[axis];
    let row: Vec<(usize, f64)> = (0..extent).map(|i| (i, i as f64)).collect();
    b.along(indicator, axis, &[row])
}

/// What a softmax along the axis is of, since it keeps the order; x itself where it is none.
fn before_softmax(b: &Builder, x: &Value, axis: usize) -> Value {
    let last = axis + 1 == b.shape(x).len();
    match x {
        Value::Computed(v, kind) if last => match graph::producer(&b.graph, *v).map(|node| &node.op) {
            Some(NnOp::Softmax { x, mask: None }) => Value::Computed(*x, *kind),
            _ => x.clone(),
        },
        _ => x.clone(),
    }
}

fn arg(t: &mut Translator, n: &Node, least: bool) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let mut shape = b.shape(x);
    let axis = node::axis(n.int("axis").unwrap_or(0), shape.len())?;
    if !least && n.is_output && shape[axis] > CHOICES && !n.flag("select_last_index") {
        shape[axis] = 1;
        if n.int("keepdims") == Some(0) {
            shape.remove(axis);
        }
        return Ok(vec![b.argmax(x, axis, &shape)?]);
    }
    let x = if least { b.map(x, "neg", &[])? } else { before_softmax(b, x, axis) };
    let (hit, _) = greatest(b, &x, axis, n.flag("select_last_index"))?;
    let place = place(b, &hit, axis)?;
    let place = b.retyped(&place, Kind::I64)?;
    if n.int("keepdims") == Some(0) {
        shape.remove(axis);
        return Ok(vec![b.reshape(&place, &shape)?]);
    }
    Ok(vec![place])
}

fn hardmax(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let shape = b.shape(x);
    let axis = node::axis(n.int("axis").unwrap_or(if n.opset < 13 { 1 } else { -1 }), shape.len())?;
    if n.opset >= 13 {
        return Ok(vec![greatest(b, x, axis, false)?.0]);
    }
    // before, all axes from this one on were one
    let flat = b.reshape(x, &[shape[..axis].iter().product(), shape[axis..].iter().product()])?;
    let hit = greatest(b, &flat, 1, false)?.0;
    Ok(vec![b.reshape(&hit, &shape)?])
}

/// The greatest k: one after the other, each put below all others for those that follow.
fn top_k(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let k = n.ints_or_operand("k", 1, "k")?.and_then(|k| k.first().copied()).or_else(|| n.int("k"));
    let k = usize::try_from(k.ok_or("k is missing")?).map_err(|e| e.to_string())?;
    let (largest, kind) = (n.int("largest").unwrap_or(1) != 0, b.kind(x));
    n.int("sorted");
    let axis = node::axis(n.int("axis").unwrap_or(-1), b.shape(x).len())?;
    let extent = b.shape(x)[axis];
    if k == 0 || k > extent {
        return Err(format!("the greatest {k} of {extent} do not exist"));
    }
    let mut rest = b.retyped(x, Kind::F32)?;
    if !largest {
        rest = b.map(&rest, "neg", &[])?;
    }
    let below = b.map(&rest, "neg", &[])?;
    let below = reduce(b, &below, &[axis], Reduction::Max)?;
    let below = b.minus_from(-1.0, &below)?;
    let (mut values, mut places) = (vec![], vec![]);
    for turn in 0..k {
        let (hit, most) = greatest(b, &rest, axis, false)?;
        let found = place(b, &hit, axis)?;
        places.push(b.retyped(&found, Kind::I64)?);
        values.push(if largest { most } else { b.map(&most, "neg", &[])? });
        if turn + 1 < k {
            let others = b.not(&hit)?;
            let (kept, sunk) = (b.mul(&rest, &others)?, b.mul(&hit, &below)?);
            rest = b.add(&kept, &sunk)?;
        }
    }
    let values = b.concat(&values, axis)?;
    Ok(vec![b.retyped(&values, kind)?, b.concat(&places, axis)?])
}
