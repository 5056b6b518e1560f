//! Operators of ONNX Runtime (`com.microsoft`) that its quantizer writes in the format of operators: real numbers on grids, as those of
//! `quantized`. Source: "Contrib Operators" of ONNX Runtime's documentation.

use super::operators;
use super::products::multiply;
use super::reduce::{Reduction, reduce};
use crate::build::{Builder, Reason, Value};
use crate::grid::{quantize, real};
use crate::node::{self, Node};
use crate::tensor::{Kind, Tensor};
use crate::translate::Translator;
use std::rc::Rc;

operators! { "com.microsoft";
    "QGemm" => qgemm,
    "QLinearAdd" => |t, n| binary(t, n, Builder::add),
    "QLinearConcat" => concat,
    "QLinearGlobalAveragePool" => global_average,
    "QLinearLeakyRelu" => |t, n| { let alpha = n.float("alpha").unwrap_or(0.01); function(t, n, "leaky_relu", &[alpha]) },
    "QLinearMul" => |t, n| binary(t, n, Builder::mul),
    "QLinearSigmoid" => |t, n| function(t, n, "sigmoid", &[]),
}

const SCALES: &str = "scales and zero points";

/// A scale and a zero point, at these operands; a zero that is left out is 0 of that type.
fn one(n: &Node, scale: usize, zero: usize) -> Result<(f64, f64, Kind), Reason> {
    let number =
        |t: &Rc<Tensor>| t.number().ok_or_else(|| "expected one scale and one zero point".to_owned());
    let scale = n.known(scale, SCALES)?.ok_or("a scale is missing")?;
    let (zero, kind) = match n.known(zero, SCALES)? {
        Some(zero) => (number(zero)?, zero.kind),
        None => (0.0, Kind::U8),
    };
    Ok((number(scale)?, zero, kind))
}

/// The real numbers of an operand that is followed by its scale and its zero point.
fn operand(b: &mut Builder, n: &Node, at: usize) -> Result<Value, Reason> {
    let (scale, zero, _) = one(n, at + 1, at + 2)?;
    real(b, n.input(at)?, scale, zero)
}

/// Real numbers as integers with the scale and the zero point at these operands.
fn result(b: &mut Builder, n: &Node, y: &Value, scale: usize) -> Result<Vec<Value>, Reason> {
    let (step, zero, kind) = one(n, scale, scale + 1)?;
    Ok(vec![quantize(b, y, (&[step], &[zero]), 0, kind)?])
}

fn binary(
    t: &mut Translator,
    n: &Node,
    of: fn(&mut Builder, &Value, &Value) -> Result<Value, Reason>,
) -> Result<Vec<Value>, Reason> {
    let b = &mut t.build;
    let (x, y) = (operand(b, n, 0)?, operand(b, n, 3)?);
    let z = of(b, &x, &y)?;
    result(b, n, &z, 6)
}

fn function(t: &mut Translator, n: &Node, name: &str, parameters: &[f64]) -> Result<Vec<Value>, Reason> {
    let b = &mut t.build;
    let x = operand(b, n, 0)?;
    let y = b.map(&x, name, parameters)?;
    result(b, n, &y, 3)
}

fn global_average(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    if n.flag("channels_last") {
        return Err("channels_last is not supported".into());
    }
    let b = &mut t.build;
    let x = operand(b, n, 0)?;
    let axes: Vec<usize> = (2..b.shape(&x).len()).collect();
    let y = reduce(b, &x, &axes, Reduction::Mean)?;
    result(b, n, &y, 3)
}

fn concat(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let axis = n.int("axis").ok_or("the attribute \"axis\" is missing")?;
    let b = &mut t.build;
    if n.inputs() < 5 || n.inputs() % 3 != 2 {
        return Err(format!("expected tensors with scales and zero points, found {} operands", n.inputs()));
    }
    let parts = (2..n.inputs()).step_by(3).map(|at| operand(b, n, at)).collect::<Result<Vec<_>, Reason>>()?;
    let axis = node::axis(axis, b.shape(&parts[0]).len())?;
    let y = b.concat(&parts, axis)?;
    result(b, n, &y, 0)
}

/// alpha·x·y + c, where c counts in steps of alpha times both scales.
fn qgemm(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let alpha = n.float("alpha").unwrap_or(1.0);
    let (turn_x, turn_y) = (n.flag("transA"), n.flag("transB"));
    let b = &mut t.build;
    let (step, ..) = one(n, 1, 2)?;
    let x = operand(b, n, 0)?;
    let y = Value::Known(n.known(3, "the weights")?.ok_or("the weights are missing")?.clone());
    let steps = n.known(4, SCALES)?.ok_or("a scale is missing")?.numbers();
    let zeros = n.known(5, SCALES)?.map_or_else(|| vec![0.0], |zeros| zeros.numbers());
    let y = b.retyped(&y, Kind::F32)?;
    let y = if turn_y { b.transpose(&y, &[1, 0])? } else { y };
    let row = |b: &mut Builder, list: Vec<f64>| b.known(Kind::F32, &[1, list.len()], list);
    let (zeros, scales) = (row(b, zeros)?, row(b, steps.clone())?);
    let y = b.sub(&y, &zeros)?;
    let y = b.mul(&y, &scales)?;
    let x = if turn_x { b.transpose(&x, &[1, 0])? } else { x };
    let product = multiply(b, &x, &y)?;
    let mut z = b.scale(&product, alpha)?;
    if let Some(c) = n.known(6, "the bias")? {
        let columns = c.shape().last().copied().unwrap_or(1);
        let of = |at: usize| steps.get(at % columns.max(1)).or(steps.first()).copied().unwrap_or(0.0);
        let values = c.numbers().iter().enumerate().map(|(at, v)| v * alpha * step * of(at)).collect();
        let c = b.known(Kind::F32, c.shape(), values)?;
        z = b.add(&z, &c)?;
    }
    if n.optional(7).is_none() {
        return Ok(vec![z]);
    }
    result(b, n, &z, 7)
}
