//! Ensembles of decision trees (`ai.onnx.ml`), all at once: every decision is a comparison with a threshold; a leaf is reached
//! where all decisions on its path are as they must be, so where their number is the length of the path.
//!
//! Three constant linear maps with two functions in between: features → tests → leaves → results. The second one goes tree by
//! tree: it is a convolution of one tap with a group for each tree.

use super::compare::is_whole;
use super::learned::{label, labels, post_transform, rows};
use super::windows::{Walk, convolution};
use super::{ML, operators};
use crate::build::{Builder, Reason, Value};
use crate::node::Node;
use crate::tensor::Kind;
use crate::translate::Translator;
use std::collections::HashMap;
use tessera_nn::NnOp;

operators! { ML;
    "TreeEnsemble" => tree_ensemble,
    "TreeEnsembleClassifier" => tree_classifier,
    "TreeEnsembleRegressor" => tree_regressor,
}

/// Coefficients of a map between two layers of an ensemble.
const PAIRS: usize = 1 << 25;
/// Decisions on the paths to all leaves.
const PATHS: usize = 1 << 22;

/// What is asked of a feature, times a sign, less a threshold times that sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// Whether it is above 0.
    Above,
    /// Whether it is 0.
    Equal,
}

/// A comparison of a feature with a threshold: true where the test is `truth`.
#[derive(Clone, Copy)]
struct Decision {
    feature: usize,
    threshold: f64,
    sign: f64,
    test: Test,
    truth: bool,
}

impl Decision {
    fn new(mode: &str, feature: i64, threshold: f64) -> Result<Self, Reason> {
        let (test, sign, truth) = match mode {
            "BRANCH_GT" => (Test::Above, 1.0, true),
            "BRANCH_LEQ" => (Test::Above, 1.0, false),
            "BRANCH_LT" => (Test::Above, -1.0, true),
            "BRANCH_GTE" => (Test::Above, -1.0, false),
            "BRANCH_EQ" => (Test::Equal, 1.0, true),
            "BRANCH_NEQ" => (Test::Equal, 1.0, false),
            other => return Err(format!("nodes of the kind \"{other}\" are not supported")),
        };
        let feature = usize::try_from(feature).map_err(|e| e.to_string())?;
        Ok(Self { feature, threshold, sign, test, truth })
    }
}

/// A leaf: the decisions on its path, with what each must be, and what it adds to which result.
struct Leaf {
    path: Vec<(usize, bool)>,
    weights: Vec<(usize, f64)>,
}

#[derive(Default)]
struct Tree {
    decisions: Vec<Decision>,
    leaves: Vec<Leaf>,
}

/// A node of a file: what it adds to which result, or the nodes that follow where its decision is false and where it is true.
enum Step<I> {
    Leaf(Vec<(usize, f64)>),
    Split(Decision, [I; 2]),
}

#[derive(Default)]
struct Ensemble {
    trees: Vec<Tree>,
    /// Decisions on the paths so far.
    paths: usize,
}

impl Ensemble {
    /// Adds a tree of at most `nodes` nodes and leaves.
    fn grow<I>(
        &mut self,
        root: I,
        nodes: usize,
        step: impl Fn(I) -> Result<Step<I>, Reason>,
    ) -> Result<(), Reason> {
        let mut tree = Tree::default();
        let mut open = vec![(root, vec![])];
        let mut visited = 0;
        while let Some((at, path)) = open.pop() {
            visited += 1;
            self.paths += path.len();
            if visited > nodes {
                return Err("a tree goes in a circle".into());
            }
            if self.paths > PATHS {
                return Err(format!(
                    "trees with more than {PATHS} decisions on all their paths are not supported"
                ));
            }
            match step(at)? {
                Step::Leaf(weights) => tree.leaves.push(Leaf { path, weights }),
                Step::Split(decision, [no, yes]) => {
                    let number = tree.decisions.len();
                    tree.decisions.push(decision);
                    let with = |truth: bool| [&path[..], &[(number, truth)]].concat();
                    open.extend([(no, with(false)), (yes, with(true))]);
                }
            }
        }
        self.trees.push(tree);
        Ok(())
    }

    fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        self.trees.iter().flat_map(|tree| &tree.leaves)
    }

    /// The sums of the leaves' weights: [rows, results].
    fn sums(&self, b: &mut Builder, x: &Value, results: usize) -> Result<Value, Reason> {
        let (x, count, features) = rows(b, x)?;
        let decisions = || self.trees.iter().flat_map(|tree| &tree.decisions);
        if let Some(d) = decisions().find(|d| d.feature >= features) {
            return Err(format!("feature {} is asked for, there are {features}", d.feature));
        }
        if decisions().next().is_none() {
            return Err("trees without decisions are not supported".into());
        }
        if self.leaves().flat_map(|leaf| &leaf.weights).any(|(result, _)| *result >= results) {
            return Err("a leaf is of a result that does not exist".into());
        }
        // as many tests and leaves a tree as the largest has
        let tests = [Test::Above, Test::Equal].map(|test| {
            let of = |tree: &Tree| tree.decisions.iter().filter(|d| d.test == test).count();
            (test, self.trees.iter().map(of).max().unwrap_or(0))
        });
        let per_tree: usize = tests.iter().map(|(_, size)| size).sum();
        let leaves = self.trees.iter().map(|tree| tree.leaves.len()).max().unwrap_or(0);
        let trees = self.trees.len();
        let sizes = [(trees * per_tree, features), (trees * leaves, per_tree), (results, trees * leaves)];
        if sizes.iter().any(|(to, from)| to.saturating_mul(*from) > PAIRS) {
            return Err(format!(
                "an ensemble is too large: at most {PAIRS} pairs of features and tests, of tests and leaves, and of leaves and results are supported"
            ));
        }
        let (mut truths, mut place) = (vec![], vec![vec![]; trees]);
        let mut start = 0;
        for (test, size) in tests.into_iter().filter(|(_, size)| *size > 0) {
            let mut chosen = vec![0.0; trees * size * features];
            let mut thresholds = vec![0.0; trees * size];
            for (t, tree) in self.trees.iter().enumerate() {
                place[t].resize(tree.decisions.len(), 0);
                let same = tree.decisions.iter().enumerate().filter(|(_, d)| d.test == test);
                for (k, (number, d)) in same.enumerate() {
                    place[t][number] = start + k;
                    chosen[(t * size + k) * features + d.feature] = d.sign;
                    thresholds[t * size + k] = d.sign * d.threshold;
                }
            }
            let w = b.known(Kind::F32, &[trees * size, features], chosen)?;
            let values = b.push(NnOp::Linear { x: x.clone(), w, bias: None }, Kind::F32)?;
            let thresholds = b.known(Kind::F32, &[1, trees * size], thresholds)?;
            let over = b.sub(&values, &thresholds)?;
            let truth = b.map(&over, if test == Test::Above { "step" } else { "equal_zero" }, &[])?;
            truths.push(b.reshape(&truth, &[count, trees, size])?);
            start += size;
        }
        let truths = b.concat(&truths, 2)?;
        let truths = b.reshape(&truths, &[count, trees * per_tree, 1, 1])?;
        // as many tests as must be true are, less those that must not be
        let mut met = vec![0.0; trees * leaves * per_tree];
        let mut wanted = vec![0.0; trees * leaves];
        let mut weights = vec![0.0; results * trees * leaves];
        for (t, tree) in self.trees.iter().enumerate() {
            for (k, leaf) in tree.leaves.iter().enumerate() {
                let at = t * leaves + k;
                for &(number, truth) in &leaf.path {
                    let positive = truth == tree.decisions[number].truth;
                    met[at * per_tree + place[t][number]] = if positive { 1.0 } else { -1.0 };
                    wanted[at] += f64::from(u8::from(positive));
                }
                for &(result, w) in &leaf.weights {
                    weights[result * trees * leaves + at] += w;
                }
            }
        }
        let w = b.known(Kind::F32, &[trees * leaves, per_tree, 1, 1], met)?;
        let met = convolution(b, &truths, &w, None, &[Walk::ONE; 2], trees)?;
        let met = b.reshape(&met, &[count, trees * leaves])?;
        let wanted = b.known(Kind::F32, &[1, trees * leaves], wanted)?;
        let missing = b.sub(&met, &wanted)?;
        let reached = is_whole(b, &missing, 0.0)?;
        let w = b.known(Kind::F32, &[results, trees * leaves], weights)?;
        b.push(NnOp::Linear { x: reached, w, bias: None }, Kind::F32)
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
        ensemble.grow(root, count, |i| {
            if modes[i] == "LEAF" {
                return Ok(Step::Leaf(weights.get(&(trees[i], ids[i])).cloned().unwrap_or_default()));
            }
            let next = |id: i64| at.get(&(trees[i], id)).copied().ok_or("a node of a tree is missing");
            Ok(Step::Split(Decision::new(&modes[i], features[i], values[i])?, [next(no[i])?, next(yes[i])?]))
        })?;
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
        "AVERAGE" => sums = b.scale(&sums, 1.0 / ensemble.trees.len().max(1) as f64)?,
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
    let labels = labels(&t.texts, n, ["classlabels_int64s", "classlabels_strings"])?;
    let classes: std::collections::BTreeSet<usize> =
        ensemble.leaves().flat_map(|l| l.weights.iter().map(|(c, _)| *c)).collect();
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
    let probability = ensemble.leaves().flat_map(|l| &l.weights).all(|(_, w)| *w >= 0.0);
    let leaves = ensemble.trees.iter_mut().flat_map(|tree| &mut tree.leaves);
    for weight in leaves.flat_map(|l| &mut l.weights) {
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
    let order = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];
    let mut ensemble = Ensemble::default();
    for &root in &roots {
        ensemble.grow((root, false), 2 * count + 1, |(at, is_leaf)| {
            let at = usize::try_from(at).map_err(|e| e.to_string())?;
            if is_leaf {
                let (target, w) = targets.get(at).zip(weights.get(at)).ok_or("a leaf is missing")?;
                let target = usize::try_from(*target).map_err(|e| e.to_string())?;
                return Ok(Step::Leaf(vec![(target, *w)]));
            }
            if at >= count {
                return Err("a node of a tree is missing".into());
            }
            let mode =
                order.get(modes[at] as usize).ok_or("nodes that test for membership are not supported")?;
            let decision = Decision::new(mode, features[at], splits[at])?;
            Ok(Step::Split(decision, [(no[at], no_leaf[at] != 0), (yes[at], yes_leaf[at] != 0)]))
        })?;
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
