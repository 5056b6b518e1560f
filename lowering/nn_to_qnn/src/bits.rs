//! Chooses the bits of every value and of all weights by what they do to the outputs of calibration data, and by what they cost.
//!
//! Every tensor starts at its usual bits. What each of them adds to the noise of the outputs is measured: everything else wide, and it
//! alone as it starts. Noise falls with the square of the scale, so what a wider step of a tensor gains is known from that and from
//! the scales that each width leads to; the steps are taken in the order of gain by price, as many as the goal needs, and the outcome
//! is measured again.
//!
//! Invariant: what is chosen stands in the IR (`nn.bits`, `nn.weight_bits`), and nothing else decides what is compiled from it.

use crate::calibrate::{SAMPLES, unpack};
use crate::evaluate::{cosine, greatest, stored};
use crate::families;
use crate::model::{Model, Source};
use crate::quantize::{Settings, quantize};
use crate::scales::{Format, HEADROOM, ROOMY_BITS, Scales};
use crate::separate::separate;
use melior::ir::{Module, OperationRef, operation::OperationLike};
use ndarray::ArrayD;
use rayon::prelude::*;
use serde::Serialize;
use tessera_mlir::func::Func;
use tessera_mlir::params::{self, Params};
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::types::{self, Elem, TensorType};
use tessera_mlir::{Error, Result, attrs, context_of};
use tessera_nn::NnOp;
use tessera_qnn::interp::{Tensor as Stored, dequantize_array};

/// The module attribute that holds what was measured, as [`Outcome::read`] reads it.
const OUTCOME: &str = "tessera.bits";

/// What the bits have to reach on the calibration data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// Least cosine between the outputs of the float and the quantized network, up to 1.
    pub cosine: f64,
    /// Greatest share of inputs whose class differs, 0..=1. Accuracy cannot fall by more than that.
    pub loss: f64,
}

impl Default for Goal {
    fn default() -> Self {
        Goal { cosine: 0.999, loss: 1.0 }
    }
}

/// What was measured on calibration data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fidelity {
    /// Mean cosine between the outputs of both networks; for outputs of one number the cosine of all inputs' deviations from the mean.
    pub cosine: f64,
    /// Share of inputs on which both networks have the same class, 0..=1; 1 for outputs of one number.
    pub agreement: f64,
    /// Noise by signal of the outputs, as powers: the signal is what differs between inputs and elements.
    #[serde(skip)]
    noise: f64,
}

impl Fidelity {
    fn reaches(&self, goal: &Goal) -> bool {
        self.cosine >= goal.cosine && 1.0 - self.agreement <= goal.loss
    }
}

/// What came of a choice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// With the usual bits.
    pub before: Fidelity,
    /// With those chosen.
    pub after: Fidelity,
    /// Inputs that were looked at.
    pub samples: usize,
    /// How many activations have how many bits.
    pub activations: Vec<(u32, usize)>,
    /// How many layers have weights of how many bits.
    pub weights: Vec<(u32, usize)>,
}

impl Outcome {
    /// What a module carries of the choice that was made for it.
    pub fn read(module: OperationRef) -> Option<Outcome> {
        let numbers = attrs::to_f64s(module.attribute(OUTCOME).ok()?)?;
        let fidelity = |at: usize| {
            Some(Fidelity { cosine: *numbers.get(at)?, agreement: *numbers.get(at + 1)?, noise: 0.0 })
        };
        let pair = |pair: &[f64]| (pair[0] as u32, pair[1] as usize);
        let activations = *numbers.get(5)? as usize;
        let pairs: Vec<(u32, usize)> = numbers.get(6..)?.chunks_exact(2).map(pair).collect();
        let (activations, weights) = pairs.split_at_checked(activations)?;
        Some(Outcome {
            before: fidelity(0)?,
            after: fidelity(2)?,
            samples: *numbers.get(4)? as usize,
            activations: activations.to_vec(),
            weights: weights.to_vec(),
        })
    }

    fn write(&self, module: OperationRef) {
        let (before, after) = (&self.before, &self.after);
        let mut numbers = vec![before.cosine, before.agreement, after.cosine, after.agreement];
        numbers.extend([self.samples as f64, self.activations.len() as f64]);
        let pairs = self.activations.iter().chain(&self.weights);
        numbers.extend(pairs.flat_map(|&(bits, count)| [f64::from(bits), count as f64]));
        attrs::set(module, OUTCOME, attrs::f64s(context_of(module.location()), &numbers));
    }
}

/// What carries a number of bits.
#[derive(Clone, Copy, Debug)]
enum Place {
    Argument(usize),
    /// The result of an op, by its place in the function.
    Result(usize),
    /// The weights of an op.
    Weights(usize),
}

/// One way to store a tensor.
#[derive(Clone, Copy, Debug)]
struct Width {
    bits: u32,
    /// The step that reals are rounded to, in any unit.
    step: f64,
    /// Price, in cells of a trace.
    price: f64,
}

/// What has bits of its own: a group of values with one scale, or the weights of a layer.
#[derive(Clone, Debug)]
struct Tensor {
    places: Vec<Place>,
    /// From the usual one to the widest.
    widths: Vec<Width>,
}

/// Writes `nn.bits` and `nn.weight_bits` for a goal, into a calibrated module. Where it cannot be reached, bits are added as long as
/// that helps.
///
/// # Errors
/// As [`quantize`] with the usual bits; samples that do not fit.
pub fn choose_bits(
    module: OperationRef,
    weights: &Params,
    samples: &[Vec<ArrayD<f32>>],
    settings: &Settings,
    goal: &Goal,
) -> Result<Outcome> {
    separate(module, weights, settings)?;
    let (tensors, work) = tensors(module, weights, settings)?;
    let runs = (MOST_WORK / work.max(1.0)).max(2.0);
    // as many measurements as there are tensors, if at least one input can be looked at in each
    let blocks = tensors.len().min(runs as usize).max(1);
    let count = ((runs / (blocks + 8) as f64) as usize).clamp(1, MOST_SAMPLES).min(samples.len());
    let samples: Vec<_> = (0..count).map(|k| samples[k * samples.len() / count].clone()).collect();
    let float = tessera_nn::interp::Plan::new(&Func::main(module)?, weights)?;
    let expected = float.run_many(&samples)?;
    let probe =
        Probe { module, weights, settings, samples: &samples, expected: &expected, tensors: &tensors };
    let usual = vec![0; tensors.len()];
    let before = probe.measure(&usual)?;
    let chosen = match before.reaches(goal) {
        true => usual,
        false => probe.search(goal, blocks)?,
    };
    let after = probe.measure(&chosen)?;
    write(module, &tensors, &chosen)?;
    let count = |of: fn(&Place) -> bool| {
        let mut counts = std::collections::BTreeMap::new();
        for (tensor, &level) in tensors.iter().zip(&chosen).filter(|(tensor, _)| tensor.places.iter().all(of))
        {
            *counts.entry(tensor.widths[level].bits).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    };
    let outcome = Outcome {
        before,
        after,
        samples: samples.len(),
        activations: count(|place| !matches!(place, Place::Weights(_))),
        weights: count(|place| matches!(place, Place::Weights(_))),
    };
    outcome.write(module);
    Ok(outcome)
}

/// Products that all measurements together may take: some minutes.
const MOST_WORK: f64 = 3e11;
const MOST_SAMPLES: usize = 64;

/// The tensors whose bits can be chosen, and the products that one inference takes.
fn tensors(module: OperationRef, weights: &Params, settings: &Settings) -> Result<(Vec<Tensor>, f64)> {
    let function = Func::main(module)?;
    let places = function.ops();
    let model = Model::read(function, weights, settings, |op| families::of(op).role(), families::check)?;
    let usual = Scales::choose(&model)?;
    let place = |op: usize| places.iter().position(|&p| p == model.ops[op].op).unwrap_or(usize::MAX);
    let mut tensors = vec![];
    for group in usual.members(&model) {
        let (first, usually) = (group[0], usual.group(group[0]));
        let start = match usually.format {
            Format::Narrow => 8,
            Format::Fine => 12,
            Format::Even => 13,
            Format::Wide => 16,
            Format::Chosen(bits) => bits,
            Format::Open
            | Format::Normed
            | Format::Scores
            | Format::Shares
            | Format::Compared
            | Format::Features
            | Format::Grid
            | Format::Signs => {
                continue;
            }
        };
        let input = group.iter().any(|&v| matches!(model.values[v].source, Source::Argument(_)));
        let ranges = group.iter().filter_map(|&v| model.range(v));
        let reach = ranges.map(|(lo, hi)| lo.abs().max(hi.abs())).fold(0.0, f64::max);
        let elements = |v: &usize| model.values[*v].shape.iter().product::<usize>();
        let rounded: usize = group.iter().filter(|&&v| model.accumulator(v).is_some()).map(elements).sum();
        // what sums that fit two limbs are rounded to at least
        let room = if rounded > 0 && !usually.is_exact(&model) { usual.room(&model, &group) } else { 0.0 };
        let width = |bits: u32| {
            let steps = f64::from(1 << (bits - 1)) - 1.0;
            let exact = bits > ROOMY_BITS || usually.is_exact(&model);
            let headroom = if bits > 8 { HEADROOM } else { 1.0 };
            let step = (headroom * reach / steps).max(if exact { 0.0 } else { room });
            let limbs = if exact && room > reach / steps { MORE_LIMBS * rounded as f64 } else { 0.0 };
            // the table of a clamp has a row for every high limb
            let rows = if rounded > 0 { (room / step).min(1.0) * 65536.0 } else { 0.0 };
            let held = elements(&first) as f64 * f64::from(bits) * HELD;
            Width { bits, step, price: limbs + rows / SHARING + held }
        };
        let more: &[u32] = if input { &[8, 10, 12, 14, 16] } else { &[8, 10, 12, 16] };
        let widths: Vec<Width> = match usually.format {
            // the widest of two limbs, or as many bits as sums take
            Format::Wide => {
                vec![Width { step: room, ..width(16) }, Width { step: reach / 65536.0, ..width(16) }]
            }
            _ => {
                let wider = more.iter().copied().filter(|&bits| bits > start);
                std::iter::once(start).chain(wider).map(width).collect()
            }
        };
        let place = |&v: &usize| match model.values[v].source {
            Source::Argument(i) => Some(Place::Argument(i)),
            Source::Op(op) => Some(Place::Result(place(op))),
            Source::Parameter(_) => None,
        };
        let places: Vec<Place> = group.iter().filter_map(place).collect();
        if widths.len() > 1 && !places.is_empty() && reach > 0.0 {
            tensors.push(Tensor { places, widths });
        }
    }
    for (op, info) in model.ops.iter().enumerate() {
        if !matches!(info.decoded, NnOp::Conv { .. } | NnOp::Linear { .. }) {
            continue;
        }
        let size = model.values[info.operands[1]].shape.iter().product::<usize>() as f64;
        let start = model.weight_bits(op);
        let width =
            |bits: u32| Width { bits, step: 2f64.powi(-(bits as i32)), price: size * f64::from(bits) * HELD };
        if start < 12 {
            let widths = [start, 12].map(width).to_vec();
            tensors.push(Tensor { places: vec![Place::Weights(place(op))], widths });
        }
    }
    Ok((tensors, model.work()))
}

/// Cells of what each further limb takes: its value, its lookup and the clamp's.
const MORE_LIMBS: f64 = 4.0;
/// Layers that share the table of a clamp.
const SHARING: f64 = 4.0;
/// What a stored bit costs: little, but not nothing.
const HELD: f64 = 0.001;

/// Says in the IR which width each tensor has; the usual ones are not said.
fn write(module: OperationRef, tensors: &[Tensor], chosen: &[usize]) -> Result<()> {
    let function = Func::main(module)?;
    let ops = function.ops();
    for (tensor, &level) in tensors.iter().zip(chosen).filter(|&(_, &level)| level > 0) {
        let bits = attrs::int(function.context(), tensor.widths[level].bits.into());
        for place in &tensor.places {
            match *place {
                Place::Argument(i) => function.set_argument(i, attrs::BITS, bits),
                Place::Result(op) => attrs::set(ops[op], attrs::BITS, bits),
                Place::Weights(op) => attrs::set(ops[op], attrs::WEIGHT_BITS, bits),
            }
        }
    }
    Ok(())
}

struct Probe<'a, 'c, 'm> {
    module: OperationRef<'c, 'm>,
    weights: &'a Params,
    settings: &'a Settings,
    samples: &'a [Vec<ArrayD<f32>>],
    expected: &'a [Vec<ArrayD<f32>>],
    tensors: &'a [Tensor],
}

impl Probe<'_, '_, '_> {
    /// What the network gives with these widths.
    fn measure(&self, chosen: &[usize]) -> Result<Fidelity> {
        const NAME: &str = "choose-bits.q.safetensors";
        let copy = Module::from_operation((*self.module).clone())
            .ok_or_else(|| Error::new("expected a module, found another op"))?;
        write(copy.as_operation(), self.tensors, chosen)?;
        let found = quantize(copy.as_operation(), self.weights, NAME, self.settings).and_then(|stored| {
            let plan = tessera_qnn::interp::Plan::new(&Func::main(copy.as_operation())?, &stored)?;
            let returns = Func::main(copy.as_operation())?.returns()?;
            let types = returns.into_iter().map(types::of).collect::<Result<Vec<_>>>()?;
            self.samples.par_iter().map(|sample| outputs(&plan, &types, sample)).collect::<Result<Vec<_>>>()
        });
        params::forget(NAME);
        Ok(compare(self.expected, &found?))
    }

    /// The widths that reach a goal at the least price; those up to which bits help where nothing reaches it.
    fn search(&self, goal: &Goal, blocks: usize) -> Result<Vec<usize>> {
        // sums of wide products may not fit their accumulators: then all are as wide as that allows
        let most = [16, ROOMY_BITS, 10].into_iter().find_map(|bits| {
            let level = |t: &Tensor| t.widths.iter().rposition(|w| w.bits <= bits).unwrap_or(0);
            let widest: Vec<usize> = self.tensors.iter().map(level).collect();
            self.measure(&widest).ok().map(|fidelity| (widest, fidelity))
        });
        let Some((widest, best)) = most else { return Ok(vec![0; self.tensors.len()]) };
        let mut moves = vec![];
        let size = self.tensors.len().div_ceil(blocks);
        for block in (0..self.tensors.len()).collect::<Vec<_>>().chunks(size) {
            let mut narrow = widest.clone();
            block.iter().for_each(|&t| narrow[t] = 0);
            let noise = self.measure(&narrow).map_or(f64::INFINITY, |found| found.noise - best.noise);
            let noise = noise.max(1e-12 * best.noise.max(1e-12)) / block.len() as f64;
            for &t in block {
                let widths = &self.tensors[t].widths;
                let left = |w: &Width| noise * (w.step / widths[0].step).powi(2);
                for level in 1..=widest[t] {
                    let (from, to) = (&widths[level - 1], &widths[level]);
                    let gain = left(from) - left(to);
                    moves.push((gain / (to.price - from.price).max(1.0), t, level));
                }
            }
        }
        // a wider step of a tensor never comes before a narrower one
        let mut earliest = vec![f64::INFINITY; self.tensors.len()];
        for (gain, t, _) in &mut moves {
            *gain = gain.min(earliest[*t]);
            earliest[*t] = *gain;
        }
        moves.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.2, a.1).cmp(&(b.2, b.1))));
        let after = |taken: usize| {
            let mut chosen = vec![0; self.tensors.len()];
            moves[..taken].iter().for_each(|&(_, t, level)| chosen[t] = level);
            chosen
        };
        let enough = |found: &Fidelity| match best.reaches(goal) {
            true => found.reaches(goal),
            false => found.noise <= best.noise * HELPS && found.agreement >= best.agreement,
        };
        let (mut few, mut many) = (0, moves.len());
        while many - few > 1 {
            let middle = few.midpoint(many);
            match self.measure(&after(middle)).is_ok_and(|found| enough(&found)) {
                true => many = middle,
                false => few = middle,
            }
        }
        Ok(after(many))
    }
}

/// Noise beside that of the widest network which further bits do not help with.
const HELPS: f64 = 1.1;

/// The outputs of the quantized network as reals.
fn outputs(
    plan: &tessera_qnn::interp::Plan,
    types: &[TensorType],
    sample: &[ArrayD<f32>],
) -> Result<Vec<ArrayD<f32>>> {
    let inputs = sample.iter().zip(plan.inputs()).map(|(x, input)| stored(x, &input.ty.elem));
    let found = plan.run_tensors(&inputs.collect::<Result<Vec<_>>>()?, |_, _| {})?;
    Ok(found
        .into_iter()
        .zip(types)
        .map(|(found, ty)| match (found, &ty.elem) {
            (Stored::Int(stored), Elem::Quant(quant)) => dequantize_array(&stored, quant),
            (Stored::Int(stored), _) => stored.mapv(|v| v as f32),
            (Stored::Real(real), _) => real,
        })
        .collect())
}

/// What outputs of a quantized network are worth, beside the float one's: the least of all outputs.
fn compare(expected: &[Vec<ArrayD<f32>>], found: &[Vec<ArrayD<f32>>]) -> Fidelity {
    let ports = expected.first().map_or(0, Vec::len);
    let one = |port: usize| {
        let list = |all: &[Vec<ArrayD<f32>>]| -> Vec<Vec<f64>> {
            all.iter().map(|outputs| outputs[port].iter().map(|&v| v.into()).collect()).collect()
        };
        fidelity(&list(expected), &list(found))
    };
    (0..ports).map(one).fold(Fidelity { cosine: 1.0, agreement: 1.0, noise: 0.0 }, |a, b| Fidelity {
        cosine: a.cosine.min(b.cosine),
        agreement: a.agreement.min(b.agreement),
        noise: a.noise.max(b.noise),
    })
}

fn fidelity(expected: &[Vec<f64>], found: &[Vec<f64>]) -> Fidelity {
    let count = expected.len() as f64;
    let elements = expected.first().map_or(0, Vec::len);
    let mean: Vec<f64> = (0..elements).map(|i| expected.iter().map(|x| x[i]).sum::<f64>() / count).collect();
    // what one input says of an element beside the mean of all: nothing where there is one input
    let centre = |x: &[f64]| -> Vec<f64> {
        let of = |(v, m): (&f64, &f64)| if expected.len() > 1 { v - m } else { *v };
        x.iter().zip(&mean).map(of).collect()
    };
    let power = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>();
    let signal: f64 = expected.iter().map(|x| power(&centre(x))).sum();
    let apart = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let noise: f64 = expected.iter().zip(found).map(apart).sum();
    let noise = if noise == 0.0 { 0.0 } else { noise / signal };
    if elements <= 1 {
        let all = |x: &[Vec<f64>]| x.iter().flat_map(|x| centre(x)).collect::<Vec<_>>();
        return Fidelity { cosine: cosine(&all(expected), &all(found)), agreement: 1.0, noise };
    }
    let both = || expected.iter().zip(found);
    let same = both().filter(|(a, b)| greatest(a) == greatest(b)).count();
    Fidelity {
        cosine: both().map(|(a, b)| cosine(a, b)).sum::<f64>() / count,
        agreement: same as f64 / count,
        noise,
    }
}

/// `nn-choose-bits`
pub struct NnChooseBits;

impl Pass for NnChooseBits {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "nn-choose-bits",
            summary: "Choose the bits of every value and of all weights by what they do to the outputs, and by what they cost",
            expects: "a calibrated function @main of nn ops, and its samples, which nn-calibrate{keep-samples=true} leaves",
            guarantees: "inputs and ops carry the bits that they are to be quantized with (nn.bits, nn.weight_bits) where these are more \
                         than the usual ones: as few as the goal needs on the samples, or as many as help; the module carries what was \
                         measured (tessera.bits: cosine and agreement before and after, the number of inputs looked at, and how many \
                         tensors have how many bits), and the samples are not named any more; a module without samples is left as it is",
            rejects: "what convert-nn-to-qnn rejects; samples that do not fit the inputs",
            options: const {
                &[
                    OptionSpec::float(
                        "target-cosine",
                        "least mean cosine between the outputs of both networks",
                        0.999,
                        0.0,
                        1.0,
                    ),
                    OptionSpec::float(
                        "max-accuracy-loss",
                        "greatest share of samples that get another class, in per cent",
                        100.0,
                        0.0,
                        100.0,
                    ),
                ]
            },
            example: r#"func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<1x4xf32> {nn.name = "y"}) {
  %r = nn.relu %x {nn.range = array<f64: 0.0, 1.0>, nn.bits = 10} : tensor<1x4xf32>
  return %r : tensor<1x4xf32>
}"#,
        }
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let Ok(name) = attrs::read_string(module, SAMPLES) else { return Ok(()) };
        let samples =
            unpack(&Func::main(module)?, &*params::get(&name)?).map_err(|error| error.context(&name))?;
        let goal =
            Goal { cosine: options.float("target-cosine"), loss: options.float("max-accuracy-loss") / 100.0 };
        choose_bits(module, &*params::of(module)?, &samples, &Settings::default(), &goal)?;
        attrs::remove(module, SAMPLES);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fidelity_is_of_directions_classes_and_what_differs_between_inputs() {
        let exact = fidelity(&[vec![1.0, 2.0], vec![3.0, 1.0]], &[vec![1.0, 2.0], vec![3.0, 1.0]]);
        assert!((exact.cosine - 1.0).abs() < 1e-12 && exact.agreement == 1.0 && exact.noise == 0.0);
        let off = fidelity(&[vec![1.0, 2.0], vec![3.0, 1.0]], &[vec![2.0, 1.0], vec![3.0, 1.0]]);
        assert!((off.cosine - 0.9).abs() < 1e-12 && off.agreement == 0.5, "{off:?}");
        // one number: a constant beside a large mean is no likeness
        let flat =
            fidelity(&[vec![100.0], vec![101.0], vec![102.0]], &[vec![101.0], vec![101.0], vec![101.0]]);
        assert!(flat.cosine.abs() < 0.5 && flat.noise == 1.0, "{flat:?}");
    }
}
