//! Comparisons, logic, rounding to other types, and choices: truth is 1, falsehood is 0.
//!
//! A comparison of two tensors is a function of one number, their difference. In f32 the difference of two different numbers is
//! not 0, so comparisons are exact at the float level; in a quantized model they are as fine as its integers. Whole numbers are
//! told apart halfway between them, which no rounding to steps below 1/2 reaches.

use super::elementwise::both;
use super::operators;
use crate::build::{Builder, Reason, Value};
use crate::node::Node;
use crate::tensor::Kind;
use crate::translate::Translator;
use tessera_mlir::shape;

operators! { "";
    "And" => |t, n| logic(t, n, |b, x, y| b.mul(x, y)),
    "BitwiseAnd" => |t, n| bits(t, n, |x, y| x & y),
    "BitwiseNot" => bitwise_not,
    "BitwiseOr" => |t, n| bits(t, n, |x, y| x | y),
    "BitwiseXor" => |t, n| bits(t, n, |x, y| x ^ y),
    "BitShift" => bit_shift,
    "Cast" => cast,
    "CastLike" => cast_like,
    "Equal" => |t, n| compare(t, n, |x, y| x == y, equal),
    "Greater" => |t, n| compare(t, n, |x, y| x > y, greater),
    "GreaterOrEqual" => |t, n| compare(t, n, |x, y| x >= y, |b, x, y| { let less = greater(b, y, x)?; b.not(&less) }),
    "Less" => |t, n| compare(t, n, |x, y| x < y, |b, x, y| greater(b, y, x)),
    "LessOrEqual" => |t, n| compare(t, n, |x, y| x <= y, |b, x, y| { let more = greater(b, x, y)?; b.not(&more) }),
    "Not" => not,
    "Or" => |t, n| logic(t, n, |b, x, y| { let (s, p) = (b.add(x, y)?, b.mul(x, y)?); b.sub(&s, &p) }),
    "Where" => choose,
    "Xor" => |t, n| logic(t, n, |b, x, y| { let d = b.sub(x, y)?; b.mul(&d, &d) }),
}

/// x = y.
pub(super) fn equal(b: &mut Builder, x: &Value, y: &Value) -> Result<Value, Reason> {
    let whole = whole(b, &[x, y]);
    let difference = difference(b, x, y)?;
    b.map(&difference, if whole { "near_zero" } else { "equal_zero" }, &[])
}

/// x > y.
pub(super) fn greater(b: &mut Builder, x: &Value, y: &Value) -> Result<Value, Reason> {
    let whole = whole(b, &[x, y]);
    let difference = difference(b, x, y)?;
    let difference = if whole { b.shift(&difference, -0.5)? } else { difference };
    b.map(&difference, "step", &[])
}

/// x = number, for x that holds whole numbers whatever its type.
pub(super) fn is_whole(b: &mut Builder, x: &Value, number: f64) -> Result<Value, Reason> {
    let difference = b.shift(x, -number)?;
    b.map(&difference, "near_zero", &[])
}

fn whole(b: &Builder, xs: &[&Value]) -> bool {
    xs.iter().all(|x| !b.kind(x).is_float())
}

/// x − y as a signed number.
fn difference(b: &mut Builder, x: &Value, y: &Value) -> Result<Value, Reason> {
    let (x, y) = (b.retyped(x, Kind::F32)?, b.retyped(y, Kind::F32)?);
    b.sub(&x, &y)
}

fn compare(
    t: &mut Translator,
    n: &Node,
    known: fn(f64, f64) -> bool,
    computed: fn(&mut Builder, &Value, &Value) -> Result<Value, Reason>,
) -> Result<Vec<Value>, Reason> {
    let (x, y, b) = (n.input(0)?, n.input(1)?, &mut t.build);
    let truth = match (x, y) {
        (Value::Known(x), Value::Known(y)) => {
            let truth = both(b, x, y, |x, y| f64::from(u8::from(known(x, y))))?;
            return Ok(vec![b.retyped(&truth, Kind::Bool)?]);
        }
        (x, y) => computed(b, x, y)?,
    };
    Ok(vec![b.retyped(&truth, Kind::Bool)?])
}

fn logic(
    t: &mut Translator,
    n: &Node,
    f: fn(&mut Builder, &Value, &Value) -> Result<Value, Reason>,
) -> Result<Vec<Value>, Reason> {
    let b = &mut t.build;
    let (x, y) = (b.retyped(n.input(0)?, Kind::F32)?, b.retyped(n.input(1)?, Kind::F32)?);
    let truth = f(b, &x, &y)?;
    Ok(vec![b.retyped(&truth, Kind::Bool)?])
}

fn not(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let x = t.build.retyped(n.input(0)?, Kind::F32)?;
    let truth = t.build.not(&x)?;
    Ok(vec![t.build.retyped(&truth, Kind::Bool)?])
}

const BITS: &str = "operators on bits are supported on values known at compile time only; their operands";

fn bits(t: &mut Translator, n: &Node, f: fn(i64, i64) -> i64) -> Result<Vec<Value>, Reason> {
    let (Some(x), Some(y)) = (n.known(0, BITS)?, n.known(1, BITS)?) else {
        return Err("expected two operands".into());
    };
    Ok(vec![both(&mut t.build, x, y, |x, y| f(x as i64, y as i64) as f64)?])
}

fn bitwise_not(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let x = n.known(0, BITS)?.ok_or("expected an operand")?;
    let data = x.integers().iter().map(|&v| !v as f64).collect();
    Ok(vec![t.build.known(x.kind, x.shape(), data)?])
}

fn bit_shift(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (Some(x), Some(y)) = (n.known(0, BITS)?, n.known(1, BITS)?) else {
        return Err("expected two operands".into());
    };
    let left = n.text("direction").as_deref() == Some("LEFT");
    if y.numbers().iter().any(|&v| v < 0.0) {
        return Err("shifts by a negative number of bits are not supported".into());
    }
    let shift = move |x: f64, y: f64| if left { x * y.exp2() } else { (x / y.exp2()).floor() };
    Ok(vec![both(&mut t.build, x, y, shift)?])
}

fn cast(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let to = n.int("to").ok_or("the attribute \"to\" is missing")?;
    n.int("saturate");
    n.text("round_mode");
    let kind = Kind::of_port(to).ok_or_else(|| format!("elements of type {to} are not supported"))?;
    Ok(vec![convert(&mut t.build, n.input(0)?, kind)?])
}

fn cast_like(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    n.int("saturate");
    n.text("round_mode");
    let kind = t.build.kind(n.input(1)?);
    Ok(vec![convert(&mut t.build, n.input(0)?, kind)?])
}

/// A value as another type holds it. Integers are computed as real numbers: none is expected to leave its type.
pub(super) fn convert(b: &mut Builder, x: &Value, kind: Kind) -> Result<Value, Reason> {
    let from = b.kind(x);
    if (from == Kind::Text) != (kind == Kind::Text) {
        return Err("makes numbers of texts, or texts of numbers; do this step before the model runs".into());
    }
    let changed = match x {
        Value::Known(_) => return b.retyped(x, kind),
        _ if kind == Kind::Bool && from != Kind::Bool => {
            let zero = if from.is_float() { "equal_zero" } else { "near_zero" };
            let x = b.retyped(x, Kind::F32)?;
            let zero = b.map(&x, zero, &[])?;
            b.integers(&zero);
            b.not(&zero)?
        }
        _ if from.is_float() && !kind.is_float() => b.map(x, "trunc", &[])?,
        _ => x.clone(),
    };
    b.retyped(&changed, kind)
}

/// c·x + (1 − c)·y.
fn choose(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (c, x, y, b) = (n.input(0)?, n.input(1)?, n.input(2)?, &mut t.build);
    let kind = b.kind(x);
    if let Value::Known(c) = c {
        let truth = c.numbers();
        let all = |wanted: bool| truth.iter().all(|&v| (v != 0.0) == wanted);
        let to = shape::broadcast(&b.shape(x), &b.shape(y)).and_then(|s| shape::broadcast(&s, c.shape()));
        let to = to.map_err(|e| e.to_string())?;
        if all(true) {
            return Ok(vec![b.expand(x, &to)?]);
        }
        if all(false) {
            return Ok(vec![b.expand(y, &to)?]);
        }
        if let (Value::Known(_), Value::Known(_)) = (x, y) {
            let wide = [Value::Known(c.clone()), x.clone(), y.clone()].map(|v| match b.expand(&v, &to)? {
                Value::Known(t) => Ok(t.numbers()),
                Value::Computed(..) => Err("a known value".to_owned()),
            });
            let [c, x, y] = wide;
            let (c, x, y) = (c?, x?, y?);
            let data = (0..c.len()).map(|i| if c[i] != 0.0 { x[i] } else { y[i] }).collect();
            return Ok(vec![b.known(kind, &to, data)?]);
        }
    }
    if let Value::Known(condition) = c
        && let Some(scores) = b.choose_scores(condition, x, y)?
    {
        return Ok(vec![scores]);
    }
    b.integers(c);
    let c = b.retyped(c, Kind::F32)?;
    let others = b.not(&c)?;
    let (x, y) = (b.without_infinity(x)?, b.without_infinity(y)?);
    let (x, y) = (b.retyped(&x, Kind::F32)?, b.retyped(&y, Kind::F32)?);
    let (x, y) = (b.mul(&c, &x)?, b.mul(&others, &y)?);
    let sum = b.add(&x, &y)?;
    Ok(vec![b.retyped(&sum, kind)?])
}
