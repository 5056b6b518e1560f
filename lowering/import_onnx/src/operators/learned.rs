//! Classical machine learning (`ai.onnx.ml`) other than trees: preparing of features, linear models, support vectors.

use super::compare::{equal, greater};
use super::elementwise::{divide, to_the};
use super::gather::{among, chosen, greatest};
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
    "Imputer" => imputer,
    "LabelEncoder" => label_encoder,
    "LinearClassifier" => linear_classifier,
    "LinearRegressor" => linear_regressor,
    "Normalizer" => normalizer,
    "OneHotEncoder" => one_hot_encoder,
    "SVMClassifier" => svm_classifier,
    "SVMRegressor" => svm_regressor,
    "Scaler" => scaler,
    "ZipMap" => zip_map,
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
    let (x, at, b) = (n.input(0)?, n.input(1)?, &mut t.build);
    let count = b.shape(at).iter().product();
    let at = b.reshape(at, &[count])?;
    let last = b.shape(x).len().checked_sub(1).ok_or("expected features")?;
    let picked = match &at {
        Value::Known(at) => b.select(x, last, &super::shapes::extents(&at.integers())?)?,
        at @ Value::Computed(..) => chosen(b, x, last, at)?,
    };
    let to = if last == 0 { vec![1, count] } else { b.shape(&picked) };
    Ok(vec![b.reshape(&picked, &to)?])
}

/// The scores of each row as they are: where ONNX makes dictionaries of them, the columns keep the order of the classes.
fn zip_map(_: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    n.ints("classlabels_int64s");
    n.texts("classlabels_strings");
    Ok(vec![n.input(0)?.clone()])
}

/// x where it is not the value that stands for a missing one. No feature of a proof is "not a number", so where that is replaced,
/// nothing is.
fn imputer(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let kind = b.kind(x);
    let floats = n.floats("imputed_value_floats").filter(|v| !v.is_empty());
    let whole = n.ints("imputed_value_int64s").filter(|v| !v.is_empty());
    let (marks, wholes) = (n.float("replaced_value_float"), n.int("replaced_value_int64"));
    let (values, missing) = match (floats, whole) {
        (Some(values), _) => (values, marks.unwrap_or(0.0)),
        (None, Some(values)) => (values.iter().map(|&v| v as f64).collect(), wholes.unwrap_or(0) as f64),
        (None, None) => return Err("the values for what is missing are missing".into()),
    };
    if missing.is_nan() {
        return Ok(vec![x.clone()]);
    }
    let features = b.shape(x).last().copied().ok_or("expected rows of features")?;
    if ![1, features].contains(&values.len()) {
        return Err(format!("expected {features} values or one, found {}", values.len()));
    }
    let mark = b.number(kind, missing)?;
    let hit = equal(b, x, &mark)?;
    let others = b.not(&hit)?;
    let values = b.known(Kind::F32, &[values.len()], values)?;
    let x = b.retyped(x, Kind::F32)?;
    let (kept, put) = (b.mul(&x, &others)?, b.mul(&hit, &values)?);
    let y = b.add(&kept, &put)?;
    Ok(vec![b.retyped(&y, kind)?])
}

/// The places of texts in the list of all that the model names.
fn places(known: &[String], texts: &[String]) -> Result<Vec<f64>, Reason> {
    let place = |text: &String| known.binary_search(text).map(|at| at as f64);
    texts.iter().map(|text| place(text).map_err(|_| format!("names {text:?} out of place"))).collect()
}

/// A list of numbers that an attribute holds as floats, whole numbers, a tensor or texts, and whether they are whole.
fn numbers(known: &[String], n: &Node, what: &str) -> Result<(Vec<f64>, bool), Reason> {
    let texts = n.texts(&format!("{what}_strings"));
    if !texts.is_empty() {
        return Ok((places(known, &texts)?, true));
    }
    let floats = n.floats(&format!("{what}_floats")).filter(|v| !v.is_empty());
    let whole = n.ints(&format!("{what}_int64s")).filter(|v| !v.is_empty());
    match (floats, whole, n.tensor(&format!("{what}_tensor"))?) {
        (Some(v), ..) => Ok((v, false)),
        (None, Some(v), _) => Ok((v.iter().map(|&v| v as f64).collect(), true)),
        (None, None, Some(t)) => Ok((t.numbers(), !t.kind.is_float())),
        (None, None, None) => Err(format!("the {what} are missing")),
    }
}

/// Σ [x = key]·(value − default) + default.
fn label_encoder(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    if !n.texts("values_strings").is_empty() {
        return Err("gives texts; do this step after the model has run".into());
    }
    let ((keys, _), (values, whole)) = (numbers(&t.texts, n, "keys")?, numbers(&t.texts, n, "values")?);
    let (real, integer) = (n.float("default_float"), n.int("default_int64"));
    let tensor = n.tensor("default_tensor")?.and_then(|t| t.number());
    let given = if whole { integer.map(|d| d as f64) } else { real };
    let default = tensor.or(given).unwrap_or(if whole { -1.0 } else { 0.0 });
    if keys.len() != values.len() {
        return Err(format!("{} keys have {} values", keys.len(), values.len()));
    }
    let (x, b) = (n.input(0)?, &mut t.build);
    let hit = among(b, x, &keys)?;
    let row = values.iter().map(|v| v - default).enumerate().collect();
    let (last, shape) = (b.shape(x).len(), b.shape(x));
    let y = b.along(&hit, last, &[row])?;
    let y = b.reshape(&y, &shape)?;
    let y = b.shift(&y, default)?;
    Ok(vec![b.retyped(&y, if whole { Kind::I64 } else { Kind::F32 })?])
}

fn one_hot_encoder(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    n.int("zeros");
    let (categories, _) = numbers(&t.texts, n, "cats")?;
    Ok(vec![among(&mut t.build, n.input(0)?, &categories)?])
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
pub(super) fn labels(known: &[String], n: &Node, names: [&str; 2]) -> Result<Vec<f64>, Reason> {
    let (numbers, texts) = (n.ints(names[0]).unwrap_or_default(), n.texts(names[1]));
    match texts.is_empty() {
        true => Ok(numbers.iter().map(|&l| l as f64).collect()),
        false => places(known, &texts),
    }
}

/// The label of the class with the greatest score of each row.
pub(super) fn label(b: &mut Builder, scores: &Value, labels: &[f64]) -> Result<Value, Reason> {
    let (hit, _) = greatest(b, scores, 1, false)?;
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
    let labels = labels(&t.texts, n, ["classlabels_ints", "classlabels_strings"])?;
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

/// Support vectors of more than one class: every pair of classes has a score, s = Σ coefficient·K(support vector, x) + ρ, and a
/// vote for the first where s > 0. Without support vectors, every class has a linear score.
fn svm_classifier(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let (x, _, features) = rows(b, x)?;
    let labels = labels(&t.texts, n, ["classlabels_ints", "classlabels_strings"])?;
    let classes = labels.len();
    if classes < 2 {
        return Err(format!("expected labels of at least two classes, found {classes}"));
    }
    let list = |name: &str| n.floats(name).unwrap_or_default();
    let (coefficients, vectors, rho) = (list("coefficients"), list("support_vectors"), list("rho"));
    let (slopes, shifts) = (list("prob_a"), list("prob_b"));
    let kernel = n.text("kernel_type").unwrap_or_else(|| "LINEAR".into());
    let parameters = list("kernel_params");
    let sizes = super::shapes::extents(&n.ints("vectors_per_class").unwrap_or_default())?;
    let supports = sizes.iter().fold(0, |sum: usize, &size| sum.saturating_add(size));
    if classes == 2 && slopes.is_empty() && coefficients.iter().all(|&c| c >= 0.0) {
        return Err("a machine of two classes without a negative coefficient is not supported".into());
    }
    if supports == 0 {
        if classes > 2 && rho.len() == 1 {
            return Err("linear scores of more than two classes with one rho are not supported".into());
        }
        let shift = *rho.first().ok_or("rho is missing")?;
        let scores = linear(b, n, &x, classes)?;
        let scores = b.shift(&scores, shift)?;
        let label = label(b, &scores, &labels)?;
        return Ok(vec![label, post_transform(b, n, &scores)?]);
    }
    let pairs = classes.saturating_mul(classes - 1) / 2;
    let expected =
        [classes, supports.saturating_mul(features), (classes - 1).saturating_mul(supports), pairs];
    let found = [sizes.len(), vectors.len(), coefficients.len(), rho.len()];
    if found != expected {
        return Err(format!(
            "expected {} sizes of classes, {} numbers of support vectors, {} coefficients and {} rho, found {found:?}",
            expected[0], expected[1], expected[2], expected[3]
        ));
    }
    let values = kernel_values(b, &x, (&vectors, features), &kernel, &parameters)?;
    let starts: Vec<usize> =
        sizes.iter().scan(0, |at, size| Some(std::mem::replace(at, *at + size))).collect();
    let of = |class: usize, row: usize| {
        (starts[class]..starts[class] + sizes[class]).map(move |v| (v, row * supports + v))
    };
    let (mut weights, mut votes) = (vec![], vec![vec![]; classes]);
    for first in 0..classes {
        for second in first + 1..classes {
            votes[first].push((weights.len(), 1.0));
            votes[second].push((weights.len(), -1.0));
            let both = of(first, second - 1).chain(of(second, first));
            weights.push(both.map(|(v, at)| (v, coefficients[at])).collect::<Vec<_>>());
        }
    }
    let sums = b.along(&values, 1, &weights)?;
    let rho = b.known(Kind::F32, &[1, pairs], rho)?;
    let scores = b.add(&sums, &rho)?;
    let won = b.map(&scores, "step", &[])?;
    let ahead = b.along(&won, 1, &votes)?;
    // class j has a vote of each class before it that did not win
    let before = b.known(Kind::F32, &[1, classes], (0..classes).map(|j| j as f64).collect())?;
    let count = b.add(&ahead, &before)?;
    let count = b.retyped(&count, Kind::I64)?;
    let label = label(b, &count, &labels)?;
    let scores = match (classes, slopes.as_slice(), shifts.as_slice()) {
        (2, [], _) => {
            let turned = b.map(&scores, "neg", &[])?;
            b.concat(&[turned, scores], 1)?
        }
        (2, &[slope], &[shift]) => {
            // the probability of the first class is that of −(slope·s + shift)
            let argument = b.scale(&scores, -slope)?;
            let argument = b.shift(&argument, -shift)?;
            let first = b.map(&argument, "sigmoid", &[])?;
            let second = b.not(&first)?;
            b.concat(&[first, second], 1)?
        }
        (_, [], _) => scores,
        _ => return Err("probabilities of more than two classes are found by iteration, which is not supported; train without them".into()),
    };
    Ok(vec![label, post_transform(b, n, &scores)?])
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
