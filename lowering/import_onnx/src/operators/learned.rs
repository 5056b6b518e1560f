//! Classical machine learning (`ai.onnx.ml`) other than trees: preparing of features, linear models, support vectors.

use super::compare::greater;
use super::elementwise::{divide, to_the};
use super::normalize::probabilities;
use super::products::multiply;
use super::reduce::{self, Reduction, reduce};
use super::{ML, operators};
use crate::build::{Builder, Reason, Value};
use crate::node::Node;
use crate::tensor::Kind;
use crate::translate::Translator;

operators! { ML;
    "ArrayFeatureExtractor" => array_feature_extractor,
    "Binarizer" => binarizer,
    "FeatureVectorizer" => feature_vectorizer,
    "LinearClassifier" => linear_classifier,
    "LinearRegressor" => linear_regressor,
    "Normalizer" => normalizer,
    "SVMRegressor" => svm_regressor,
    "Scaler" => scaler,
}

/// Features as rows of reals.
pub(super) fn rows(b: &mut Builder, x: &Value) -> Result<(Value, usize, usize), Reason> {
    let x = b.retyped(x, Kind::F32)?;
    let (count, features) = match b.shape(&x)[..] {
        [features] => (1, features),
        [count, features] => (count, features),
        ref shape => return Err(format!("expected rows of features, found shape {shape:?}")),
    };
    Ok((b.reshape(&x, &[count, features])?, count, features))
}

fn scaler(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let b = &mut t.build;
    let x = b.retyped(n.input(0)?, Kind::F32)?;
    let (offset, scale) = (n.floats("offset").unwrap_or_default(), n.floats("scale").unwrap_or_default());
    let centered = match &offset[..] {
        [] => x,
        offset => {
            let offset = b.known(Kind::F32, &[offset.len()], offset.to_vec())?;
            b.sub(&x, &offset)?
        }
    };
    if scale.is_empty() {
        return Ok(vec![centered]);
    }
    let scale = b.known(Kind::F32, &[scale.len()], scale)?;
    Ok(vec![b.mul(&centered, &scale)?])
}

fn normalizer(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let b = &mut t.build;
    let x = b.retyped(n.input(0)?, Kind::F32)?;
    let last = b.shape(&x).len().checked_sub(1).ok_or("expected rows of features")?;
    let norm = match n.text("norm").as_deref().unwrap_or("MAX") {
        "MAX" => reduce(b, &x, &[last], Reduction::Max)?,
        "L1" => reduce::norm(b, &x, &[last], 1.0)?,
        "L2" => reduce::norm(b, &x, &[last], 2.0)?,
        other => return Err(format!("the norm \"{other}\" is not supported")),
    };
    Ok(vec![divide(b, &x, &norm)?])
}

fn binarizer(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let threshold = b.number(Kind::F32, n.float("threshold").unwrap_or(0.0))?;
    let kind = b.kind(x);
    let above = greater(b, x, &threshold)?;
    Ok(vec![b.retyped(&above, kind)?])
}

fn array_feature_extractor(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let at = n.known(1, "the positions of features")?.ok_or("the positions are missing")?.integers();
    let at = super::shapes::extents(&at)?;
    let shape = b.shape(x);
    let last = shape.len().checked_sub(1).ok_or("expected features")?;
    let picked = b.select(x, last, &at)?;
    let to = if last == 0 { vec![1, at.len()] } else { b.shape(&picked) };
    Ok(vec![b.reshape(&picked, &to)?])
}

fn feature_vectorizer(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    n.ints("inputdimensions");
    let mut parts = vec![];
    for x in n.all()? {
        parts.push(rows(&mut t.build, &x)?.0);
    }
    Ok(vec![t.build.concat(&parts, 1)?])
}

/// What is made of scores [rows, classes].
pub(super) fn post_transform(b: &mut Builder, n: &Node, scores: &Value) -> Result<Value, Reason> {
    match n.text("post_transform").as_deref().unwrap_or("NONE") {
        "NONE" => Ok(scores.clone()),
        "LOGISTIC" => b.map(scores, "sigmoid", &[]),
        "SOFTMAX" => probabilities(b, scores, 1, false),
        other => Err(format!("the post_transform \"{other}\" is not supported")),
    }
}

/// The whole numbers that classes are called by.
pub(super) fn labels(n: &Node, names: [&str; 2]) -> Result<Vec<f64>, Reason> {
    let (numbers, texts) = (n.ints(names[0]).unwrap_or_default(), n.texts(names[1]));
    if !texts.is_empty() {
        return Err("classes with names are not supported; number them before training".into());
    }
    Ok(numbers.iter().map(|&l| l as f64).collect())
}

/// The label of the class with the greatest score of each row.
pub(super) fn label(b: &mut Builder, scores: &Value, labels: &[f64]) -> Result<Value, Reason> {
    let (hit, _) = super::gather::greatest(b, scores, 1, false)?;
    let row: Vec<(usize, f64)> = labels.iter().copied().enumerate().collect();
    let label = b.along(&hit, 1, &[row])?;
    let count = b.shape(&label)[0];
    let label = b.reshape(&label, &[count])?;
    b.retyped(&label, Kind::I64)
}

/// x·wᵀ + c, with one row of w for each result.
fn linear(b: &mut Builder, n: &Node, x: &Value, results: usize) -> Result<Value, Reason> {
    let (x, _, features) = rows(b, x)?;
    let w = n.floats("coefficients").unwrap_or_default();
    if w.len() != results * features {
        return Err(format!("expected {} coefficients, found {}", results * features, w.len()));
    }
    let rows: Vec<Vec<(usize, f64)>> =
        w.chunks_exact(features).map(|row| row.iter().copied().enumerate().collect()).collect();
    let product = b.along(&x, 1, &rows)?;
    let shift = n.floats("intercepts").filter(|c| !c.is_empty());
    let Some(shift) = shift else { return Ok(product) };
    let shift = b.known(Kind::F32, &[1, shift.len()], shift)?;
    b.add(&product, &shift)
}

fn linear_regressor(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let targets = usize::try_from(n.int("targets").unwrap_or(1)).map_err(|e| e.to_string())?;
    let y = linear(b, n, x, targets)?;
    Ok(vec![post_transform(b, n, &y)?])
}

fn linear_classifier(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    n.int("multi_class");
    let labels = labels(n, ["classlabels_ints", "classlabels_strings"])?;
    let scores = linear(b, n, x, labels.len())?;
    let label = label(b, &scores, &labels)?;
    Ok(vec![label, post_transform(b, n, &scores)?])
}

/// Σ coefficient·K(support vector, x) + ρ, or w·x + ρ without support vectors.
fn svm_regressor(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let (x, _, features) = rows(b, x)?;
    let supports = usize::try_from(n.int("n_supports").unwrap_or(0)).map_err(|e| e.to_string())?;
    let coefficients = n.floats("coefficients").unwrap_or_default();
    let vectors = n.floats("support_vectors").unwrap_or_default();
    let rho = n.floats("rho").and_then(|r| r.first().copied()).unwrap_or(0.0);
    let kernel = n.text("kernel_type").unwrap_or_else(|| "LINEAR".into());
    let parameters = n.floats("kernel_params").unwrap_or_default();
    let one_class = n.flag("one_class");
    let weighted = |b: &mut Builder, values: &Value, w: &[f64]| {
        b.along(values, 1, &[w.iter().copied().enumerate().collect()])
    };
    let sum = if supports == 0 {
        if coefficients.len() != features {
            return Err(format!("expected {features} coefficients, found {}", coefficients.len()));
        }
        weighted(b, &x, &coefficients)?
    } else {
        if vectors.len() != supports * features || coefficients.len() != supports {
            return Err(format!("{} numbers are no {supports} support vectors of {features}", vectors.len()));
        }
        let values = kernel_values(b, &x, (&vectors, features), &kernel, &parameters)?;
        weighted(b, &values, &coefficients)?
    };
    let y = b.shift(&sum, rho)?;
    if one_class {
        let positive = b.map(&y, "step", &[])?;
        let wide = b.scale(&positive, 2.0)?;
        return Ok(vec![b.shift(&wide, -1.0)?]);
    }
    Ok(vec![post_transform(b, n, &y)?])
}

/// K(x, v) for rows x and each of `vectors`: [rows, vectors].
fn kernel_values(
    b: &mut Builder,
    x: &Value,
    (vectors, features): (&[f64], usize),
    kernel: &str,
    parameters: &[f64],
) -> Result<Value, Reason> {
    let count = vectors.len() / features.max(1);
    let parameter = |i: usize| parameters.get(i).copied().unwrap_or(0.0);
    let (gamma, shift, degree) = (parameter(0), parameter(1), parameter(2));
    let w = b.known(Kind::F32, &[count, features], vectors.to_vec())?;
    let turned = b.transpose(&w, &[1, 0])?;
    if kernel == "RBF" {
        // −γ·|x − v|², from the differences themselves: |x|² − 2x·v + |v|² would cancel
        let shape = b.shape(x);
        let wide = b.reshape(x, &[shape[0], 1, features])?;
        let difference = b.sub(&wide, &w)?;
        let squares = reduce::squares(b, &difference, &[2])?;
        let squares = b.reshape(&squares, &[shape[0], count])?;
        let exponent = b.scale(&squares, -gamma)?;
        return b.map(&exponent, "exp", &[]);
    }
    let product = multiply(b, x, &turned)?;
    if kernel == "LINEAR" {
        return Ok(product);
    }
    let scaled = b.scale(&product, gamma)?;
    let shifted = b.shift(&scaled, shift)?;
    match kernel {
        "POLY" => to_the(b, &shifted, degree),
        "SIGMOID" => b.map(&shifted, "tanh", &[]),
        other => Err(format!("the kernel \"{other}\" is not supported")),
    }
}
