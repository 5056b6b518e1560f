//! What follows from shapes and from the file alone, and operators that do nothing in inference.

use super::operators;
use crate::build::{Reason, Value, known};
use crate::node::Node;
use crate::tensor::Kind;
use crate::translate::Translator;

operators! { "";
    "Constant" => constant,
    "ConstantOfShape" => constant_of_shape,
    "Dropout" => dropout,
    "EyeLike" => eye_like,
    "Identity" => |_, n| Ok(vec![n.input(0)?.clone()]),
    "Range" => range,
    "Shape" => shape,
    "Size" => size,
}

fn constant(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    if let Some(mut tensor) = n.tensor("value")? {
        if tensor.name.is_empty() {
            tensor.name = n.proto.output.first().cloned().unwrap_or_default();
        }
        return Ok(vec![known(tensor)]);
    }
    let b = &mut t.build;
    if let Some(v) = n.float("value_float") {
        return Ok(vec![b.number(Kind::F32, v)?]);
    }
    if let Some(v) = n.int("value_int") {
        return Ok(vec![b.number(Kind::I64, v as f64)?]);
    }
    if let Some(v) = n.floats("value_floats") {
        return Ok(vec![b.known(Kind::F32, &[v.len()], v)?]);
    }
    if let Some(v) = n.ints("value_ints") {
        return Ok(vec![b.known(Kind::I64, &[v.len()], v.iter().map(|&v| v as f64).collect())?]);
    }
    Err("only dense numbers are supported as constants".into())
}

/// Extents that the file states.
pub(super) fn extents(list: &[i64]) -> Result<Vec<usize>, Reason> {
    let extents = list.iter().map(|&d| usize::try_from(d).ok()).collect::<Option<Vec<_>>>();
    extents.ok_or_else(|| format!("is asked for extents {list:?}"))
}

fn constant_of_shape(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let shape = n.known(0, "the shape of a constant")?.ok_or("the shape is missing")?;
    let shape = extents(&shape.integers())?;
    let value = n.tensor("value")?;
    let (kind, number) = value.map_or((Kind::F32, 0.0), |v| (v.kind, v.number().unwrap_or(0.0)));
    t.build.grow(&shape)?;
    Ok(vec![t.build.known(kind, &shape, vec![number; shape.iter().product()])?])
}

fn dropout(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    const TRAINING: &str = "dropout in training mode is not supported; export with model.eval()";
    let ratio = n.float("ratio");
    n.int("seed");
    n.ints("consumed_inputs");
    let nothing = match n.optional(1) {
        Some(Value::Known(t)) => t.number() == Some(0.0),
        Some(Value::Computed(..)) => false,
        None => ratio == Some(0.0),
    };
    let training = match n.optional(2) {
        Some(Value::Known(t)) => t.number() != Some(0.0),
        Some(Value::Computed(..)) => true,
        None => n.opset < 7 && n.int("is_test") == Some(0),
    };
    n.int("is_test");
    if training && !nothing {
        return Err(TRAINING.into());
    }
    let x = n.input(0)?.clone();
    let shape = t.build.shape(&x);
    let mask = t.build.known(Kind::Bool, &shape, vec![1.0; shape.iter().product()])?;
    Ok(vec![x, mask])
}

fn eye_like(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, k) = (n.input(0)?, n.int("k").unwrap_or(0));
    let shape = t.build.shape(x);
    let &[rows, columns] = &shape[..] else { return Err("expected a matrix".into()) };
    let kind =
        n.int("dtype").map_or(Some(t.build.kind(x)), Kind::of).ok_or("the element type is not supported")?;
    t.build.grow(&shape)?;
    let one = |i: usize| f64::from(u8::from((i % columns) as i64 - (i / columns) as i64 == k));
    Ok(vec![t.build.known(kind, &shape, (0..rows * columns).map(one).collect())?])
}

fn range(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let mut bounds = [0.0; 3];
    let mut kind = Kind::I64;
    for (i, bound) in bounds.iter_mut().enumerate() {
        let tensor = n.known(i, "the bounds of a range")?.ok_or("a bound is missing")?;
        (*bound, kind) = (tensor.number().ok_or("a bound of a range is one number")?, tensor.kind);
    }
    let [from, to, step] = bounds;
    let count = ((to - from) / step).ceil();
    if step == 0.0 || !count.is_finite() {
        return Err(format!("a range from {from} to {to} in steps of {step} does not end"));
    }
    let count = count.max(0.0) as usize;
    t.build.grow(&[count])?;
    let data = (0..count).map(|i| from + i as f64 * step).collect();
    Ok(vec![t.build.known(kind, &[count], data)?])
}

fn shape(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let shape = t.build.shape(n.input(0)?);
    let rank = shape.len() as i64;
    let end = |v: i64| if v < 0 { (v + rank).max(0) } else { v.min(rank) } as usize;
    let (from, to) = (end(n.int("start").unwrap_or(0)), end(n.int("end").unwrap_or(rank)));
    let part = shape.get(from..to.max(from)).unwrap_or_default();
    Ok(vec![t.build.known(Kind::I64, &[part.len()], part.iter().map(|&d| d as f64).collect())?])
}

fn size(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let count: usize = t.build.shape(n.input(0)?).iter().product();
    Ok(vec![t.build.number(Kind::I64, count as f64)?])
}
