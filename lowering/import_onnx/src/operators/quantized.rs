//! Models that were quantized before: integers with scales, as real numbers.
//!
//! What is quantized with one scale is the real number on the grid of that scale (`fake_quantize`), and the integer is a function of it that
//! is forgotten where it is dequantized with the same scale and zero: so a quantization and what dequantizes it are one op, whatever moves
//! or compares the integers between them.

use super::operators;
use super::products::multiply;
use super::windows;
use crate::build::{Builder, Quantized, Reason, Value};
use crate::graph;
use crate::node::{self, Node};
use crate::tensor::{Kind, Tensor};
use crate::translate::Translator;
use std::rc::Rc;
use tessera_nn::NnOp;

operators! { "";
    "ConvInteger" => conv_integer,
    "DequantizeLinear" => dequantize_linear,
    "MatMulInteger" => matmul_integer,
    "QLinearConv" => qlinear_conv,
    "QLinearMatMul" => qlinear_matmul,
    "QuantizeLinear" => quantize_linear,
}

const SCALES: &str = "scales and zero points";

/// clamp(round(x/scale) + zero): one scale, or one for each position of an axis.
pub(super) fn quantize(
    b: &mut Builder,
    x: &Value,
    (scales, zeros): (&[f64], &[f64]),
    axis: usize,
    kind: Kind,
) -> Result<Value, Reason> {
    let (low, high) = kind.bounds().ok_or("quantized numbers are integers")?;
    let shape = b.shape(x);
    let zero = |c: usize| zeros.get(c).or(zeros.first()).copied().unwrap_or(0.0);
    if scales.iter().any(|&s| s.is_nan() || s <= 0.0) {
        return Err("scales are positive".into());
    }
    let x = b.retyped(x, Kind::F32)?;
    let parts = if let (1, Value::Computed(..)) = (scales.len(), &x) {
        let real = on_grid(b, &x, (scales[0], zero(0)), (low, high))?;
        return integers(b, &real, (scales[0], zero(0)), kind);
    } else if scales.len() == 1 {
        b.map(&x, "quantize", &[scales[0], zero(0), low, high])?
    } else {
        if shape.get(axis) != Some(&scales.len()) {
            return Err(format!("expected one scale, or one for each position of axis {axis}"));
        }
        let parts = scales.iter().enumerate().map(|(c, &scale)| {
            let part = b.slice(&x, axis, c, 1, 1)?;
            b.map(&part, "quantize", &[scale, zero(c), low, high])
        });
        let parts = parts.collect::<Result<Vec<_>, Reason>>()?;
        b.concat(&parts, axis)?
    };
    b.retyped(&parts, kind)
}

/// x on the grid of a scale and a zero. What clamps x before is a bound of the grid, too.
fn on_grid(
    b: &mut Builder,
    x: &Value,
    (scale, zero): (f64, f64),
    (low, high): (f64, f64),
) -> Result<Value, Reason> {
    let (mut x, mut low, mut high) = (x.clone(), low - zero, high - zero);
    while let Value::Computed(graph::Value::Node(node), kind) = x
        && let NnOp::Map { x: operand, f } = &b.graph.nodes[node].op
        && let Some((least, most)) = f.clamp()
    {
        let bound = |real: f64| (real / scale).round_ties_even().clamp(low, high);
        (low, high) = (bound(least), bound(most));
        x = Value::Computed(*operand, kind);
    }
    b.map(&x, "fake_quantize", &[scale, low, high])
}

/// The integers that real numbers on a grid stand for.
fn integers(b: &mut Builder, real: &Value, (scale, zero): (f64, f64), kind: Kind) -> Result<Value, Reason> {
    let steps = b.scale(real, 1.0 / scale)?;
    // integers of their own, even where a step is 1 and nothing is added
    let steps = b.map(&steps, "round", &[])?;
    let y = b.shift(&steps, zero)?;
    let y = b.retyped(&y, kind)?;
    if let (Value::Computed(y, _), Value::Computed(real, _)) = (&y, real) {
        b.quantized.insert(*y, Quantized { real: *real, scale, zero });
    }
    Ok(y)
}

/// The real numbers that integers were quantized from, with that scale and zero.
fn real_of(b: &Builder, x: &Value, scale: f64, zero: f64) -> Option<Value> {
    let Value::Computed(x, _) = x else { return None };
    let quantized = b.quantized.get(x).filter(|q| q.scale == scale && q.zero == zero)?;
    Some(Value::Computed(quantized.real, Kind::F32))
}

/// Real numbers of integers with one scale.
pub(super) fn real(b: &mut Builder, x: &Value, scale: f64, zero: f64) -> Result<Value, Reason> {
    if let Some(real) = real_of(b, x, scale, zero) {
        return Ok(real);
    }
    let x = b.retyped(x, Kind::F32)?;
    let x = b.shift(&x, -zero)?;
    b.scale(&x, scale)
}

/// Operators that give some of the integers that they read, or the greatest of some: they work on real numbers as well, where these are
/// quantized with one scale.
const MOVES: [&str; 11] = [
    "Concat",
    "Flatten",
    "Identity",
    "MaxPool",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
    "Relu",
];

/// The node of a moving operator on the real numbers that its operands were quantized from, with what quantized them.
pub(crate) fn on_reals<'g>(b: &Builder, node: &Node<'g>) -> Option<(Node<'g>, Quantized, Kind)> {
    let op = node.proto.op_type.as_str();
    if !MOVES.contains(&op) || !node::standard(&node.proto.domain).is_empty() {
        return None;
    }
    let operands = node.operands();
    let read = if op == "Concat" { operands.len() } else { 1 };
    let of = |x: &Option<Value>| match x {
        Some(Value::Computed(x, kind)) => b.quantized.get(x).map(|q| (q.clone(), *kind)),
        _ => None,
    };
    let found: Vec<(Quantized, Kind)> = operands.iter().take(read).map(of).collect::<Option<_>>()?;
    let (first, kind) = found.first()?.clone();
    // what is greater than the integer 0 is not what is greater than the real one
    let alike = found.iter().all(|(q, _)| q.scale == first.scale && q.zero == first.zero);
    if !alike || (op == "Relu" && first.zero != 0.0) {
        return None;
    }
    let mut reals = operands.to_vec();
    for (slot, (q, _)) in reals.iter_mut().zip(&found) {
        *slot = Some(Value::Computed(q.real, Kind::F32));
    }
    Some((Node::new(node.proto, node.opset, reals), first, kind))
}

/// What a moving operator gave, as integers again.
pub(crate) fn requantized(b: &mut Builder, y: &Value, q: &Quantized, kind: Kind) -> Result<Value, Reason> {
    integers(b, y, (q.scale, q.zero), kind)
}

fn quantize_linear(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let scale = n.known(1, SCALES)?.ok_or("the scale is missing")?;
    let zero = n.known(2, SCALES)?;
    n.int("saturate");
    n.int("precision");
    if n.int("block_size").unwrap_or(0) != 0 {
        return Err("scales of blocks are not supported".into());
    }
    let kind = match (zero, n.int("output_dtype").unwrap_or(0)) {
        (Some(zero), _) => zero.kind,
        (None, 0) => Kind::U8,
        (None, code) => Kind::of(code).ok_or("the element type is not supported")?,
    };
    let axis = n.int("axis").unwrap_or(1);
    let axis = if scale.len() == 1 { 0 } else { node::axis(axis, b.shape(x).len())? };
    let zeros = zero.map_or_else(|| vec![0.0], |z| z.numbers());
    Ok(vec![quantize(b, x, (&scale.numbers(), &zeros), axis, kind)?])
}

/// A known tensor along one axis of `rank`, or one number.
fn along(b: &mut Builder, tensor: &Tensor, axis: usize, rank: usize) -> Result<Value, Reason> {
    let mut wide = vec![1; rank];
    if tensor.len() > 1 {
        *wide.get_mut(axis).ok_or("an axis does not exist")? = tensor.len();
    }
    b.known(Kind::F32, &wide, tensor.numbers())
}

/// x − zero.
fn centered(b: &mut Builder, x: &Value, zero: Option<&Rc<Tensor>>, axis: usize) -> Result<Value, Reason> {
    let x = b.retyped(x, Kind::F32)?;
    let Some(zero) = zero.filter(|z| z.numbers().iter().any(|&v| v != 0.0)) else { return Ok(x) };
    let rank = b.shape(&x).len();
    let zero = along(b, zero, axis, rank)?;
    b.sub(&x, &zero)
}

fn dequantize_linear(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let scale = n.known(1, SCALES)?.ok_or("the scale is missing")?;
    let zero = n.known(2, SCALES)?;
    n.int("output_dtype");
    if n.int("block_size").unwrap_or(0) != 0 {
        return Err("scales of blocks are not supported".into());
    }
    let rank = b.shape(x).len();
    let axis = n.int("axis").unwrap_or(1);
    let axis = if scale.len() == 1 { 0 } else { node::axis(axis, rank)? };
    let first = zero.and_then(|z| z.numbers().first().copied()).unwrap_or(0.0);
    if let Some(real) = scale.number().and_then(|scale| real_of(b, x, scale, first)) {
        return Ok(vec![b.retyped(&real, scale.kind)?]);
    }
    let x = centered(b, x, zero, axis)?;
    let scales = along(b, scale, axis, rank)?;
    let scaled = b.mul(&x, &scales)?;
    Ok(vec![b.retyped(&scaled, scale.kind)?])
}

fn matmul_integer(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, y, b) = (n.input(0)?, n.input(1)?, &mut t.build);
    let (zx, zy) = (n.known(2, SCALES)?, n.known(3, SCALES)?);
    let (rows, columns) = (b.shape(x).len().saturating_sub(2), b.shape(y).len().saturating_sub(1));
    let (x, y) = (centered(b, x, zx, rows)?, centered(b, y, zy, columns)?);
    let product = multiply(b, &x, &y)?;
    Ok(vec![b.retyped(&product, Kind::I32)?])
}

fn qlinear_matmul(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, y, b) = (n.input(0)?, n.input(3)?, &mut t.build);
    let mut known =
        |i: usize| n.known(i, SCALES)?.ok_or_else(|| "a scale or zero point is missing".to_owned());
    let [sx, zx, sy, zy, sz, zz] = [1, 2, 4, 5, 6, 7].map(&mut known);
    let (sx, zx, sy, zy, sz, zz) = (sx?, zx?, sy?, zy?, sz?, zz?);
    let one = |t: &Tensor| t.number().ok_or("scales of rows and columns are not supported");
    let scale = one(sz)? / (one(sx)? * one(sy)?);
    let (sx, sy, zx1, zy1) = (one(sx)?, one(sy)?, one(zx), one(zy));
    let known = matches!(y, Value::Known(_));
    if let (Ok(zx), Ok(zy)) = (zx1, zy1)
        && let Some(left) = real_of(b, x, sx, zx)
        && (known || real_of(b, y, sy, zy).is_some())
    {
        let right = real(b, y, sy, zy)?;
        let product = multiply(b, &left, &right)?;
        return Ok(vec![quantize(b, &product, (&[one(sz)?], &[one(zz)?]), 0, zz.kind)?]);
    }
    let (rows, columns) = (b.shape(x).len().saturating_sub(2), b.shape(y).len().saturating_sub(1));
    let (x, y) = (centered(b, x, Some(zx), rows)?, centered(b, y, Some(zy), columns)?);
    let product = multiply(b, &x, &y)?;
    Ok(vec![quantize(b, &product, (&[scale], &[one(zz)?]), 0, zz.kind)?])
}

fn conv_integer(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let w =
        Value::Known(n.known(1, "the weights of a convolution")?.ok_or("the weights are missing")?.clone());
    let (x, w) = (centered(b, x, n.known(2, SCALES)?, 1)?, centered(b, &w, n.known(3, SCALES)?, 0)?);
    let y = windows::conv_of(b, n, &x, &w, None)?;
    Ok(vec![b.retyped(&y, Kind::I32)?])
}

fn qlinear_conv(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let mut known =
        |i: usize| n.known(i, SCALES)?.ok_or_else(|| "a scale or zero point is missing".to_owned());
    let [sx, zx, w, sw, zw, sy, zy] = [1, 2, 3, 4, 5, 6, 7].map(&mut known);
    let (sx, zx, w, sw, zw, sy, zy) = (sx?, zx?, w?, sw?, zw?, sy?, zy?);
    let bias = n.known(8, "the bias of a convolution")?;
    let one = |t: &Tensor| t.number().ok_or("expected one scale");
    let (sx, sy, zero) = (one(sx)?, one(sy)?, one(zy)?);
    let left = real_of(b, x, sx, one(zx)?);
    let x = centered(b, x, Some(zx), 1)?;
    let w = centered(b, &Value::Known(w.clone()), Some(zw), 0)?;
    if let Some(x) = left {
        let rank = b.shape(&w).len();
        let scales = along(b, sw, 0, rank)?;
        let w = b.mul(&w, &scales)?;
        let bias = match bias {
            Some(bias) => {
                let steps = sw.numbers().iter().map(|sw| sx * sw).collect::<Vec<_>>();
                let values = bias.numbers();
                let step = |c: usize| steps.get(c).or(steps.first()).copied().unwrap_or(0.0);
                let values = values.iter().enumerate().map(|(c, v)| v * step(c)).collect();
                Some(b.known(Kind::F32, bias.shape(), values)?)
            }
            None => None,
        };
        let y = windows::conv_of(b, n, &x, &w, bias)?;
        return Ok(vec![quantize(b, &y, (&[sy], &[zero]), 1, zy.kind)?]);
    }
    let bias = match bias {
        Some(bias) => Some(b.retyped(&Value::Known(bias.clone()), Kind::F32)?),
        None => None,
    };
    let y = windows::conv_of(b, n, &x, &w, bias)?;
    let scales: Vec<f64> = sw.numbers().iter().map(|sw| sy / (sx * sw)).collect();
    Ok(vec![quantize(b, &y, (&scales, &[zero]), 1, zy.kind)?])
}
