//! Integers with scales as real numbers on the grid of a scale: what quantizes and dequantizes, and what moves the integers between.
//!
//! Invariant: integers whose real numbers are known ([`Builder::quantized`]) are those, divided by the scale and moved by the zero.

use crate::build::{Builder, Quantized, Reason, Value};
use crate::graph;
use crate::node::{self, Node};
use crate::tensor::Kind;
use tessera_nn::NnOp;

/// clamp(round(x/scale) + zero): one scale, or one for each position of an axis.
pub(crate) fn quantize(
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
pub(crate) fn real_of(b: &Builder, x: &Value, scale: f64, zero: f64) -> Option<Value> {
    let Value::Computed(x, _) = x else { return None };
    let quantized = b.quantized.get(x).filter(|q| q.scale == scale && q.zero == zero)?;
    Some(Value::Computed(quantized.real, Kind::F32))
}

/// Real numbers of integers with one scale.
pub(crate) fn real(b: &mut Builder, x: &Value, scale: f64, zero: f64) -> Result<Value, Reason> {
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
