//! Ensembles of decision trees (`ai.onnx.ml`), all at once: every decision is a comparison with a threshold; a leaf is reached
//! where all decisions on its path are as they must be, so where their number is the length of the path.
//!
//! Three constant linear maps with two functions in between: features → decisions → leaves → results.

use super::learned::{label, labels, post_transform, rows};
use super::{ML, operators};
use crate::build::{Builder, Reason, Value};
use crate::node::Node;
use crate::tensor::Kind;
use crate::translate::Translator;
use std::collections::HashMap;

operators! { ML;
    "TreeEnsemble" => tree_ensemble,
    "TreeEnsembleClassifier" => tree_classifier,
    "TreeEnsembleRegressor" => tree_regressor,
}

/// A comparison of a feature with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
}

#[derive(Clone, Copy)]
struct Decision {
    feature: usize,
    threshold: f64,
    mode: Mode,
}

/// A leaf: the decisions on its path, with what each must be, and what it adds to which result.
struct Leaf {
    path: Vec<(usize, bool)>,
    weights: Vec<(usize, f64)>,
}

/// An ensemble, flattened.
#[derive(Default)]
struct Ensemble {
    decisions: Vec<Decision>,
    leaves: Vec<Leaf>,
    trees: usize,
}

fn mode(text: &str) -> Result<Option<Mode>, Reason> {
    Ok(Some(match text {
        "BRANCH_LEQ" => Mode::Leq,
        "BRANCH_LT" => Mode::Lt,
        "BRANCH_GTE" => Mode::Gte,
        "BRANCH_GT" => Mode::Gt,
        "BRANCH_EQ" => Mode::Eq,
        "BRANCH_NEQ" => Mode::Neq,
        "LEAF" => return Ok(None),
        other => return Err(format!("nodes of the kind \"{other}\" are not supported")),
    }))
}

impl Ensemble {
    /// The sums of the leaves' weights: [rows, results].
    fn sums(&self, b: &mut Builder, x: &Value, results: usize) -> Result<Value, Reason> {
        let (x, _, features) = rows(b, x)?;
        if let Some(d) = self.decisions.iter().find(|d| d.feature >= features) {
            return Err(format!("feature {} is asked for, there are {features}", d.feature));
        }
        let mut order: Vec<usize> = (0..self.decisions.len()).collect();
        order.sort_by_key(|&d| self.decisions[d].mode as u8);
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &d)| place[d] = at);
        let chosen: Vec<Vec<(usize, f64)>> =
            order.iter().map(|&d| vec![(self.decisions[d].feature, 1.0)]).collect();
        let thresholds: Vec<f64> = order.iter().map(|&d| self.decisions[d].threshold).collect();
        let leaves = match order.is_empty() {
            true => None,
            false => {
                let values = b.along(&x, 1, &chosen)?;
                let thresholds = b.known(Kind::F32, &[1, thresholds.len()], thresholds)?;
                let over = b.sub(&values, &thresholds)?;
                let truths = self.truths(b, &over, &order)?;
                // as many decisions as must be true are, less those that must not be
                let mut counts = vec![];
                for leaf in &self.leaves {
                    counts.push(-(leaf.path.iter().filter(|(_, t)| *t).count() as f64));
                }
                let row = |leaf: &Leaf| {
                    leaf.path.iter().map(|&(d, t)| (place[d], if t { 1.0 } else { -1.0 })).collect()
                };
                let met = b.along(&truths, 1, &self.leaves.iter().map(row).collect::<Vec<_>>())?;
                let counts = b.known(Kind::F32, &[1, counts.len()], counts)?;
                let missing = b.add(&met, &counts)?;
                Some(b.map(&missing, "equal_zero", &[])?)
            }
        };
        let mut weights = vec![vec![]; results];
        for (at, leaf) in self.leaves.iter().enumerate() {
            for &(result, w) in &leaf.weights {
                weights.get_mut(result).ok_or("a leaf is of a result that does not exist")?.push((at, w));
            }
        }
        match leaves {
            Some(leaves) => b.along(&leaves, 1, &weights),
            None => Err("trees without decisions are not supported".into()),
        }
    }

    /// 1 where a decision is true, from the differences to the thresholds; those of one mode stand together.
    fn truths(&self, b: &mut Builder, over: &Value, order: &[usize]) -> Result<Value, Reason> {
        let (mut parts, mut start) = (vec![], 0);
        while start < order.len() {
            let mode = self.decisions[order[start]].mode;
            let size = order[start..].iter().take_while(|&&d| self.decisions[d].mode == mode).count();
            let part = b.slice(over, 1, start, size, 1)?;
            let below = |b: &mut Builder| {
                let turned = b.map(&part, "neg", &[])?;
                b.map(&turned, "step", &[])
            };
            parts.push(match mode {
                Mode::Gt => b.map(&part, "step", &[])?,
                Mode::Lt => below(b)?,
                Mode::Leq => {
                    let above = b.map(&part, "step", &[])?;
                    b.not(&above)?
                }
                Mode::Gte => {
                    let below = below(b)?;
                    b.not(&below)?
                }
                Mode::Eq => b.map(&part, "equal_zero", &[])?,
                Mode::Neq => {
                    let equal = b.map(&part, "equal_zero", &[])?;
                    b.not(&equal)?
                }
            });
            start += size;
        }
        b.concat(&parts, 1)
    }
}

/// The attributes of `TreeEnsembleClassifier` and `TreeEnsembleRegressor`, where lists are by nodes.
fn read(n: &Node, leaf: &str) -> Result<Ensemble, Reason> {
    let ints = |name: &str| n.ints(name).unwrap_or_default();
    n.floats("nodes_hitrates");
    if n.ints("nodes_missing_value_tracks_true").is_some_and(|m| m.iter().any(|&m| m != 0)) {
        return Err("missing features are not supported".into());
    }
    let (trees, ids, features) = (ints("nodes_treeids"), ints("nodes_nodeids"), ints("nodes_featureids"));
    let (yes, no) = (ints("nodes_truenodeids"), ints("nodes_falsenodeids"));
    let (values, modes) = (n.floats("nodes_values").unwrap_or_default(), n.texts("nodes_modes"));
    let count = ids.len();
    if [trees.len(), features.len(), yes.len(), no.len(), values.len(), modes.len()] != [count; 6] {
        return Err("the lists of nodes have different lengths".into());
    }
    let at: HashMap<(i64, i64), usize> = (0..count).map(|i| ((trees[i], ids[i]), i)).collect();
    let mut weights: HashMap<(i64, i64), Vec<(usize, f64)>> = HashMap::new();
    let lists =
        (ints(&format!("{leaf}_treeids")), ints(&format!("{leaf}_nodeids")), ints(&format!("{leaf}_ids")));
    let given = n.floats(&format!("{leaf}_weights")).unwrap_or_default();
    for (((&tree, &node), &result), &w) in lists.0.iter().zip(&lists.1).zip(&lists.2).zip(&given) {
        let result = usize::try_from(result).map_err(|e| e.to_string())?;
        weights.entry((tree, node)).or_default().push((result, w));
    }
    let mut ensemble = Ensemble::default();
    let reached: std::collections::HashSet<(i64, i64)> = (0..count)
        .filter(|&i| modes[i] != "LEAF")
        .flat_map(|i| [(trees[i], yes[i]), (trees[i], no[i])])
        .collect();
    for root in (0..count).filter(|&i| !reached.contains(&(trees[i], ids[i]))) {
        ensemble.trees += 1;
        let mut open = vec![(root, vec![])];
        let mut visited = 0;
        while let Some((i, path)) = open.pop() {
            visited += 1;
            if visited > count {
                return Err("a tree goes in a circle".into());
            }
            match mode(&modes[i])? {
                None => {
                    let weights = weights.get(&(trees[i], ids[i])).cloned().unwrap_or_default();
                    ensemble.leaves.push(Leaf { path, weights });
                }
                Some(mode) => {
                    let feature = usize::try_from(features[i]).map_err(|e| e.to_string())?;
                    ensemble.decisions.push(Decision { feature, threshold: values[i], mode });
                    let decision = ensemble.decisions.len() - 1;
                    for (next, truth) in [(no[i], false), (yes[i], true)] {
                        let next = at.get(&(trees[i], next)).ok_or("a node of a tree is missing")?;
                        let path = [&path[..], &[(decision, truth)]].concat();
                        open.push((*next, path));
                    }
                }
            }
        }
    }
    Ok(ensemble)
}

/// Sums and a base for each result, as the attributes say.
fn aggregate(
    b: &mut Builder,
    n: &Node,
    ensemble: &Ensemble,
    x: &Value,
    results: usize,
) -> Result<Value, Reason> {
    let mut sums = ensemble.sums(b, x, results)?;
    match n.text("aggregate_function").as_deref().unwrap_or("SUM") {
        "SUM" => {}
        "AVERAGE" => sums = b.scale(&sums, 1.0 / ensemble.trees.max(1) as f64)?,
        other => return Err(format!("the aggregate_function \"{other}\" is not supported")),
    }
    let base = n.floats("base_values").unwrap_or_default();
    match base.len() {
        0 => Ok(sums),
        len if len == results || len == 1 => {
            let base = b.known(Kind::F32, &[1, len], base)?;
            b.add(&sums, &base)
        }
        len => Err(format!("expected {results} base values, found {len}")),
    }
}

fn tree_regressor(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let ensemble = read(n, "target")?;
    let targets = usize::try_from(n.int("n_targets").unwrap_or(1)).map_err(|e| e.to_string())?;
    let y = aggregate(b, n, &ensemble, x, targets)?;
    Ok(vec![post_transform(b, n, &y)?])
}

fn tree_classifier(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let ensemble = read(n, "class")?;
    let labels = labels(n, ["classlabels_int64s", "classlabels_strings"])?;
    let classes: std::collections::BTreeSet<usize> =
        ensemble.leaves.iter().flat_map(|l| l.weights.iter().map(|(c, _)| *c)).collect();
    if labels.len() == 2 && classes.len() == 1 {
        return binary(b, n, ensemble, x, &labels);
    }
    let scores = aggregate(b, n, &ensemble, x, labels.len())?;
    let label = label(b, &scores, &labels)?;
    Ok(vec![label, post_transform(b, n, &scores)?])
}

/// Two classes with the score of one: a probability where no weight is negative, a distance from 0 otherwise.
fn binary(
    b: &mut Builder,
    n: &Node,
    mut ensemble: Ensemble,
    x: &Value,
    labels: &[f64],
) -> Result<Vec<Value>, Reason> {
    let weights = || ensemble.leaves.iter().flat_map(|l| l.weights.iter().map(|(_, w)| *w));
    let probability = weights().all(|w| w >= 0.0);
    for weight in ensemble.leaves.iter_mut().flat_map(|l| &mut l.weights) {
        weight.0 = 0;
    }
    let base = n.floats("base_values").unwrap_or_default();
    let mut score = ensemble.sums(b, x, 1)?;
    if let Some(base) = base.last() {
        score = b.shift(&score, *base)?;
    }
    let post = n.text("post_transform").unwrap_or_else(|| "NONE".into());
    let (other, decided) = match (post.as_str(), probability) {
        ("NONE", true) => (b.not(&score)?, b.shift(&score, -0.5)?),
        ("NONE" | "LOGISTIC", false) => (b.map(&score, "neg", &[])?, score.clone()),
        (post, _) => return Err(format!("the post_transform \"{post}\" of one score is not supported")),
    };
    let second = b.map(&decided, "step", &[])?;
    let label = b.scale(&second, labels[1] - labels[0])?;
    let label = b.shift(&label, labels[0])?;
    let count = b.shape(&label)[0];
    let label = b.reshape(&label, &[count])?;
    let scores = b.concat(&[other, score], 1)?;
    let scores = if post == "LOGISTIC" { b.map(&scores, "sigmoid", &[])? } else { scores };
    Ok(vec![b.retyped(&label, Kind::I64)?, scores])
}

/// The newer operator, where leaves have lists of their own.
fn tree_ensemble(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let ints = |name: &str| n.ints(name).unwrap_or_default();
    let tensor =
        |name: &str| n.tensor(name)?.map(|t| t.numbers()).ok_or_else(|| format!("{name} is missing"));
    let (features, splits, modes) =
        (ints("nodes_featureids"), tensor("nodes_splits")?, tensor("nodes_modes")?);
    let (yes, no) = (ints("nodes_truenodeids"), ints("nodes_falsenodeids"));
    let (yes_leaf, no_leaf) = (ints("nodes_trueleafs"), ints("nodes_falseleafs"));
    let (targets, weights, roots) = (ints("leaf_targetids"), tensor("leaf_weights")?, ints("tree_roots"));
    n.tensor("nodes_hitrates")?;
    if n.ints("nodes_missing_value_tracks_true").is_some_and(|m| m.iter().any(|&m| m != 0)) {
        return Err("missing features are not supported".into());
    }
    if n.tensor("membership_values")?.is_some() {
        return Err("nodes that test for membership are not supported".into());
    }
    let count = features.len();
    if [splits.len(), modes.len(), yes.len(), no.len(), yes_leaf.len(), no_leaf.len()] != [count; 6] {
        return Err("the lists of nodes have different lengths".into());
    }
    let results = usize::try_from(n.int("n_targets").unwrap_or(1)).map_err(|e| e.to_string())?;
    let order = [Mode::Leq, Mode::Lt, Mode::Gte, Mode::Gt, Mode::Eq, Mode::Neq];
    let mut ensemble = Ensemble::default();
    for &root in &roots {
        ensemble.trees += 1;
        let mut open = vec![(root, false, vec![])];
        let mut visited = 0;
        while let Some((at, is_leaf, path)) = open.pop() {
            visited += 1;
            if visited > 2 * count + 1 {
                return Err("a tree goes in a circle".into());
            }
            let at = usize::try_from(at).map_err(|e| e.to_string())?;
            if is_leaf {
                let (target, w) = targets.get(at).zip(weights.get(at)).ok_or("a leaf is missing")?;
                let target = usize::try_from(*target).map_err(|e| e.to_string())?;
                ensemble.leaves.push(Leaf { path, weights: vec![(target, *w)] });
                continue;
            }
            if at >= count {
                return Err("a node of a tree is missing".into());
            }
            let mode = order.get(modes[at] as usize).copied();
            let mode = mode.ok_or("nodes that test for membership are not supported")?;
            let feature = usize::try_from(features[at]).map_err(|e| e.to_string())?;
            ensemble.decisions.push(Decision { feature, threshold: splits[at], mode });
            let decision = ensemble.decisions.len() - 1;
            for (next, leaf, truth) in [(no[at], no_leaf[at], false), (yes[at], yes_leaf[at], true)] {
                open.push((next, leaf != 0, [&path[..], &[(decision, truth)]].concat()));
            }
        }
    }
    let mut sums = ensemble.sums(b, x, results)?;
    match n.int("aggregate_function").unwrap_or(1) {
        0 => sums = b.scale(&sums, 1.0 / roots.len().max(1) as f64)?,
        1 => {}
        other => return Err(format!("aggregate_function {other} is not supported")),
    }
    if n.int("post_transform").unwrap_or(0) != 0 {
        return Err("a post_transform of trees is not supported".into());
    }
    Ok(vec![sums])
}
