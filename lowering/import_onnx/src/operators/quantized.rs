//! Models that were quantized before: integers with scales, as real numbers.
//!
//! What is quantized with one scale is the real number on the grid of that scale (`fake_quantize`), and the integer is a function of it that
//! is forgotten where it is dequantized with the same scale and zero: so a quantization and what dequantizes it are one op, whatever moves
//! or compares the integers between them.

use super::operators;
use super::products::multiply;
use super::windows;
use crate::build::{Builder, Reason, Value};
use crate::grid::{quantize, real, real_of};
use crate::node::{self, Node};
use crate::tensor::{Kind, Tensor};
use crate::translate::Translator;
use std::rc::Rc;

operators! { "";
    "ConvInteger" => conv_integer,
    "DequantizeLinear" => dequantize_linear,
    "MatMulInteger" => matmul_integer,
    "QLinearConv" => qlinear_conv,
    "QLinearMatMul" => qlinear_matmul,
    "QuantizeLinear" => quantize_linear,
}

const SCALES: &str = "scales and zero points";

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
