//! Signals: Fourier transforms, which are constant linear maps, and windows, which are constants.

use super::operators;
use crate::build::{Builder, Reason, Value};
use crate::node::{self, Node};
use crate::tensor::Kind;
use crate::translate::Translator;
use std::f64::consts::PI;

operators! { "";
    "BlackmanWindow" => |t, n| window(t, n, [0.42, 0.5, 0.08]),
    "DFT" => dft,
    "HammingWindow" => |t, n| window(t, n, [25.0 / 46.0, 21.0 / 46.0, 0.0]),
    "HannWindow" => |t, n| window(t, n, [0.5, 0.5, 0.0]),
}

/// a₀ − a₁·cos(2πk/n) + a₂·cos(4πk/n).
fn window(t: &mut Translator, n: &Node, [a, b, c]: [f64; 3]) -> Result<Vec<Value>, Reason> {
    let size =
        n.known(0, "the size of a window")?.and_then(|s| s.number()).ok_or("the size is one number")?;
    let kind = n
        .int("output_datatype")
        .map_or(Some(Kind::F32), Kind::of)
        .ok_or("the element type is not supported")?;
    let count = size.max(0.0) as usize;
    t.build.grow(&[count])?;
    let period = if n.int("periodic").unwrap_or(1) != 0 { size } else { size - 1.0 };
    let angle = |k: usize| 2.0 * PI * k as f64 / period;
    let data = (0..count).map(|k| a - b * angle(k).cos() + c * (2.0 * angle(k)).cos()).collect();
    Ok(vec![t.build.known(kind, &[count], data)?])
}

/// Σ x_k·exp(∓2πi·jk/n) along an axis; the last axis holds the real and the imaginary part.
fn dft(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let shape = b.shape(x);
    let last = shape.len().checked_sub(1).ok_or("expected an axis of real and imaginary parts")?;
    let axis = match n.known(2, "the axis")? {
        Some(axis) => axis.integers().first().copied().unwrap_or(-2),
        None => n.int("axis").unwrap_or(if n.opset < 20 { 1 } else { -2 }),
    };
    let axis = node::axis(axis, shape.len())?;
    let given = n.known(1, "the length of a transform")?.and_then(|l| l.number());
    let length = given.map_or(shape[axis], |l| l as usize);
    let (inverse, half) = (n.flag("inverse"), n.flag("onesided"));
    if axis == last || length == 0 || !(1..=2).contains(&shape[last]) || (half && inverse) {
        return Err("this form of a transform is not supported".into());
    }
    let outputs = if half { length / 2 + 1 } else { length };
    let (sign, factor) = if inverse { (1.0, 1.0 / length as f64) } else { (-1.0, 1.0) };
    let rows = |f: fn(f64) -> f64, by: f64| -> Vec<Vec<(usize, f64)>> {
        let entry =
            |j: usize, k: usize| by * factor * f(2.0 * PI * ((j * k) % length) as f64 / length as f64);
        (0..outputs).map(|j| (0..length.min(shape[axis])).map(|k| (k, entry(j, k))).collect()).collect()
    };
    let (cos, sin) = (rows(f64::cos, 1.0), rows(f64::sin, sign));
    let real = b.slice(x, last, 0, 1, 1)?;
    let part = |b: &mut Builder, v: &Value, rows: &[Vec<(usize, f64)>]| b.along(v, axis, rows);
    let (mut re, mut im) = (part(b, &real, &cos)?, part(b, &real, &sin)?);
    if shape[last] == 2 {
        let imaginary = b.slice(x, last, 1, 1, 1)?;
        let (a, c) = (part(b, &imaginary, &sin)?, part(b, &imaginary, &cos)?);
        (re, im) = (b.sub(&re, &a)?, b.add(&im, &c)?);
    }
    Ok(vec![b.concat(&[re, im], last)?])
}
