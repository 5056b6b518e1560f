//! Operators that move elements without computing.

use super::operators;
use super::shapes::extents;
use crate::build::{Builder, Reason, Value};
use crate::node::{self, Node};
use crate::tensor::Kind;
use crate::translate::Translator;

operators! { "";
    "CenterCropPad" => center_crop_pad,
    "Compress" => compress,
    "Concat" => concat,
    "DepthToSpace" => depth_to_space,
    "Expand" => expand,
    "Flatten" => flatten,
    "Pad" => pad,
    "Reshape" => reshape,
    "ReverseSequence" => reverse_sequence,
    "Slice" => slice,
    "SpaceToDepth" => space_to_depth,
    "Split" => split,
    "Squeeze" => squeeze,
    "Tile" => tile,
    "Transpose" => transpose,
    "Trilu" => trilu,
    "Unsqueeze" => unsqueeze,
}

const BOUNDS: &str = "shapes, axes and bounds";

fn concat(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let all = n.all()?;
    let first = all.first().ok_or("expected at least one operand")?;
    let axis = node::axis(n.int("axis").unwrap_or(1), t.build.shape(first).len())?;
    Ok(vec![t.build.concat(&all, axis)?])
}

fn expand(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let to = extents(&n.known(1, BOUNDS)?.ok_or("the shape is missing")?.integers())?;
    Ok(vec![t.build.expand(n.input(0)?, &to)?])
}

fn flatten(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let x = n.input(0)?;
    let shape = t.build.shape(x);
    let axis = n.int("axis").unwrap_or(1);
    let axis = if axis == shape.len() as i64 { shape.len() } else { node::axis(axis, shape.len())? };
    let rows = shape[..axis].iter().product();
    Ok(vec![t.build.reshape(x, &[rows, shape[axis..].iter().product()])?])
}

fn reshape(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let x = n.input(0)?;
    let asked = n.ints_or_operand("shape", 1, BOUNDS)?.ok_or("the shape is missing")?;
    let (from, zeros) = (t.build.shape(x), n.flag("allowzero"));
    let count: usize = from.iter().product();
    let fixed = |(i, &d): (usize, &i64)| match d {
        -1 => Ok(1),
        0 if !zeros => from.get(i).copied().ok_or_else(|| format!("axis {i} does not exist")),
        d => usize::try_from(d).map_err(|_| format!("is asked for extents {asked:?}")),
    };
    let mut to = asked.iter().enumerate().map(fixed).collect::<Result<Vec<_>, Reason>>()?;
    if let Some(open) = asked.iter().position(|&d| d == -1) {
        let stated = to.iter().fold(1, |p: usize, &d| p.saturating_mul(d));
        to[open] = count.checked_div(stated).unwrap_or(0);
    }
    Ok(vec![t.build.reshape(x, &to)?])
}

fn transpose(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let x = n.input(0)?;
    let rank = t.build.shape(x).len();
    let perm = match n.ints("perm") {
        Some(list) => list.iter().map(|&a| node::axis(a, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect::<Vec<_>>(),
    };
    Ok(vec![t.build.transpose(x, &perm)?])
}

fn squeeze(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let x = n.input(0)?;
    let shape = t.build.shape(x);
    let axes = match n.ints_or_operand("axes", 1, BOUNDS)? {
        Some(list) => node::axes(&list, shape.len())?,
        None => (0..shape.len()).filter(|&a| shape[a] == 1).collect(),
    };
    if let Some(axis) = axes.iter().find(|&&a| shape[a] != 1) {
        return Err(format!("axis {axis} has {} positions, not one", shape[*axis]));
    }
    let to: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
    Ok(vec![t.build.reshape(x, &to)?])
}

fn unsqueeze(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let x = n.input(0)?;
    let mut shape = t.build.shape(x);
    let list = n.ints_or_operand("axes", 1, BOUNDS)?.ok_or("the axes are missing")?;
    for axis in node::axes(&list, shape.len() + list.len())? {
        shape.insert(axis, 1);
    }
    Ok(vec![t.build.reshape(x, &shape)?])
}

fn split(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let x = n.input(0)?;
    let shape = t.build.shape(x);
    let axis = node::axis(n.int("axis").unwrap_or(0), shape.len())?;
    let parts = n.int("num_outputs").map_or(n.proto.output.len(), |p| p.max(1) as usize);
    let sizes = match n.ints_or_operand("split", 1, BOUNDS)? {
        Some(list) => extents(&list)?,
        None => {
            let size = shape[axis].div_ceil(parts.max(1));
            (0..parts).map(|i| size.min(shape[axis].saturating_sub(i * size))).collect()
        }
    };
    let mut start = 0usize;
    let mut results = vec![];
    for size in sizes {
        results.push(t.build.slice(x, axis, start, size, 1)?);
        start = start.saturating_add(size);
    }
    if start != shape[axis] {
        return Err(format!("the parts have {start} positions in all, the axis has {}", shape[axis]));
    }
    Ok(results)
}

fn slice(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let mut x = n.input(0)?.clone();
    let shape = t.build.shape(&x);
    let starts = n.ints_or_operand("starts", 1, BOUNDS)?.ok_or("the starts are missing")?;
    let ends = n.ints_or_operand("ends", 2, BOUNDS)?.ok_or("the ends are missing")?;
    let axes = n.ints_or_operand("axes", 3, BOUNDS)?;
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = n.known(4, BOUNDS)?.map_or_else(|| vec![1; starts.len()], |s| s.integers());
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("starts, ends, axes and steps are lists of the same length".into());
    }
    for i in 0..starts.len() {
        let axis = node::axis(axes[i], shape.len())?;
        let at = positions(shape[axis], starts[i], ends[i], steps[i])?;
        x = match (at.first(), steps[i]) {
            (Some(&first), step) if step > 0 => t.build.slice(&x, axis, first, at.len(), step as usize)?,
            (None, _) => t.build.slice(&x, axis, 0, 0, 1)?,
            _ => t.build.select(&x, axis, &at)?,
        };
    }
    Ok(vec![x])
}

/// The positions of a slice, by the rules of Python.
fn positions(extent: usize, start: i64, end: i64, step: i64) -> Result<Vec<usize>, Reason> {
    let n = extent as i64;
    let from_end = |v: i64| if v < 0 { v.saturating_add(n) } else { v };
    let (start, end) = (from_end(start), from_end(end));
    if step == 0 {
        return Err("a slice goes in steps of zero".into());
    }
    let (mut at, mut result) =
        if step > 0 { (start.clamp(0, n), vec![]) } else { (start.clamp(-1, n - 1), vec![]) };
    let end = if step > 0 { end.clamp(0, n) } else { end.clamp(-1, n) };
    while (step > 0 && at < end) || (step < 0 && at > end) {
        result.push(at as usize);
        at = at.saturating_add(step);
    }
    Ok(result)
}

fn tile(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let mut x = n.input(0)?.clone();
    let repeats = extents(&n.known(1, BOUNDS)?.ok_or("the repeats are missing")?.integers())?;
    let shape = t.build.shape(&x);
    if repeats.len() != shape.len() {
        return Err(format!("expected {} repeats, found {}", shape.len(), repeats.len()));
    }
    for (axis, &times) in repeats.iter().enumerate() {
        let mut to = t.build.shape(&x);
        to[axis] = to[axis].saturating_mul(times);
        t.build.room(&x, &to)?;
        let at: Vec<usize> = (0..to[axis]).map(|i| i % shape[axis]).collect();
        if times != 1 {
            x = t.build.select(&x, axis, &at)?;
        }
    }
    Ok(vec![x])
}

/// Paddings before and after every axis; negative ones cut off.
fn pad(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let mut shape = b.shape(x);
    let list = match n.ints_or_operand("pads", 1, BOUNDS)? {
        Some(list) => list,
        None => n.ints("paddings").ok_or("the paddings are missing")?,
    };
    let axes = match n.known(3, BOUNDS)? {
        Some(axes) => {
            axes.integers().iter().map(|&a| node::axis(a, shape.len())).collect::<Result<_, _>>()?
        }
        None => (0..shape.len()).collect::<Vec<_>>(),
    };
    if list.len() != 2 * axes.len() {
        return Err(format!("expected {} paddings, found {}", 2 * axes.len(), list.len()));
    }
    let value = n.known(2, "the value of a padding")?.and_then(|v| v.number());
    let value = value.or_else(|| n.float("value")).unwrap_or(0.0);
    let mode = n.text("mode").unwrap_or_else(|| "constant".into());
    let (mut low, mut high) = (vec![0; shape.len()], vec![0; shape.len()]);
    let mut x = x.clone();
    for (i, &axis) in axes.iter().enumerate() {
        let (before, after) = (list[i], list[i + axes.len()]);
        let cut = |p: i64| usize::try_from(p.saturating_neg()).unwrap_or(0);
        let left = shape[axis].saturating_sub(cut(before)).saturating_sub(cut(after));
        x = b.slice(&x, axis, cut(before), left, 1)?;
        shape[axis] = left;
        (low[axis], high[axis]) = (before.max(0) as usize, after.max(0) as usize);
    }
    if mode == "constant" {
        if !value.is_finite() {
            return Err(format!("padding with {value} is not supported"));
        }
        return Ok(vec![b.pad(&x, &low, &high, value)?]);
    }
    for axis in 0..shape.len() {
        if low[axis] == 0 && high[axis] == 0 {
            continue;
        }
        let extent = shape[axis] as i64;
        if extent == 0 {
            return Err(format!("padding an axis without elements in mode \"{mode}\" is not supported"));
        }
        let mut to = b.shape(&x);
        to[axis] = to[axis].saturating_add(low[axis]).saturating_add(high[axis]);
        b.room(&x, &to)?;
        let source = |i: i64| match (mode.as_str(), extent) {
            ("edge", _) => Ok(i.clamp(0, extent - 1)),
            ("reflect", 1) => Ok(0),
            ("reflect", _) => {
                let period = 2 * (extent - 1);
                let i = i.rem_euclid(period);
                Ok(if i < extent { i } else { period - i })
            }
            ("wrap", _) => Ok(i.rem_euclid(extent)),
            _ => Err(format!("padding mode \"{mode}\" is not supported")),
        };
        let at = (-(low[axis] as i64)..extent + high[axis] as i64).map(|i| source(i).map(|i| i as usize));
        x = b.select(&x, axis, &at.collect::<Result<Vec<_>, _>>()?)?;
    }
    Ok(vec![x])
}

fn center_crop_pad(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let mut x = n.input(0)?.clone();
    let shape = t.build.shape(&x);
    let to = extents(&n.known(1, BOUNDS)?.ok_or("the shape is missing")?.integers())?;
    let axes = match n.ints("axes") {
        Some(list) => list.iter().map(|&a| node::axis(a, shape.len())).collect::<Result<Vec<_>, _>>()?,
        None => (0..shape.len()).collect(),
    };
    if to.len() != axes.len() {
        return Err(format!("expected {} extents, found {}", axes.len(), to.len()));
    }
    let (mut low, mut high) = (vec![0; shape.len()], vec![0; shape.len()]);
    for (&axis, &to) in axes.iter().zip(&to) {
        let extent = shape[axis];
        if to <= extent {
            x = t.build.slice(&x, axis, (extent - to) / 2, to, 1)?;
        } else {
            low[axis] = (to - extent) / 2;
            high[axis] = to - extent - low[axis];
        }
    }
    Ok(vec![t.build.pad(&x, &low, &high, 0.0)?])
}

fn compress(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let mut x = n.input(0)?.clone();
    let kept = n.known(1, "the condition of a compression")?.ok_or("the condition is missing")?;
    let at: Vec<usize> = (0..kept.len()).filter(|&i| kept.numbers()[i] != 0.0).collect();
    let axis = match n.int("axis") {
        Some(axis) => node::axis(axis, t.build.shape(&x).len())?,
        None => {
            let n = t.build.shape(&x).iter().product();
            x = t.build.reshape(&x, &[n])?;
            0
        }
    };
    Ok(vec![t.build.select(&x, axis, &at)?])
}

fn image(b: &Builder, x: &Value, block: i64) -> Result<([usize; 4], usize), Reason> {
    let shape: [usize; 4] = b.shape(x).try_into().map_err(|_| "expected an image of four axes".to_owned())?;
    let block = usize::try_from(block).ok().filter(|&s| s > 0);
    Ok((shape, block.ok_or("the size of a block is at least 1")?))
}

fn depth_to_space(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let ([batch, c, h, w], s) = image(b, x, n.int("blocksize").unwrap_or(0))?;
    if c % (s * s) != 0 {
        return Err(format!("{c} channels are no blocks of {s} by {s}"));
    }
    let c = c / (s * s);
    let (split, perm) = match n.text("mode").as_deref().unwrap_or("DCR") {
        "DCR" => ([batch, s, s, c, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([batch, c, s, s, h, w], [0, 1, 4, 2, 5, 3]),
        other => return Err(format!("the mode \"{other}\" is not supported")),
    };
    let x = b.reshape(x, &split)?;
    let x = b.transpose(&x, &perm)?;
    Ok(vec![b.reshape(&x, &[batch, c, h * s, w * s])?])
}

fn space_to_depth(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let ([batch, c, h, w], s) = image(b, x, n.int("blocksize").unwrap_or(0))?;
    let channels_first = n.text("mode").as_deref() == Some("CRD");
    if h % s != 0 || w % s != 0 {
        return Err(format!("an image of {h} by {w} is not made of blocks of {s} by {s}"));
    }
    let x = b.reshape(x, &[batch, c, h / s, s, w / s, s])?;
    let order = if channels_first { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
    let x = b.transpose(&x, &order)?;
    Ok(vec![b.reshape(&x, &[batch, c * s * s, h / s, w / s])?])
}

/// The upper or lower triangle: a product with zeros and ones.
fn trilu(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let upper = n.int("upper").unwrap_or(1) != 0;
    let k = n.known(1, "the diagonal")?.map_or(0, |k| k.integers().first().copied().unwrap_or(0));
    let shape = b.shape(x);
    let [.., rows, columns] = shape[..] else { return Err("expected a matrix".into()) };
    let inside = |i: usize| {
        let above = (i % columns) as i64 - (i / columns) as i64;
        f64::from(u8::from(if upper { above >= k } else { above <= k }))
    };
    b.grow(&[rows, columns])?;
    let kind = b.kind(x);
    let mask = b.known(Kind::F32, &[rows, columns], (0..rows * columns).map(inside).collect())?;
    let x = if kind == Kind::Bool { b.retyped(x, Kind::F32)? } else { x.clone() };
    let part = b.mul(&x, &mask)?;
    Ok(vec![b.retyped(&part, kind)?])
}

fn reverse_sequence(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let lengths = n.known(1, "the lengths of sequences")?.ok_or("the lengths are missing")?.integers();
    let shape = b.shape(x);
    let batch = node::axis(n.int("batch_axis").unwrap_or(1), shape.len())?;
    let time = node::axis(n.int("time_axis").unwrap_or(0), shape.len())?;
    if lengths.len() != shape[batch] {
        return Err(format!("expected {} lengths, found {}", shape[batch], lengths.len()));
    }
    let mut parts = vec![];
    for (i, &length) in lengths.iter().enumerate() {
        let length = usize::try_from(length).ok().filter(|&l| l <= shape[time]);
        let length = length.ok_or("a length is longer than the sequences")?;
        let one = b.slice(x, batch, i, 1, 1)?;
        let at: Vec<usize> = (0..length).rev().chain(length..shape[time]).collect();
        parts.push(b.select(&one, time, &at)?);
    }
    Ok(vec![b.concat(&parts, batch)?])
}
