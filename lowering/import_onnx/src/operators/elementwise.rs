//! Arithmetic of every element: sums, products, quotients, powers, extremes of several tensors, and functions of one number.

use super::operators;
use crate::build::{Builder, Reason, Value};
use crate::node::{self, Node};
use crate::tensor::Kind;
use crate::translate::Translator;
use tessera_mlir::functions::{self, Map};
use tessera_mlir::shape::{self, PoolAttrs};
use tessera_nn::NnOp;

operators! { "";
    "Add" => add,
    "Div" => |t, n| { let y = second(t, n)?; Ok(vec![divide(&mut t.build, n.input(0)?, &y)?]) },
    "Max" => |t, n| extreme(t, n, false),
    "Mean" => mean,
    "Min" => |t, n| extreme(t, n, true),
    "Mod" => modulo,
    "Mul" => |t, n| { let y = second(t, n)?; Ok(vec![t.build.mul(n.input(0)?, &y)?]) },
    "PRelu" => prelu,
    "Pow" => power,
    "Sub" => |t, n| { let y = second(t, n)?; Ok(vec![t.build.sub(n.input(0)?, &y)?]) },
    "Sum" => |t, n| Ok(vec![t.build.sum(&n.all()?)?]),
}

fn add(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, y) = (n.input(0)?, second(t, n)?);
    for (scores, added) in [(x, &y), (&y, x)] {
        if let Value::Known(added) = added
            && let Some(masked) = t.build.add_mask(scores, added)?
        {
            return Ok(vec![masked]);
        }
    }
    Ok(vec![t.build.add(x, &y)?])
}

/// The second operand. Before operator set 7 it was stretched along the axes that follow a stated one, where a flag said so.
fn second(t: &mut Translator, n: &Node) -> Result<Value, Reason> {
    let (x, y) = (n.input(0)?, n.input(1)?);
    n.ints("consumed_inputs");
    let (rank, shape) = (t.build.shape(x).len(), t.build.shape(y));
    if n.opset >= 7 || !n.flag("broadcast") {
        return Ok(y.clone());
    }
    let axis = n.int("axis").map_or(Ok(rank.saturating_sub(shape.len())), |a| node::axis(a, rank))?;
    let behind = rank.checked_sub(axis + shape.len()).ok_or("the second operand has too many axes")?;
    t.build.reshape(y, &[&shape[..], &vec![1; behind]].concat())
}

/// A function of the list, with its parameters from attributes or known operands.
pub(super) fn function(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let op = &n.proto.op_type;
    n.ints("consumed_inputs");
    if op == "Swish" && n.float("alpha").is_some_and(|alpha| alpha != 1.0) {
        return swish(t, n);
    }
    let variants = n.proto.attribute.iter().filter(|a| !a.s.is_empty()).map(|a| (a.name.as_str(), &a.s));
    let mut spelling = op.clone();
    for (name, variant) in variants {
        n.text(name);
        if variant.as_slice() != b"none" {
            spelling = format!("{op}({})", String::from_utf8_lossy(variant));
        }
    }
    let f =
        functions::by_onnx(&spelling).ok_or_else(|| format!("the variant {spelling} is not supported"))?;
    let mut parameters = vec![];
    for parameter in f.parameters() {
        let operand = match parameter.operand {
            Some(at) => n.known(at, "the parameters of a function")?.and_then(|tensor| tensor.number()),
            None => None,
        };
        parameters.push(operand.or_else(|| n.float(parameter.name)).unwrap_or(parameter.default));
    }
    let f = Map::new(f, &parameters).map_err(|e| e.to_string())?;
    let x = n.input(0)?.clone();
    let kind = t.build.kind(&x);
    Ok(vec![t.build.push(NnOp::Map { x, f }, kind)?])
}

/// x·sigmoid(alpha·x).
fn swish(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let steep = b.scale(x, n.float("alpha").unwrap_or(1.0))?;
    let gate = b.map(&steep, "sigmoid", &[])?;
    Ok(vec![b.mul(x, &gate)?])
}

/// a/b: a product with reciprocals, which are known where b is. Quotients of integers are cut off towards zero.
pub(super) fn divide(b: &mut Builder, x: &Value, y: &Value) -> Result<Value, Reason> {
    if !b.kind(x).is_float() {
        return quotient(b, x, y);
    }
    if let (Value::Known(x), Value::Known(y)) = (x, y) {
        return both(b, x, y, |x, y| x / y);
    }
    let reciprocal = match y {
        Value::Known(y) => {
            if y.numbers().contains(&0.0) {
                return Err("division by zero".into());
            }
            let data = y.numbers().iter().map(|v| v.recip()).collect();
            let shape = y.shape().to_vec();
            b.known(y.kind, &shape, data)?
        }
        y => b.map(y, "reciprocal", &[])?,
    };
    b.mul(x, &reciprocal)
}

/// Two known tensors, element by element.
pub(super) fn both(
    b: &mut Builder,
    x: &crate::tensor::Tensor,
    y: &crate::tensor::Tensor,
    f: impl Fn(f64, f64) -> f64,
) -> Result<Value, Reason> {
    let to = shape::broadcast(x.shape(), y.shape()).map_err(|e| e.to_string())?;
    b.grow(&to)?;
    let array = |t: &crate::tensor::Tensor| ndarray::ArrayD::from_shape_vec(t.shape(), t.numbers());
    let (xs, ys) = (array(x).map_err(|e| e.to_string())?, array(y).map_err(|e| e.to_string())?);
    let z = tessera_mlir::compute::zip_broadcast(&xs, &ys, f).map_err(|e| e.to_string())?;
    b.known(x.kind, &to, z.into_iter().collect())
}

/// A quotient of integers. In f32 the quotient of n + 1/2 is cut off to the right integer below 2^22.
fn quotient(b: &mut Builder, x: &Value, y: &Value) -> Result<Value, Reason> {
    if let (Value::Known(x), Value::Known(y)) = (x, y) {
        if y.numbers().contains(&0.0) {
            return Err("division by zero".into());
        }
        return both(b, x, y, |x, y| (x / y).trunc());
    }
    let kind = b.kind(x);
    let (x, y) = (b.retyped(x, Kind::F32)?, b.retyped(y, Kind::F32)?);
    let unsigned = kind.bounds().is_some_and(|(low, _)| low == 0.0);
    let magnitude = |b: &mut Builder, v: &Value| if unsigned { Ok(v.clone()) } else { b.map(v, "abs", &[]) };
    let (most, by) = (magnitude(b, &x)?, magnitude(b, &y)?);
    let raised = b.shift(&most, 0.5)?;
    let ratio = divide(b, &raised, &by)?;
    let mut q = b.map(&ratio, "floor", &[])?;
    if !unsigned {
        for v in [&x, &y] {
            let sign = b.map(v, "sign", &[])?;
            q = b.mul(&q, &sign)?;
        }
    }
    b.retyped(&q, kind)
}

/// x − y·⌊x/y⌋, or with `fmod` x − y·trunc(x/y).
fn modulo(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, y, fmod, b) = (n.input(0)?, n.input(1)?, n.flag("fmod"), &mut t.build);
    if let (Value::Known(x), Value::Known(y)) = (x, y) {
        if y.numbers().contains(&0.0) {
            return Err("division by zero".into());
        }
        let f = move |x: f64, y: f64| if fmod { x % y } else { x - y * (x / y).floor() };
        return Ok(vec![both(b, x, y, f)?]);
    }
    let kind = b.kind(x);
    let (x, y) = (b.retyped(x, Kind::F32)?, b.retyped(y, Kind::F32)?);
    // (n + 1/2)/d and n/d lie between the same integers; a negative d turns both around
    let raised = match (kind.is_float(), fmod) {
        (false, false) => {
            let sign = b.map(&y, "sign", &[])?;
            let half = b.scale(&sign, 0.5)?;
            b.add(&x, &half)?
        }
        (false, true) => {
            let sign = b.map(&x, "sign", &[])?;
            let half = b.scale(&sign, 0.5)?;
            b.add(&x, &half)?
        }
        _ => x.clone(),
    };
    let ratio = divide(b, &raised, &y)?;
    let q = b.map(&ratio, if fmod { "trunc" } else { "floor" }, &[])?;
    let whole = b.mul(&q, &y)?;
    let rest = b.sub(&x, &whole)?;
    Ok(vec![b.retyped(&rest, kind)?])
}

fn mean(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let all = n.all()?;
    let sum = t.build.sum(&all)?;
    Ok(vec![t.build.scale(&sum, 1.0 / all.len() as f64)?])
}

fn extreme(t: &mut Translator, n: &Node, least: bool) -> Result<Vec<Value>, Reason> {
    let all = n.all()?;
    let (first, rest) = all.split_first().ok_or("expected at least one operand")?;
    let greatest = |m: Value, x: &Value| match least {
        true => minimum(&mut t.build, &m, x),
        false => maximum(&mut t.build, &m, x),
    };
    Ok(vec![rest.iter().try_fold(first.clone(), greatest)?])
}

/// The greater of two, broadcast: the maximum over a window of two rows.
pub(super) fn maximum(b: &mut Builder, x: &Value, y: &Value) -> Result<Value, Reason> {
    if let (Value::Known(x), Value::Known(y)) = (x, y) {
        return both(b, x, y, f64::max);
    }
    let to = shape::broadcast(&b.shape(x), &b.shape(y)).map_err(|e| e.to_string())?;
    let number = |v: &Value| match v {
        Value::Known(t) => t.number().or_else(|| {
            let all = t.numbers();
            all.first().copied().filter(|first| all.iter().all(|v| v == first))
        }),
        Value::Computed(..) => None,
    };
    // with one number it is a function
    for (x, c) in [(x, y), (y, x)] {
        if let Some(c) = number(c)
            && b.shape(x) == to
        {
            return match c {
                0.0 => b.map(x, "relu", &[]),
                // no number is less
                c if c <= f32::MIN.into() => Ok(x.clone()),
                c => b.map(x, "clip", &[c, f32::MAX.into()]),
            };
        }
    }
    let kind = b.kind(x);
    let size: usize = to.iter().product();
    let rows = [x, y].map(|v| {
        let wide = b.expand(v, &to)?;
        b.reshape(&wide, &[1, 1, 1, size])
    });
    let [x, y] = rows;
    let both = b.concat(&[x?, y?], 2)?;
    let attrs = PoolAttrs { kernel: [2, 1], strides: [1, 1], pads: [0; 4] };
    let greater = b.push(NnOp::MaxPool { x: both, attrs }, kind)?;
    b.reshape(&greater, &to)
}

/// The smaller of two: −max(−x, −y).
pub(super) fn minimum(b: &mut Builder, x: &Value, y: &Value) -> Result<Value, Reason> {
    let (x, y) = (b.map(x, "neg", &[])?, b.map(y, "neg", &[])?);
    let greater = maximum(b, &x, &y)?;
    b.map(&greater, "neg", &[])
}

/// x where it is positive, slope·x elsewhere: relu(x) − slope·relu(−x).
fn prelu(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, slope, b) = (n.input(0)?, n.input(1)?, &mut t.build);
    if let Value::Known(s) = slope
        && let Some(s) = s.number()
    {
        return Ok(vec![b.map(x, "leaky_relu", &[s])?]);
    }
    let positive = b.map(x, "relu", &[])?;
    let turned = b.map(x, "neg", &[])?;
    let negative = b.map(&turned, "relu", &[])?;
    let steep = b.mul(&negative, slope)?;
    Ok(vec![b.sub(&positive, &steep)?])
}

/// x^y for one known exponent, or for one known positive base.
fn power(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, y, b) = (n.input(0)?, n.input(1)?, &mut t.build);
    let kind = b.kind(x);
    let uniform = |v: &Value| match v {
        Value::Known(t) => t.numbers().first().copied().filter(|c| t.numbers().iter().all(|v| v == c)),
        Value::Computed(..) => None,
    };
    let result = match (x, y) {
        (Value::Known(x), Value::Known(y)) => both(b, x, y, f64::powf)?,
        (x, y) if uniform(y).is_some() => {
            let exponent = uniform(y).unwrap_or(1.0);
            let to = shape::broadcast(&b.shape(x), &b.shape(y)).map_err(|e| e.to_string())?;
            let x = b.expand(x, &to)?;
            to_the(b, &x, exponent)?
        }
        (x, Value::Known(exponents)) => {
            // a few exponents: each power where it is asked for
            let all = exponents.numbers();
            let mut different = all.clone();
            different.sort_by(f64::total_cmp);
            different.dedup();
            if different.len() > 16 {
                return Err("powers with more than 16 different exponents are not supported".into());
            }
            let shape = exponents.shape().to_vec();
            let mut terms = vec![];
            for exponent in different {
                let mask = all.iter().map(|&v| f64::from(u8::from(v == exponent))).collect();
                let mask = b.known(Kind::F32, &shape, mask)?;
                let power = to_the(b, x, exponent)?;
                terms.push(b.mul(&power, &mask)?);
            }
            b.sum(&terms)?
        }
        (base, y) => {
            let base = uniform(base).filter(|&base| base > 0.0);
            let base =
                base.ok_or("powers with a computed exponent are supported for one positive base only")?;
            let y = b.retyped(y, Kind::F32)?;
            let exponent = b.scale(&y, base.ln())?;
            b.map(&exponent, "exp", &[])?
        }
    };
    Ok(vec![b.retyped(&result, kind)?])
}

/// x to the power of a number.
pub(super) fn to_the(b: &mut Builder, x: &Value, exponent: f64) -> Result<Value, Reason> {
    match exponent {
        1.0 => Ok(x.clone()),
        2.0 => b.mul(x, x),
        0.5 => b.map(x, "sqrt", &[]),
        -1.0 => b.map(x, "reciprocal", &[]),
        _ => b.map(x, "power", &[exponent]),
    }
}
