//! Convolutions and fully connected layers: weights of 8 bits (12 in a precise model) with a scale per output channel, bias in the accumulator.
//!
//! The integer multiplier of a channel is chosen *before* its weights are rounded, and the scale of the weights follows
//! from it: `s_w = multiplier·s_y / (2^shift·s_x)`, just large enough that the largest weight is at most 127 or 2047. So the
//! multiplier is exact, however small it is; rounding it costs a slightly coarser grid of weights and nothing else.

use super::{Accumulate, Converted, Family};
use crate::emit::{Emitter, Sums, Term, recorded, stored_as, to_multiplier};
use crate::features::{self, Normalized};
use crate::grid;
use crate::model::{Model, Role};
use crate::scales::{Format, Scales, printable};
use melior::ir::operation::OperationLike;
use std::borrow::Cow;
use tessera_mlir::params::ParamData;
use tessera_mlir::types::{Quant, TensorType};
use tessera_mlir::{Error, Result, loc};
use tessera_nn::NnOp;
use tessera_qnn::ops;

pub(super) struct Weighted;

impl Family for Weighted {
    fn role(&self) -> Role {
        Role::Sums
    }

    fn sums(&self) -> Option<&dyn Accumulate> {
        Some(self)
    }

    fn check(&self, model: &Model, op: usize) -> Result<()> {
        let layer = Layer::of(model, op)?;
        let finite = layer.weights.iter().all(|v| v.is_finite());
        if finite && layer.bias.is_none_or(|b| b.iter().all(|v| v.is_finite())) {
            Ok(())
        } else {
            Err(Error::new("the weights have elements that are not finite numbers"))
        }
    }

    fn bound(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        let Ok(layer) = Layer::of(model, op) else { return 0.0 };
        let (s_x, stored) = layer.operand(model, scales, op);
        let (lo, hi) = (stored.0 as f64 * s_x, stored.1 as f64 * s_x);
        let reach = lo.abs().max(hi.abs());
        let out = scales.target(model, op);
        // What one step of a multiplier is in units of the weights, at most: the shift makes the typical multiplier a good one, or
        // is the roomy one at least.
        let limit = weight_max(model, op);
        let grid = f64::max(typical(&layer) / limit / good(limit), out / s_x / 65536.0);
        let channel = |(c, w): (usize, &[f32])| {
            let (up, down) = w.iter().fold((0.0, 0.0), |(u, d): (f64, f64), &w| {
                (u + f64::from(w).max(0.0), d + f64::from(w).min(0.0))
            });
            let (least, most) = (up * lo + down * hi + layer.bias(c), up * hi + down * lo + layer.bias(c));
            // Each weight is off by half a step at most; rounding the multiplier up adds less than one step of it.
            let step = greatest(w) / limit + grid;
            least.abs().max(most.abs()) + 0.5 * step * reach * w.len() as f64
        };
        layer.channels().enumerate().map(channel).fold(0.0, f64::max)
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let model = e.model;
        let info = &model.ops[op];
        let layer = Layer::of(model, op)?;
        let x = info.operands[0];
        let s_y = e.scales.target(model, op);
        let (s_x, (lo, hi)) = layer.operand(model, e.scales, op);
        let test = features::test(model, model.rounded_by(op));
        // Value of one multiplier step in units of the weights.
        let grid = s_y / (s_x * 2f64.powi(e.scales.shift(model, op) as i32));
        let (mut multipliers, mut units, mut intervals) = (vec![], vec![], vec![]);
        let (mut stored, mut biases, mut weight_scales) = (Vec::<i64>::new(), Vec::<i32>::new(), vec![]);
        let own = (0..layer.channels().len()).any(|c| layer.own_step(model, e.scales, op, c).is_some());
        let limit = if own { weight_max(model, op).max(255.0) } else { weight_max(model, op) };
        for (channel, w) in layer.channels().enumerate() {
            let least = layer.least_step(channel, limit, (s_x, (lo, hi)));
            let multiplier = (least / grid).ceil().clamp(1.0, f64::from(i32::MAX));
            let (multiplier, s_w) = match (test, layer.own_step(model, e.scales, op, channel)) {
                // where a sign is all that is read, one feature is compared as it is
                (Some(test), _) => (1.0, test.magnitude),
                (None, Some(step)) => (to_multiplier(step / grid, 0) as f64, step),
                (None, None) => (multiplier, multiplier * grid),
            };
            let bias = (layer.bias(channel) / (s_x * s_w)).round_ties_even();
            if bias.abs() > f64::from(i32::MAX) {
                return Err(Error::new(format!(
                    "the bias of channel {channel} does not fit 32 bits ({bias})"
                )));
            }
            let (mut least, mut most) = (bias as i128, bias as i128);
            for &v in w {
                let q = (f64::from(v) / s_w).round_ties_even().clamp(-limit, limit) as i64;
                let (a, b) = (i128::from(q) * i128::from(lo), i128::from(q) * i128::from(hi));
                // A tap may also meet padding, which is zero.
                least += a.min(b).min(0);
                most += a.max(b).max(0);
                stored.push(q);
            }
            biases.push(bias as i32);
            weight_scales.push(recorded(s_w));
            multipliers.push(multiplier as i64);
            units.push(s_x * s_w);
            intervals.push((least, most));
        }
        let location = info.op.location();
        let context = model.function.context();
        let name = |value: usize, role: &str| match model.parameter(value) {
            Some((name, _)) => name.to_owned(),
            None => format!("{}.{role}", loc::describe(location)),
        };
        let weight_name = name(info.operands[1], "weight");
        let bits = if stored.iter().all(|&q| i8::try_from(q).is_ok()) && limit <= 255.0 { 8 } else { 16 };
        let limit = if bits == 8 { limit.min(127.0) } else { limit };
        let ty = TensorType::quant(
            model.values[info.operands[1]].shape.clone(),
            Quant { bits, min: -(limit as i64), max: limit as i64, scales: weight_scales, axis: Some(0) },
        );
        let stored = stored_as(bits, stored.into_iter());
        let w = e.parameter(&weight_name, ty, stored, loc::node(context, &weight_name))?;
        let bias = match info.operands.get(2) {
            Some(&b) => {
                let bias_name = name(b, "bias");
                let ty = TensorType::i32(vec![biases.len()]);
                Some(e.parameter(
                    &bias_name,
                    ty,
                    ParamData::I32(biases.into()),
                    loc::node(context, &bias_name),
                )?)
            }
            None => None,
        };
        let x = match &layer.features {
            Some(features) => e.normalized(x, features)?,
            None => e.get(x)?,
        };
        let (value, axis) = match &info.decoded {
            NnOp::Conv { attrs, .. } => (e.insert(ops::conv(location, x, w, bias, attrs))?, 1),
            _ => (
                e.insert(ops::linear(location, x, w, bias))?,
                model.values[info.result].shape.len().saturating_sub(1),
            ),
        };
        let term = Term { value, multiplier: multipliers, unit: units, interval: intervals };
        Ok(Converted::Sums(Sums { terms: vec![term], axis, bias: vec![] }))
    }
}

impl Accumulate for Weighted {
    /// Weights follow the multiplier, so a small one costs a somewhat coarser grid of them.
    fn multiplier(&self, model: &Model, scales: &Scales, op: usize, _wide: bool) -> f64 {
        let Ok(layer) = Layer::of(model, op) else { return 0.0 };
        let limit = weight_max(model, op);
        typical(&layer) / limit * layer.operand(model, scales, op).0 / good(limit)
    }

    fn greatest(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        let Ok(layer) = Layer::of(model, op) else { return 0.0 };
        let (limit, s_x) = (weight_max(model, op), layer.operand(model, scales, op).0);
        let step =
            |c: usize| layer.own_step(model, scales, op, c).unwrap_or(greatest(layer.channel(c)) / limit);
        (0..layer.channels().len()).map(step).fold(0.0, f64::max) * s_x
    }

    fn has_unit(&self) -> bool {
        true
    }

    fn unit(&self, model: &Model, scales: &Scales, op: usize) -> Option<f64> {
        let layer = Layer::of(model, op).ok()?;
        let (step, stored) = layer.operand(model, scales, op);
        let limit = weight_max(model, op);
        let least =
            (0..layer.channels().len()).map(|channel| layer.least_step(channel, limit, (step, stored)));
        Some(least.fold(0.0, f64::max) * step)
    }
}

/// The greatest stored weight.
fn weight_max(model: &Model, op: usize) -> f64 {
    f64::from((1 << (model.weight_bits(op) - 1)) - 1)
}

/// What sums of products and a bias reach at most, with room for rounding weights.
const ACCUMULATOR: f64 = 2_000_000_000.0;
/// From here on a multiplier coarsens the grid of weights up to `limit` by little: by six percent at most where they have 8 bits. A grid of
/// more bits is finer in any case, so that as few bits of the sums are shifted out.
fn good(limit: f64) -> f64 {
    (16.0 * 127.0 / limit).max(2.0)
}

/// The float weights of a layer, those of one output channel after those of another.
struct Layer<'m> {
    weights: Cow<'m, [f32]>,
    /// Weights of a channel.
    length: usize,
    bias: Option<&'m [f32]>,
    /// How features of the operand are brought to one reach; the weights are of them then.
    features: Option<Normalized>,
}

impl<'m> Layer<'m> {
    fn of(model: &'m Model, op: usize) -> Result<Self> {
        let info = &model.ops[op];
        let constant = || Error::new("the weights and the bias must be parameters");
        let weights = model.floats(info.operands[1]).ok_or_else(constant)?;
        let bias = match info.operands.get(2) {
            Some(&b) => Some(model.floats(b).ok_or_else(constant)?),
            None => None,
        };
        let channels = model.values[info.operands[1]].shape.first().copied().unwrap_or(0);
        if channels == 0 || weights.is_empty() || weights.len() % channels != 0 {
            return Err(Error::new("the weights have no elements"));
        }
        let (length, features) = (weights.len() / channels, Normalized::of(model, op));
        let weights = match &features {
            Some(features) => {
                let units = weights.chunks_exact(length).flat_map(|w| w.iter().zip(&features.units));
                Cow::Owned(units.map(|(w, unit)| w * *unit as f32).collect())
            }
            None => Cow::Borrowed(weights),
        };
        Ok(Layer { weights, length, bias, features })
    }

    /// The weights of each channel.
    fn channels(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.weights.chunks_exact(self.length)
    }

    fn channel(&self, channel: usize) -> &[f32] {
        &self.weights[channel * self.length..][..self.length]
    }

    /// Scale and interval of the stored integers that the weights meet.
    fn operand(&self, model: &Model, scales: &Scales, op: usize) -> (f64, (i64, i64)) {
        let x = model.ops[op].operands[0];
        match self.features {
            Some(_) => (printable(Normalized::STEP), (-Normalized::MOST, Normalized::MOST)),
            None => (scales.scale(x), scales.interval(x)),
        }
    }

    /// The least step of a channel's weights with which the largest of them is at most the greatest there is, and no sum leaves 32 bits.
    fn least_step(&self, channel: usize, limit: f64, (s_x, (lo, hi)): (f64, (i64, i64))) -> f64 {
        let w = self.channel(channel);
        let reach = hi.max(-lo) as f64;
        let sums =
            w.iter().map(|&w| f64::from(w).abs()).sum::<f64>() * reach + self.bias(channel).abs() / s_x;
        (greatest(w) / limit).max(sums / ACCUMULATOR)
    }

    /// The step of the grid that a channel's weights lie on, where they meet values of a grid, too, and sums of both fit their type.
    fn own_step(&self, model: &Model, scales: &Scales, op: usize, channel: usize) -> Option<f64> {
        let x = model.ops[op].operands[0];
        let on_grids = scales.group(x).format == Format::Grid
            && scales.group(model.outcome(model.rounded_by(op))).format == Format::Grid;
        // the bias counts in the same steps
        let (s_x, bias) = (self.operand(model, scales, op).0, self.bias(channel));
        let step = on_grids.then(|| grid::scale_of(self.channel(channel), bias / s_x)).flatten()?;
        let least = self.least_step(channel, 255.0, self.operand(model, scales, op));
        (step >= least * (1.0 - 1e-6)).then_some(step)
    }

    fn bias(&self, channel: usize) -> f64 {
        self.bias.and_then(|b| b.get(channel)).map_or(0.0, |&b| b.into())
    }
}

fn greatest(weights: &[f32]) -> f64 {
    weights.iter().fold(0.0, |m, &w| f64::max(m, f64::from(w).abs()))
}

/// The greatest weight of the typical channel.
fn typical(layer: &Layer) -> f64 {
    let mut all: Vec<f64> = layer.channels().map(greatest).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
