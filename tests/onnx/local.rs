//! Every requantization of a quantized network, one by one, against the real arithmetic that it stands for.
//!
//! A whole network's error grows from layer to layer, so a bound on it must be loose. Here each layer starts from the
//! integers it was really given: what it gives may be half a step off, plus what rounding a multiplier costs, no more.

use melior::ir::{Value, ValueLike};
use ndarray::ArrayD;
use std::collections::HashMap;
use tessera_mlir::func::{self, Func};
use tessera_mlir::params::{Param, Params};
use tessera_mlir::rewrite::defining_op;
use tessera_mlir::types::{self, Elem};
use tessera_qnn::interp::Plan;
use tessera_qnn::ops::{QnnOp, RequantizeAttrs};

/// Room for scales recorded with seven digits, and for f64.
const DIGITS: f64 = 3e-6;

fn scale(value: Value) -> f64 {
    match types::of(value).unwrap().elem {
        Elem::Quant(q) => q.scale().expect("activations have one scale"),
        other => panic!("expected a quantized value, found {other:?}"),
    }
}

/// The real number that one unit of a sum stands for, per channel, and whether the multiplier is exact by construction.
fn unit(sums: Value) -> (Vec<f64>, bool) {
    let op = defining_op(sums).expect("sums come from an op");
    match QnnOp::decode(op).unwrap().expect("a qnn op") {
        QnnOp::Conv { x, w, .. } | QnnOp::Linear { x, w, .. } => {
            let Elem::Quant(weights) = types::of(w).unwrap().elem else { panic!("weights are quantized") };
            (weights.scales.iter().map(|s| s * scale(x)).collect(), true)
        }
        QnnOp::MatMul { a, b } | QnnOp::Mul { a, b } => (vec![scale(a) * scale(b)], false),
        QnnOp::SumPool { x, attrs } => (vec![scale(x) / (attrs.kernel[0] * attrs.kernel[1]) as f64], false),
        other => panic!("{other:?} gives no sums with a unit"),
    }
}

struct Trace<'c, 'a> {
    function: Func<'c, 'a>,
    values: HashMap<usize, ArrayD<i64>>,
}

impl<'c, 'a> Trace<'c, 'a> {
    fn key(value: Value) -> usize {
        value.to_raw().ptr as usize
    }

    /// All integers of one inference.
    fn of(function: Func<'c, 'a>, plan: &Plan, params: &Params, inputs: &[ArrayD<i64>]) -> Self {
        let ops = function.ops();
        let mut values = HashMap::new();
        for (value, input) in function.arguments().into_iter().zip(inputs) {
            values.insert(Self::key(value), input.clone());
        }
        for op in &ops {
            if let Some(name) = func::loaded_global(*op) {
                let param = params.get(&name).unwrap();
                let data = param.data.to_i64s().unwrap();
                let array = ArrayD::from_shape_vec(param.shape.clone(), data).unwrap();
                values.insert(
                    Self::key(melior::ir::operation::OperationLike::result(op, 0).unwrap().into()),
                    array,
                );
            }
        }
        plan.run_observed(inputs, |step, value| {
            let result = melior::ir::operation::OperationLike::result(&ops[step.index], 0).unwrap();
            values.insert(Self::key(result.into()), value.clone());
        })
        .unwrap();
        Trace { function, values }
    }

    fn integers(&self, value: Value) -> &ArrayD<i64> {
        &self.values[&Self::key(value)]
    }

    /// The real sum that is rounded, and how far rounding multipliers may move it.
    fn reals(&self, xs: &[Value], attrs: &RequantizeAttrs, result: Value) -> (ArrayD<f64>, ArrayD<f64>) {
        let shape = self.integers(result).shape().to_vec();
        // what one unit of the sum before the shift stands for
        let grain = scale(result) / 2f64.powi(attrs.shift as i32);
        let inner: usize = shape[(attrs.axis + 1).min(shape.len())..].iter().product();
        let channel = |list: usize, i: usize| if list == 1 { 0 } else { i / inner.max(1) % list };
        let (mut exact, mut off) = (ArrayD::<f64>::zeros(shape.clone()), ArrayD::<f64>::zeros(shape.clone()));
        for (&x, multipliers) in xs.iter().zip(&attrs.multipliers) {
            let (units, is_exact) = match types::of(x).unwrap().elem {
                // numbers of a parameter that multiply a value are nowhere but in its multipliers
                Elem::Quant(_) => {
                    let found: Vec<f64> = multipliers.iter().map(|&m| m.abs() as f64 * grain).collect();
                    match found[..] {
                        [one] if (one - scale(x)).abs() <= grain => (vec![scale(x)], false),
                        _ => (found, true),
                    }
                }
                _ => unit(x),
            };
            // the wide copy of a layer that is also read inside has a rounded multiplier
            let rounded = !is_exact || attrs.max == 32767;
            let integers = self.integers(x).broadcast(shape.clone()).expect("terms broadcast");
            for (i, ((e, o), &v)) in exact.iter_mut().zip(off.iter_mut()).zip(integers).enumerate() {
                let sign = multipliers[channel(multipliers.len(), i)].signum() as f64;
                *e += sign * v as f64 * units[channel(units.len(), i)];
                *o += if rounded { 0.5 * (v as f64).abs() * grain } else { 0.0 };
            }
        }
        if !attrs.bias.is_empty() {
            exact.iter_mut().enumerate().for_each(|(i, e)| {
                *e += attrs.bias[channel(attrs.bias.len(), i)] as f64 * grain;
            });
        }
        (exact, off)
    }

    fn check(&self) {
        for op in self.function.ops() {
            let Some(QnnOp::Requantize { xs, attrs, to }) = QnnOp::decode(op).unwrap() else { continue };
            let step = to.scale().expect("activations have one scale");
            let result: Value = melior::ir::operation::OperationLike::result(&op, 0).unwrap().into();
            let (exact, off) = self.reals(&xs, &attrs, result);
            for ((found, exact), off) in self.integers(result).iter().zip(&exact).zip(&off) {
                let expected = exact.clamp(attrs.min as f64 * step, attrs.max as f64 * step);
                let allowed = 0.5 * step + off + DIGITS * (exact.abs() + step);
                let error = (*found as f64 * step - expected).abs();
                assert!(error <= allowed, "{op}: {found} steps of {step} for {exact}: {error} > {allowed}");
            }
        }
    }
}

/// Checks every requantization on one input.
pub fn check(function: Func, plan: &Plan, params: &Params, inputs: &[ArrayD<i64>]) {
    Trace::of(function, plan, params, inputs).check();
}

/// Checks that every quantized weight and bias is the nearest point of its grid to the float one.
pub fn check_weights(function: Func, float: &Params, quantized: &Params) {
    for op in function.ops() {
        let (QnnOp::Conv { x, w, bias, .. } | QnnOp::Linear { x, w, bias }) =
            (match QnnOp::decode(op).unwrap() {
                Some(view @ (QnnOp::Conv { .. } | QnnOp::Linear { .. })) => view,
                _ => continue,
            })
        else {
            continue;
        };
        let Elem::Quant(grid) = types::of(w).unwrap().elem else { panic!("weights are quantized") };
        let name = func::global_name(w).expect("weights are parameters");
        let of = |params: &Params, name: &str| -> Param { params.get(name).unwrap().clone() };
        let (real, stored) = (of(float, &name), of(quantized, &name).data.to_i64s().unwrap());
        let real = real.data.f32s().unwrap().to_vec();
        let per_channel = real.len() / grid.scales.len();
        for (i, (r, s)) in real.iter().zip(&stored).enumerate() {
            let step = grid.scales[i / per_channel];
            let error = (f64::from(*r) - *s as f64 * step).abs();
            assert!(
                error <= 0.5 * step * (1.0 + DIGITS) + DIGITS * f64::from(r.abs()),
                "{name}[{i}]: {s} for {r}"
            );
        }
        let Some(bias) = bias else { continue };
        let name = func::global_name(bias).expect("a bias is a parameter");
        let stored = of(quantized, &name).data.to_i64s().unwrap();
        for (channel, (r, s)) in of(float, &name).data.f32s().unwrap().iter().zip(&stored).enumerate() {
            let step = grid.scales[channel] * scale(x);
            let error = (f64::from(*r) - *s as f64 * step).abs();
            assert!(error <= 0.5 * step + DIGITS * f64::from(r.abs()), "{name}[{channel}]: {s} for {r}");
        }
    }
}
