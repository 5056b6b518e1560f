//! How well a quantized network stands for the float one: on labelled data, and layer by layer.

use ndarray::ArrayD;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use tessera_mlir::types::{Elem, Quant, TensorType};
use tessera_mlir::{Error, Result};
use tessera_qnn::interp::{Tensor, dequantize_array, quantize_array};

/// The comparison of a float and a quantized network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Number of samples.
    pub samples: usize,
    /// What the first output is.
    pub task: Task,
    /// The float network.
    pub float: Quality,
    /// The quantized network.
    pub quantized: Quality,
    /// Share of samples on which both give the same class or label, of sequences share of all positions, 0..=1; of numbers, on which both give the same within a hundredth of what
    /// the float network's spread over.
    pub agreement: f64,
    /// Cosine of the angle between both outputs; of outputs of one number, that of all samples' deviations from their mean.
    pub cosine: Cosine,
    /// All outputs, in order.
    pub ports: Vec<Output>,
    /// The layer with the least signal-to-noise ratio.
    pub worst_layer: Option<Layer>,
    /// All layers, in order.
    pub layers: Vec<Layer>,
    /// The first output of every sample: the float network's, and the quantized network's.
    #[serde(skip)]
    pub outputs: [Vec<f32>; 2],
}

/// What the first output of a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Scores of classes, of which the greatest counts.
    Classes,
    /// Such scores at each position of a sequence: positions by classes.
    Sequence,
    /// The number of a class, or of one at each position.
    Labels,
    /// Numbers that are to be near others.
    Numbers,
}

/// What is right.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// The class, or the label, of every sample.
    Classes(Vec<i64>),
    /// The first output of every sample.
    Numbers(Vec<Vec<f64>>),
}

/// Quality of one network.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Share of samples whose class is right, 0..=1. Absent where none is said.
    pub accuracy: Option<f64>,
    /// Share of the numbers' variance that is explained (R²), up to 1. Absent where no numbers are said.
    pub r2: Option<f64>,
    /// Mean absolute error of the numbers.
    pub error: Option<f64>,
    /// Of scores of the next token at each position of the one input: e to the mean of −ln of the share that a softmax gives each token of the
    /// input, given those before it.
    pub perplexity: Option<f64>,
}

/// One output of both networks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Cosine between both, as of the whole.
    pub cosine: f64,
    /// Signal-to-noise ratio in decibels, of what differs between samples.
    pub snr_db: f64,
}

/// Similarity of outputs, over all samples; 1 is equal direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cosine {
    /// Mean over the samples.
    pub mean: f64,
    /// Least over the samples.
    pub worst: f64,
}

/// How far one layer's quantized values are from the float ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// Name of the ONNX node.
    pub node: String,
    /// The float op.
    pub op: String,
    /// Signal-to-noise ratio in decibels; capped at 200 where there is no noise.
    pub snr_db: f64,
    /// Cosine of the angle between all float and all quantized values.
    pub cosine: f64,
    /// How values are spread.
    pub histogram: Histogram,
    /// What the layer's values do to the first output: its signal-to-noise ratio where they stand in the float network, and all after them is
    /// exact. Of the layers with the least ratios, in a few samples.
    pub reaches_output_db: Option<f64>,
}

/// Counts of values in bins of equal width.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Histogram {
    /// Where the first bin begins.
    pub low: f64,
    /// Where the last one ends.
    pub high: f64,
    /// Of the float network.
    pub float: Vec<u64>,
    /// Of the quantized one.
    pub quantized: Vec<u64>,
    /// Share of the quantized values that are the least or the greatest that is stored, and not 0, 0..=1.
    pub clamped: f64,
}

/// Bins of a histogram.
const BINS: usize = 48;
/// Samples that say how far a histogram reaches.
const PROBES: usize = 8;
/// Layers whose way to the output is followed.
const FOLLOWED: usize = 12;
/// Samples in which it is.
const FOLLOWED_IN: usize = 4;
/// Samples that one thread looks at in a row.
const CHUNK: usize = 2;

#[derive(Clone, Default)]
struct Noise {
    signal: f64,
    noise: f64,
    /// Sums of products, and of squares of quantized values.
    product: f64,
    square: f64,
    float: Vec<u64>,
    quantized: Vec<u64>,
    values: u64,
    ends: u64,
}

impl Noise {
    fn add(&mut self, (a, b): (f32, f32), (low, high): (f64, f64), end: bool) {
        let (a, b) = (f64::from(a), f64::from(b));
        self.signal += a * a;
        self.noise += (a - b).powi(2);
        self.product += a * b;
        self.square += b * b;
        let bin = |x: f64| ((x - low) / (high - low) * BINS as f64).clamp(0.0, BINS as f64 - 1.0) as usize;
        self.float.resize(BINS, 0);
        self.quantized.resize(BINS, 0);
        self.float[bin(a)] += 1;
        self.quantized[bin(b)] += 1;
        self.values += 1;
        self.ends += u64::from(end);
    }

    fn merge(&mut self, other: Noise) {
        self.signal += other.signal;
        self.noise += other.noise;
        self.product += other.product;
        self.square += other.square;
        self.values += other.values;
        self.ends += other.ends;
        for (all, more) in [(&mut self.float, other.float), (&mut self.quantized, other.quantized)] {
            all.resize(BINS, 0);
            all.iter_mut().zip(more).for_each(|(all, more)| *all += more);
        }
    }

    fn cosine(&self) -> f64 {
        match (self.signal * self.square).sqrt() {
            0.0 => f64::from(u8::from(self.signal == self.square)),
            product => self.product / product,
        }
    }
}

/// Runs both networks on every sample (one array per input).
///
/// # Errors
/// When samples do not fit the inputs, what is right does not fit the samples or the first output, or the networks do not fit each other.
pub fn evaluate(
    float: &tessera_nn::interp::Plan,
    quantized: &tessera_qnn::interp::Plan,
    samples: &[Vec<ArrayD<f32>>],
    truth: Option<&Truth>,
) -> Result<Evaluation> {
    evaluate_watched(float, quantized, (samples, truth), &|| ())
}

/// As [`evaluate`], of samples and what is right of them; `compared` is called whenever one more sample went through both networks.
pub fn evaluate_watched(
    float: &tessera_nn::interp::Plan,
    quantized: &tessera_qnn::interp::Plan,
    (samples, truth): (&[Vec<ArrayD<f32>>], Option<&Truth>),
    compared: &(dyn Fn() + Sync),
) -> Result<Evaluation> {
    if samples.is_empty() {
        return Err(Error::new("evaluation needs at least one sample, found none"));
    }
    let told = truth.map(|truth| match truth {
        Truth::Classes(classes) => classes.len(),
        Truth::Numbers(numbers) => numbers.len(),
    });
    if let Some(told) = told.filter(|told| *told != samples.len()) {
        return Err(Error::new(format!("expected one label per sample, found {told} for {}", samples.len())));
    }
    if float.inputs().len() != quantized.inputs().len() {
        return Err(Error::new("the two networks have different numbers of inputs"));
    }
    let mut pairs = pair_layers(float, quantized);
    spread(float, &samples[..samples.len().min(PROBES)], &mut pairs)?;
    let chunks = samples
        .par_chunks(CHUNK)
        .enumerate()
        .map(|(chunk, samples)| -> Result<(Vec<Outcome>, Vec<Noise>)> {
            let mut noise = vec![Noise::default(); pairs.len()];
            let mut outcomes = Vec::new();
            for (i, sample) in samples.iter().enumerate() {
                let outcome = compare(float, quantized, sample, &pairs, &mut noise);
                outcomes.push(outcome.map_err(|e| e.context(format!("sample {}", chunk * CHUNK + i)))?);
                compared();
            }
            Ok((outcomes, noise))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut noise = vec![Noise::default(); pairs.len()];
    let mut outcomes = Vec::new();
    for (some, more) in chunks {
        outcomes.extend(some);
        noise.iter_mut().zip(more).for_each(|(total, n)| total.merge(n));
    }
    let count = outcomes.len() as f64;
    let first = |which: usize| -> Vec<&[f64]> { outcomes.iter().map(|o| &o.outputs[which][0][..]).collect() };
    let (expected, found) = (first(0), first(1));
    let shape = quantized.output_types().first().copied().flatten().map_or(&[][..], |ty| &ty.shape);
    let task = task(&expected, shape, truth);
    let both = || expected.iter().zip(&found);
    let same: Vec<bool> = match task {
        Task::Classes => both().map(|(a, b)| greatest(a) == greatest(b)).collect(),
        Task::Sequence => {
            let positions = |all: &&[f64]| all.chunks(shape[2]).map(greatest).collect::<Vec<_>>();
            both().flat_map(|(a, b)| equal(&positions(a), &positions(b))).collect()
        }
        Task::Labels => {
            let labels = |all: &&[f64]| all.iter().map(|x| x.round()).collect::<Vec<_>>();
            both().flat_map(|(a, b)| equal(&labels(a), &labels(b))).collect()
        }
        Task::Numbers => {
            let all = || expected.iter().flat_map(|x| x.iter());
            let (low, high) =
                all().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
            let near = |(a, b): (&&[f64], &&[f64])| {
                a.iter().zip(*b).all(|(a, b)| (a - b).abs() <= 0.01 * (high - low))
            };
            both().map(near).collect()
        }
    };
    let perplexity = |outputs: &[&[f64]]| match (task, quantized.inputs()) {
        (Task::Sequence, [input]) if matches!(input.ty.elem, Elem::Int(_)) => {
            let texts = samples.iter().filter_map(|sample| sample.first()?.as_slice());
            perplexity(texts, outputs, shape[2])
        }
        _ => None,
    };
    let ports: Vec<Output> = (0..outcomes[0].outputs[0].len())
        .map(|port| {
            let list = |which: usize| -> Vec<&[f64]> {
                outcomes.iter().map(|o| &o.outputs[which][port][..]).collect()
            };
            let (cosine, snr_db) = likeness(&list(0), &list(1));
            Output { name: float.outputs().get(port).cloned().unwrap_or_default(), cosine, snr_db }
        })
        .collect();
    let cosine = match expected[0].len() {
        1 => Cosine { mean: ports[0].cosine, worst: ports[0].cosine },
        _ => {
            let all: Vec<f64> = expected.iter().zip(&found).map(|(a, b)| cosine(a, b)).collect();
            Cosine { mean: all.iter().sum::<f64>() / count, worst: all.iter().copied().fold(1.0, f64::min) }
        }
    };
    let mut layers: Vec<Layer> = pairs
        .iter()
        .zip(noise)
        .map(|(pair, n)| Layer {
            node: pair.node.clone(),
            op: pair.op.clone(),
            snr_db: decibels(n.signal, n.noise),
            cosine: n.cosine(),
            histogram: Histogram {
                low: pair.range.0,
                high: pair.range.1,
                clamped: n.ends as f64 / n.values.max(1) as f64,
                float: n.float,
                quantized: n.quantized,
            },
            reaches_output_db: None,
        })
        .collect();
    follow(float, quantized, &samples[..samples.len().min(FOLLOWED_IN)], &pairs, &mut layers)?;
    Ok(Evaluation {
        samples: outcomes.len(),
        task,
        float: Quality { perplexity: perplexity(&expected), ..quality(task, &expected, truth)? },
        quantized: Quality { perplexity: perplexity(&found), ..quality(task, &found, truth)? },
        agreement: same.iter().filter(|same| **same).count() as f64 / same.len() as f64,
        cosine,
        ports,
        worst_layer: layers.iter().min_by(|a, b| a.snr_db.total_cmp(&b.snr_db)).cloned(),
        layers,
        outputs: [&expected, &found]
            .map(|all| all.iter().flat_map(|x| x.iter().map(|&v| v as f32)).collect()),
    })
}

fn equal<T: PartialEq>(a: &[T], b: &[T]) -> Vec<bool> {
    a.iter().zip(b).map(|(a, b)| a == b).collect()
}

/// What the first output is: labels, where the float network says nothing but whole numbers; numbers, where that is what is compared
/// with, or where there is one.
fn task(expected: &[&[f64]], shape: &[usize], truth: Option<&Truth>) -> Task {
    match (truth, expected[0].len(), shape) {
        (Some(Truth::Numbers(_)), ..) => Task::Numbers,
        _ if expected.iter().all(|x| x.iter().all(|x| x.fract() == 0.0)) => Task::Labels,
        (_, 1, _) => Task::Numbers,
        (None, _, [1, positions, classes]) if *positions > 1 && *classes > 1 => Task::Sequence,
        _ => Task::Classes,
    }
}

/// See [`Quality::perplexity`]. Scores may be of the last positions alone; none where a text has a token that has no score.
fn perplexity<'a>(texts: impl Iterator<Item = &'a [f32]>, outputs: &[&[f64]], classes: usize) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for (ids, scores) in texts.zip(outputs) {
        let positions = scores.len() / classes;
        let next = ids.get((ids.len() + 1).checked_sub(positions)?..)?;
        for (&id, scores) in next.iter().zip(scores.chunks(classes)) {
            let score = scores.get(id as usize)?;
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            sum += most + scores.iter().map(|x| (x - most).exp()).sum::<f64>().ln() - score;
            count += 1;
        }
    }
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

/// How well outputs are what is right.
fn quality(task: Task, outputs: &[&[f64]], truth: Option<&Truth>) -> Result<Quality> {
    let share = |right: &dyn Fn(usize) -> bool| {
        (0..outputs.len()).filter(|&i| right(i)).count() as f64 / outputs.len() as f64
    };
    Ok(match (task, truth) {
        (_, None) => Quality::default(),
        (Task::Classes, Some(Truth::Classes(classes))) => {
            let right = |i: usize| usize::try_from(classes[i]) == Ok(greatest(outputs[i]));
            Quality { accuracy: Some(share(&right)), ..Quality::default() }
        }
        (Task::Labels, Some(Truth::Classes(classes))) if outputs[0].len() == 1 => {
            let right = |i: usize| outputs[i][0].round() == classes[i] as f64;
            Quality { accuracy: Some(share(&right)), ..Quality::default() }
        }
        (_, Some(truth)) => {
            let of = |i: usize| match truth {
                Truth::Classes(classes) => vec![classes[i] as f64],
                Truth::Numbers(numbers) => numbers[i].clone(),
            };
            let numbers: Vec<Vec<f64>> = (0..outputs.len()).map(of).collect();
            if let Some((i, wrong)) = numbers.iter().enumerate().find(|(i, n)| n.len() != outputs[*i].len()) {
                return Err(Error::new(format!(
                    "sample {i}: expected {} numbers, as the first output has, found {}",
                    outputs[i].len(),
                    wrong.len()
                )));
            }
            let width = numbers[0].len();
            let mean: Vec<f64> = (0..width)
                .map(|at| numbers.iter().map(|n| n[at]).sum::<f64>() / numbers.len() as f64)
                .collect();
            let all = || outputs.iter().zip(&numbers).flat_map(|(y, n)| y.iter().zip(n).zip(&mean));
            let off: f64 = all().map(|((y, n), _)| (y - n).powi(2)).sum();
            let spread: f64 = all().map(|((_, n), mean)| (n - mean).powi(2)).sum();
            let error = all().map(|((y, n), _)| (y - n).abs()).sum::<f64>() / (width * outputs.len()) as f64;
            let r2 = (spread > 0.0).then(|| 1.0 - off / spread);
            Quality { r2, error: Some(error), ..Quality::default() }
        }
    })
}

/// Mean cosine between outputs, of one number that of all deviations from the mean; and the ratio of what differs between samples to what
/// is off.
fn likeness(expected: &[&[f64]], found: &[&[f64]]) -> (f64, f64) {
    let (count, width) = (expected.len() as f64, expected[0].len());
    let mean: Vec<f64> = (0..width).map(|at| expected.iter().map(|x| x[at]).sum::<f64>() / count).collect();
    let centred = |x: &[f64]| -> Vec<f64> {
        x.iter().zip(&mean).map(|(v, mean)| if expected.len() > 1 { v - mean } else { *v }).collect()
    };
    let all = |list: &[&[f64]]| -> Vec<f64> { list.iter().flat_map(|x| centred(x)).collect() };
    let (a, b) = (all(expected), all(found));
    let signal: f64 = a.iter().map(|v| v * v).sum();
    let noise: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    let mean = match width {
        1 => cosine(&a, &b),
        _ => expected.iter().zip(found).map(|(a, b)| cosine(a, b)).sum::<f64>() / count,
    };
    (mean, decibels(signal, noise))
}

/// How far the float network's values of every layer reach.
fn spread(float: &tessera_nn::interp::Plan, samples: &[Vec<ArrayD<f32>>], pairs: &mut [Pair]) -> Result<()> {
    for sample in samples {
        let mut step = 0;
        float.run_observed(sample, |_, value| {
            for pair in pairs.iter_mut().filter(|pair| pair.float == step) {
                for &v in value {
                    pair.range = (pair.range.0.min(v.into()), pair.range.1.max(v.into()));
                }
            }
            step += 1;
        })?;
    }
    for pair in pairs {
        if pair.range.1 <= pair.range.0 {
            pair.range = (pair.range.0.min(0.0), pair.range.0.max(0.0) + 1.0);
        }
    }
    Ok(())
}

/// Puts the quantized values of the worst layers into the float network, one layer at a time.
fn follow(
    float: &tessera_nn::interp::Plan,
    quantized: &tessera_qnn::interp::Plan,
    samples: &[Vec<ArrayD<f32>>],
    pairs: &[Pair],
    layers: &mut [Layer],
) -> Result<()> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by(|&a, &b| layers[a].snr_db.total_cmp(&layers[b].snr_db));
    order.truncate(FOLLOWED);
    let one = |sample: &Vec<ArrayD<f32>>| -> Result<Vec<(f64, f64)>> {
        let mut noise = vec![(0.0, 0.0); pairs.len()];
        let inputs = inputs(sample, quantized)?;
        let (mut step, mut stored) = (0, BTreeMap::new());
        quantized.run_tensors(&inputs, |_, value| {
            if let (true, Tensor::Int(value)) =
                (order.iter().any(|&layer| pairs[layer].quantized == step), value)
            {
                stored.insert(step, value.clone());
            }
            step += 1;
        })?;
        let mut known = vec![];
        let exact = float.run_observed(sample, |_, value| known.push(value.clone()))?;
        for &layer in &order {
            let Some(value) = stored.get(&pairs[layer].quantized) else { continue };
            let real = dequantize_array(value, &pairs[layer].quant);
            let reached = float.run_with(sample, &known, (pairs[layer].float, &real))?;
            for (a, b) in exact[0].iter().zip(&reached[0]) {
                noise[layer].0 += f64::from(*a).powi(2);
                noise[layer].1 += f64::from(a - b).powi(2);
            }
        }
        Ok(noise)
    };
    let noise = samples.par_iter().map(one).collect::<Result<Vec<_>>>()?;
    for layer in order {
        let (signal, noise) = noise.iter().fold((0.0, 0.0), |(s, n), of| (s + of[layer].0, n + of[layer].1));
        layers[layer].reaches_output_db = Some(decibels(signal, noise));
    }
    Ok(())
}

/// The quantized types of a network's inputs.
///
/// # Errors
/// When an input is not quantized.
pub fn input_types(plan: &tessera_qnn::interp::Plan) -> Result<Vec<Quant>> {
    plan.inputs()
        .iter()
        .map(|input| match &input.ty.elem {
            Elem::Quant(q) => Ok(q.clone()),
            _ => Err(Error::new(format!("the input {:?} is not quantized", input.name))),
        })
        .collect()
}

struct Pair {
    node: String,
    op: String,
    float: usize,
    quantized: usize,
    quant: Quant,
    /// What the float network's values reach.
    range: (f64, f64),
}

/// For each ONNX node the last float step and the last quantized step that carry its name.
fn pair_layers(float: &tessera_nn::interp::Plan, quantized: &tessera_qnn::interp::Plan) -> Vec<Pair> {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, step) in float.steps().iter().enumerate() {
        if let Some(node) = &step.place.node {
            last.insert(node, i);
        }
    }
    let mut stored: BTreeMap<&str, (usize, &Quant)> = BTreeMap::new();
    for (i, step) in quantized.steps().iter().enumerate() {
        if let (Some(node), Elem::Quant(q)) = (&step.place.node, &step.ty.elem) {
            stored.insert(node, (i, q));
        }
    }
    let mut pairs: Vec<Pair> = last
        .into_iter()
        .filter_map(|(node, f)| {
            let &(q, quant) = stored.get(node)?;
            let step = &float.steps()[f];
            (step.ty.shape == quantized.steps()[q].ty.shape).then(|| Pair {
                node: node.to_owned(),
                op: step.mnemonic.clone(),
                float: f,
                quantized: q,
                quant: quant.clone(),
                range: (f64::INFINITY, f64::NEG_INFINITY),
            })
        })
        .collect();
    pairs.sort_by_key(|p| p.float);
    pairs
}

/// The outputs of the float and the quantized network.
struct Outcome {
    outputs: [Vec<Vec<f64>>; 2],
}

/// A sample as the quantized network takes it.
fn inputs(sample: &[ArrayD<f32>], quantized: &tessera_qnn::interp::Plan) -> Result<Vec<Tensor>> {
    sample.iter().zip(quantized.inputs()).map(|(x, input)| stored(x, &input.ty.elem)).collect()
}

fn compare(
    float: &tessera_nn::interp::Plan,
    quantized: &tessera_qnn::interp::Plan,
    sample: &[ArrayD<f32>],
    pairs: &[Pair],
    noise: &mut [Noise],
) -> Result<Outcome> {
    let mut values: BTreeMap<usize, ArrayD<f32>> =
        pairs.iter().map(|p| (p.float, ArrayD::zeros(vec![]))).collect();
    let mut step = 0;
    let expected = float.run_observed(sample, |_, value| {
        if let Some(slot) = values.get_mut(&step) {
            *slot = value.clone();
        }
        step += 1;
    })?;
    let mut step = 0;
    let found = quantized.run_tensors(&inputs(sample, quantized)?, |s, value| {
        for (pair, n) in pairs.iter().zip(noise.iter_mut()).filter(|(p, _)| p.quantized == step) {
            if let (Tensor::Int(stored), Elem::Quant(_)) = (value, &s.ty.elem) {
                let real = dequantize_array(stored, &pair.quant);
                let ends = [pair.quant.min, pair.quant.max];
                for ((&a, &b), q) in values[&pair.float].iter().zip(real.iter()).zip(stored) {
                    // zero is what a ReLU gives, not what was too small to store
                    n.add((a, b), pair.range, *q != 0 && ends.contains(q));
                }
            }
        }
        step += 1;
    })?;
    if expected.is_empty() || found.len() != expected.len() {
        return Err(Error::new("the networks have different outputs, or none"));
    }
    let types = quantized.output_types();
    let real = |(found, ty): (&Tensor, &Option<&TensorType>)| -> Vec<f64> {
        match (found, ty.map(|ty| &ty.elem)) {
            (Tensor::Int(a), Some(Elem::Quant(quant))) => {
                a.iter().map(|&v| v as f64 * quant.scale_at(0)).collect()
            }
            (Tensor::Int(a), _) => a.iter().map(|&v| v as f64).collect(),
            (Tensor::Real(a), _) => a.iter().map(|&v| v.into()).collect(),
        }
    };
    let expected = expected.iter().map(|x| x.iter().map(|&v| v.into()).collect()).collect();
    Ok(Outcome { outputs: [expected, found.iter().zip(&types).map(real).collect()] })
}

/// A sample as a quantized network takes it: indices are what they are.
pub(crate) fn stored(x: &ArrayD<f32>, elem: &Elem) -> Result<Tensor> {
    match elem {
        Elem::Quant(q) => quantize_array(x, q).map(Tensor::Int),
        Elem::Int(_) => Ok(Tensor::Int(x.mapv(|v| v as i64))),
        Elem::F32 => Ok(Tensor::Real(x.clone())),
    }
}

/// Index of the greatest element; the first among equals.
pub fn greatest(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if *v > values[best] {
            best = i;
        }
    }
    best
}

pub(crate) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    match norm(a) * norm(b) {
        0.0 => f64::from(u8::from(norm(a) == norm(b))),
        product => dot / product,
    }
}

fn decibels(signal: f64, noise: f64) -> f64 {
    const CAP: f64 = 200.0;
    if noise == 0.0 { CAP } else { (10.0 * (signal / noise).log10()).clamp(-CAP, CAP) }
}
