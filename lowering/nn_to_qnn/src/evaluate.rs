//! How well a quantized network stands for the float one: on labelled data, and layer by layer.

use ndarray::ArrayD;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use tessera_mlir::types::{Elem, Quant};
use tessera_mlir::{Error, Result};
use tessera_qnn::interp::{Tensor, dequantize_array, quantize_array};

/// The comparison of a float and a quantized network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Number of samples.
    pub samples: usize,
    /// The float network.
    pub float: Quality,
    /// The quantized network.
    pub quantized: Quality,
    /// Share of samples on which both give the same class, 0..=1.
    pub agreement: f64,
    /// Cosine of the angle between both outputs.
    pub cosine: Cosine,
    /// The layer with the least signal-to-noise ratio.
    pub worst_layer: Option<Layer>,
    /// All layers, in order.
    pub layers: Vec<Layer>,
    /// The first output of every sample: the float network's, and the quantized network's as it is stored, in steps of its scale.
    #[serde(skip)]
    pub outputs: [Vec<f32>; 2],
}

/// Quality of one network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Share of samples whose class is right, 0..=1. Absent without labels.
    pub accuracy: Option<f64>,
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
}

#[derive(Clone, Default)]
struct Noise {
    signal: f64,
    noise: f64,
}

/// Runs both networks on every sample (one array per input). The class is the greatest element of the first output.
///
/// # Errors
/// When samples do not fit the inputs, labels do not fit the samples, or the networks do not fit each other.
pub fn evaluate(
    float: &tessera_nn::interp::Plan,
    quantized: &tessera_qnn::interp::Plan,
    samples: &[Vec<ArrayD<f32>>],
    labels: Option<&[usize]>,
) -> Result<Evaluation> {
    if samples.is_empty() {
        return Err(Error::new("evaluation needs at least one sample, found none"));
    }
    if let Some(labels) = labels.filter(|l| l.len() != samples.len()) {
        return Err(Error::new(format!(
            "expected one label per sample, found {} for {}",
            labels.len(),
            samples.len()
        )));
    }
    if float.inputs().len() != quantized.inputs().len() {
        return Err(Error::new("the two networks have different numbers of inputs"));
    }
    let pairs = pair_layers(float, quantized);
    let chunks = samples
        .par_chunks(8)
        .enumerate()
        .map(|(chunk, samples)| -> Result<(Vec<Outcome>, Vec<Noise>)> {
            let mut noise = vec![Noise::default(); pairs.len()];
            let mut outcomes = Vec::new();
            for (i, sample) in samples.iter().enumerate() {
                let outcome = compare(float, quantized, sample, &pairs, &mut noise);
                outcomes.push(outcome.map_err(|e| e.context(format!("sample {}", chunk * 8 + i)))?);
            }
            Ok((outcomes, noise))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut noise = vec![Noise::default(); pairs.len()];
    let mut outcomes = Vec::new();
    for (some, more) in chunks {
        outcomes.extend(some);
        for (total, n) in noise.iter_mut().zip(more) {
            total.signal += n.signal;
            total.noise += n.noise;
        }
    }
    let count = outcomes.len() as f64;
    let share = |f: &dyn Fn(usize, &Outcome) -> bool| {
        outcomes.iter().enumerate().filter(|(i, o)| f(*i, o)).count() as f64 / count
    };
    let layers: Vec<Layer> = pairs
        .iter()
        .zip(&noise)
        .map(|(pair, n)| Layer { node: pair.node.clone(), op: pair.op.clone(), snr_db: decibels(n) })
        .collect();
    Ok(Evaluation {
        samples: outcomes.len(),
        float: Quality { accuracy: labels.map(|l| share(&|i, o| o.float == l[i])) },
        quantized: Quality { accuracy: labels.map(|l| share(&|i, o| o.quantized == l[i])) },
        agreement: share(&|_, o| o.float == o.quantized),
        cosine: Cosine {
            mean: outcomes.iter().map(|o| o.cosine).sum::<f64>() / count,
            worst: outcomes.iter().map(|o| o.cosine).fold(1.0, f64::min),
        },
        worst_layer: layers.iter().min_by(|a, b| a.snr_db.total_cmp(&b.snr_db)).cloned(),
        layers,
        outputs: outcomes.into_iter().fold(Default::default(), |[mut float, mut quantized], o| {
            float.extend(o.outputs[0].iter().map(|&v| v as f32));
            quantized.extend(o.outputs[1].iter().map(|&v| v as f32));
            [float, quantized]
        }),
    })
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
            })
        })
        .collect();
    pairs.sort_by_key(|p| p.float);
    pairs
}

struct Outcome {
    float: usize,
    quantized: usize,
    cosine: f64,
    outputs: [Vec<f64>; 2],
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
    let inputs: Vec<Tensor> = sample
        .iter()
        .zip(quantized.inputs())
        .map(|(x, input)| stored(x, &input.ty.elem))
        .collect::<Result<_>>()?;
    let mut step = 0;
    let found = quantized.run_tensors(&inputs, |s, value| {
        for (pair, n) in pairs.iter().zip(noise.iter_mut()).filter(|(p, _)| p.quantized == step) {
            if let (Tensor::Int(stored), Elem::Quant(_)) = (value, &s.ty.elem) {
                let real = dequantize_array(stored, &pair.quant);
                for (&a, &b) in values[&pair.float].iter().zip(real.iter()) {
                    n.signal += f64::from(a).powi(2);
                    n.noise += f64::from(a - b).powi(2);
                }
            }
        }
        step += 1;
    })?;
    let (Some(expected), Some(found)) = (expected.first(), found.first()) else {
        return Err(Error::new("the network has no output"));
    };
    // One scale per output tensor, so classes and angles may be taken from the stored integers.
    let found: Vec<f64> = match found {
        Tensor::Int(a) => a.iter().map(|&v| v as f64).collect(),
        Tensor::Real(a) => a.iter().map(|&v| v.into()).collect(),
    };
    let expected: Vec<f64> = expected.iter().map(|&v| v.into()).collect();
    Ok(Outcome {
        float: greatest(&expected),
        quantized: greatest(&found),
        cosine: cosine(&expected, &found),
        outputs: [expected, found],
    })
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

fn decibels(n: &Noise) -> f64 {
    const CAP: f64 = 200.0;
    if n.noise == 0.0 { CAP } else { (10.0 * (n.signal / n.noise).log10()).clamp(-CAP, CAP) }
}
