//! Normalizations: with constants that training has fixed, or with moments of the values themselves.

use super::elementwise::divide;
use super::operators;
use super::reduce::{self, Reduction, reduce};
use crate::build::{Builder, Reason, Value};
use crate::node::{self, Node};
use crate::translate::Translator;

operators! { "";
    "BatchNormalization" => batch_normalization,
    "GroupNormalization" => group_normalization,
    "InstanceNormalization" => instance_normalization,
    "LRN" => local_response,
    "LayerNormalization" => layer_normalization,
    "LogSoftmax" => |t, n| softmax(t, n, true),
    "LpNormalization" => lp_normalization,
    "MeanVarianceNormalization" => mean_variance,
    "RMSNormalization" => rms_normalization,
    "SimplifiedLayerNormalization" => rms_normalization,
    "Softmax" => |t, n| softmax(t, n, false),
}

/// x·s + t with s = scale/√(variance + ε) and t = shift − mean·s, per channel; the layer before takes both in.
fn batch_normalization(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    const TRAINING: &str = "batch normalization in training mode is not supported; export with model.eval()";
    let (x, b) = (n.input(0)?, &mut t.build);
    n.float("momentum");
    n.int("spatial");
    n.ints("consumed_inputs");
    let outputs = n.proto.output.iter().filter(|o| !o.is_empty()).count();
    if n.flag("training_mode") || outputs > 1 || (n.opset < 7 && n.int("is_test") != Some(1)) {
        return Err(TRAINING.into());
    }
    let mut parameters = vec![];
    for i in 1..5 {
        let tensor =
            n.known(i, "the parameters of a batch normalization")?.ok_or("a parameter is missing")?;
        parameters.push(tensor.numbers());
    }
    let epsilon = n.float("epsilon").unwrap_or(1e-5);
    let [scale, shift, mean, variance] = &parameters[..] else {
        return Err("expected four parameters".into());
    };
    let shape = b.shape(x);
    let channels = shape.get(1).copied().unwrap_or(1);
    if parameters.iter().any(|p| p.len() != channels) {
        return Err(format!("expected {channels} numbers of each parameter"));
    }
    let factors: Vec<f64> = (0..channels).map(|c| scale[c] / (variance[c] + epsilon).sqrt()).collect();
    let offsets = (0..channels).map(|c| shift[c] - mean[c] * factors[c]).collect();
    let mut wide = vec![1; shape.len()];
    if let Some(axis) = wide.get_mut(1) {
        *axis = channels;
    }
    let kind = b.kind(x);
    let (factors, offsets) = (b.known(kind, &wide, factors)?, b.known(kind, &wide, offsets)?);
    let scaled = b.mul(x, &factors)?;
    Ok(vec![b.add(&scaled, &offsets)?])
}

/// (x − mean)/√(variance + ε) over some axes, and the mean and the reciprocal of the root.
fn standardize(b: &mut Builder, x: &Value, axes: &[usize], epsilon: f64) -> Result<[Value; 3], Reason> {
    let mean = reduce(b, x, axes, Reduction::Mean)?;
    let centered = b.sub(x, &mean)?;
    let squares = b.mul(&centered, &centered)?;
    let variance = reduce(b, &squares, axes, Reduction::Mean)?;
    let raised = b.shift(&variance, epsilon)?;
    let root = b.map(&raised, "rsqrt", &[])?;
    Ok([b.mul(&centered, &root)?, mean, root])
}

/// x·scale + shift, where both have one number for each position of an axis.
fn affine(b: &mut Builder, x: &Value, axis: usize, scale: &Value, shift: &Value) -> Result<Value, Reason> {
    let shape = b.shape(x);
    let mut wide = vec![1; shape.len()];
    wide[axis] = shape[axis];
    let (scale, shift) = (b.reshape(scale, &wide)?, b.reshape(shift, &wide)?);
    let scaled = b.mul(x, &scale)?;
    b.add(&scaled, &shift)
}

fn instance_normalization(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, scale, shift, b) = (n.input(0)?, n.input(1)?, n.input(2)?, &mut t.build);
    let axes: Vec<usize> = (2..b.shape(x).len()).collect();
    let x = b.norm(x, &axes, true, n.float("epsilon").unwrap_or(1e-5))?;
    Ok(vec![affine(b, &x, 1, scale, shift)?])
}

fn group_normalization(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, scale, shift, b) = (n.input(0)?, n.input(1)?, n.input(2)?, &mut t.build);
    n.int("stash_type");
    let shape = b.shape(x);
    let groups = usize::try_from(n.int("num_groups").unwrap_or(0)).unwrap_or(0);
    let channels = shape.get(1).copied().unwrap_or(0);
    if groups == 0 || channels % groups != 0 {
        return Err(format!("{channels} channels are no {groups} groups"));
    }
    let inside = channels / groups * shape[2..].iter().product::<usize>();
    let grouped = b.reshape(x, &[shape[0], groups, inside])?;
    let grouped = b.norm(&grouped, &[2], true, n.float("epsilon").unwrap_or(1e-5))?;
    // up to operator set 20 scale and shift were of groups
    if n.opset < 21 && groups != channels {
        let y = affine(b, &grouped, 1, scale, shift)?;
        return Ok(vec![b.reshape(&y, &shape)?]);
    }
    let x = b.reshape(&grouped, &shape)?;
    Ok(vec![affine(b, &x, 1, scale, shift)?])
}

/// The axes from one on.
fn from_axis(n: &Node, rank: usize) -> Result<Vec<usize>, Reason> {
    let axis = node::axis(n.int("axis").unwrap_or(-1), rank)?;
    Ok((axis..rank).collect())
}

fn layer_normalization(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, scale, b) = (n.input(0)?, n.input(1)?, &mut t.build);
    n.int("stash_type");
    let axes = from_axis(n, b.shape(x).len())?;
    let epsilon = n.float("epsilon").unwrap_or(1e-5);
    let normed = b.norm(x, &axes, true, epsilon)?;
    let mut y = b.mul(&normed, scale)?;
    if let Some(shift) = n.optional(2) {
        y = b.add(&y, shift)?;
    }
    if n.proto.output.iter().skip(1).all(String::is_empty) {
        return Ok(vec![y]);
    }
    let [_, mean, root] = standardize(b, x, &axes, epsilon)?;
    Ok(vec![y, mean, root])
}

fn rms_normalization(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, scale, b) = (n.input(0)?, n.input(1)?, &mut t.build);
    n.int("stash_type");
    let axes = from_axis(n, b.shape(x).len())?;
    let x = b.norm(x, &axes, false, n.float("epsilon").unwrap_or(1e-5))?;
    Ok(vec![b.mul(&x, scale)?])
}

/// x/(bias + alpha/size·Σ x²)^beta, the sum over channels near by.
fn local_response(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let size = n.int("size").ok_or("the size is missing")?.max(1) as usize;
    let (alpha, beta) = (n.float("alpha").unwrap_or(1e-4), n.float("beta").unwrap_or(0.75));
    let bias = n.float("bias").unwrap_or(1.0);
    let channels = *b.shape(x).get(1).ok_or("expected channels")?;
    // of an even size, one more behind than before
    let near = |c: usize| c.saturating_sub((size - 1) / 2)..(c + size / 2 + 1).min(channels);
    let rows: Vec<Vec<(usize, f64)>> =
        (0..channels).map(|c| near(c).map(|i| (i, alpha / size as f64)).collect()).collect();
    let squares = b.mul(x, x)?;
    let sums = b.along(&squares, 1, &rows)?;
    let raised = b.shift(&sums, bias)?;
    let factor = b.map(&raised, "power", &[-beta])?;
    Ok(vec![b.mul(x, &factor)?])
}

fn lp_normalization(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let axis = node::axis(n.int("axis").unwrap_or(-1), b.shape(x).len())?;
    let norm = reduce::norm(b, x, &[axis], n.int("p").unwrap_or(2) as f64)?;
    // a vector of zeros stays one
    let norm = b.map(&norm, "clip", &[f32::MIN_POSITIVE.into(), f32::MAX.into()])?;
    Ok(vec![divide(b, x, &norm)?])
}

fn mean_variance(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let axes = n.ints("axes").unwrap_or_else(|| vec![0, 2, 3]);
    let axes = node::axes(&axes, b.shape(x).len())?;
    let mean = reduce(b, x, &axes, Reduction::Mean)?;
    let centered = b.sub(x, &mean)?;
    let squares = b.mul(&centered, &centered)?;
    let variance = reduce(b, &squares, &axes, Reduction::Mean)?;
    let deviation = b.map(&variance, "sqrt", &[])?;
    let deviation = b.shift(&deviation, 1e-9)?;
    Ok(vec![divide(b, &centered, &deviation)?])
}

/// exp(x − m)/Σ exp(x − m) for the greatest m, so that no exponential is large; its logarithm is x − m − log Σ exp(x − m).
fn softmax(t: &mut Translator, n: &Node, log: bool) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let shape = b.shape(x);
    let axis = node::axis(n.int("axis").unwrap_or(if n.opset < 13 { 1 } else { -1 }), shape.len())?;
    // before operator set 13, all axes from this one on were one
    let (x, axis) = match n.opset < 13 {
        true => (b.reshape(x, &[shape[..axis].iter().product(), shape[axis..].iter().product()])?, 1),
        false => (x.clone(), axis),
    };
    let result = if log { probabilities(b, &x, axis, log)? } else { b.softmax(&x, axis)? };
    Ok(vec![b.reshape(&result, &shape)?])
}

pub(super) fn probabilities(b: &mut Builder, x: &Value, axis: usize, log: bool) -> Result<Value, Reason> {
    let most = reduce(b, x, &[axis], Reduction::Max)?;
    let below = b.sub(x, &most)?;
    let exp = b.map(&below, "exp", &[])?;
    let sum = reduce(b, &exp, &[axis], Reduction::Sum)?;
    if log {
        let sum = b.map(&sum, "log", &[])?;
        return b.sub(&below, &sum);
    }
    divide(b, &exp, &sum)
}
