//! The choice of least cost as an integer program: a variable for each op of the e-graph, and one for whatever ops share, as a lookup
//! table's rows are shared.
//!
//! minimize Σ own(o)·x(o) + Σ price(s)·y(s), where
//! - of what the function says, each class is computed: Σ x(o) ≥ 1 over the ops o of the class;
//! - an op's operands are computed: Σ x(p) ≥ x(o) over the ops p of each class that o reads;
//! - what is shared is paid by whoever uses it: y(s) ≥ x(o).
//!
//! These allow circles, ops that compute each other out of nothing. Where a solution has one, the classes that it does not compute in any
//! order are a set that nothing outside leads into; whoever reads a class of such a set needs one of the ops that do lead into it, and
//! with these rows the program is solved again. They are the loop formulas of logic programs (Lin and Zhao 2004).
//!
//! Invariants: what comes out is a choice without circles, whose cost is counted in integers by [`Extractor::cost`]: the solver's own
//! numbers decide nothing; limits are on sizes and on nodes of branch and bound, so that the same e-graph gives the same choice.

use crate::extract::{Applied, Choice, Extractor};
use crate::op::{Node, Op};
use egg::Id;
use microlp::{ComparisonOp, OptimizationDirection, Problem, SolutionStatus, SolveOptions, Variable};
use std::collections::{BTreeMap, BTreeSet};

/// Ops that are chosen among, at most; beyond that nothing is tried.
const MOST_OPS: usize = 1500;
/// Nodes of branch and bound, at most.
const MOST_NODES: u64 = 500;
/// How often rows against circles are added.
const MOST_CUTS: usize = 24;

/// What found the cheapest form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Single moves from the function that is there.
    Search,
    /// Those, and an integer program says that nothing is cheaper.
    Optimal,
    /// The integer program.
    Ilp,
}

impl Decided {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Decided::Search => "search",
            Decided::Optimal => "search, and by the integer program nothing is cheaper",
            Decided::Ilp => "the integer program",
        }
    }
}

/// What the integer program found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The choice.
    pub choice: Choice,
    /// What it costs, in picoseconds.
    pub cost: u64,
    /// Whether no choice costs less.
    pub optimal: bool,
}

/// The choice of least cost; `None` where there are too many ops, or where no choice was found within the limits.
pub fn best<O: Op>(extractor: &Extractor<O>) -> Option<Found> {
    let wanted = Wanted::of(extractor);
    if wanted.ops.len() > MOST_OPS {
        return None;
    }
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let scale = wanted.ops.values().map(|price| price.0).chain(wanted.shared.values().copied()).max()?.max(1);
    let price = |picoseconds: u64| picoseconds as f64 * 1e6 / scale as f64;
    let ops: BTreeMap<&Applied, Variable> =
        wanted.ops.iter().map(|(op, (own, _))| (op, problem.add_binary_var(price(*own)))).collect();
    let shared: BTreeMap<&str, Variable> =
        wanted.shared.iter().map(|(name, own)| (*name, problem.add_var(price(*own), (0.0, 1.0)))).collect();
    let at_least = |problem: &mut Problem, any: &BTreeSet<Variable>, one: Option<Variable>| {
        if one.is_some_and(|one| any.contains(&one)) {
            return;
        }
        let row = any.iter().map(|&v| (v, 1.0)).chain(one.map(|v| (v, -1.0)));
        let least = if one.is_some() { 0.0 } else { 1.0 };
        problem.add_constraint(row.collect::<Vec<_>>(), ComparisonOp::Ge, least);
    };
    let makers = |class: Id| -> BTreeSet<Variable> {
        extractor.members(class).iter().filter_map(|node| ops.get(&applied(node)).copied()).collect()
    };
    for &class in &wanted.roots {
        at_least(&mut problem, &makers(class), None);
    }
    for (op, (_, names)) in &wanted.ops {
        let of: BTreeSet<Id> = op.1.iter().copied().collect();
        for class in of {
            at_least(&mut problem, &makers(class), Some(ops[op]));
        }
        for name in names {
            problem.add_constraint([(shared[name], 1.0), (ops[op], -1.0)], ComparisonOp::Ge, 0.0);
        }
    }
    for _ in 0..MOST_CUTS {
        tessera_cancel::point();
        let mut options = SolveOptions::default();
        options.node_limit = Some(MOST_NODES);
        let outcome = problem.solve_with(options).ok()?;
        let solution = outcome.into_solution().ok()?;
        let taken: BTreeSet<&Applied> =
            ops.iter().filter(|(_, v)| solution.var_value(**v) > 0.5).map(|(op, _)| *op).collect();
        let computed = computed(extractor, &wanted, &taken);
        let missing: BTreeSet<Id> = needed(&wanted, &taken).difference(&computed.0).copied().collect();
        if missing.is_empty() {
            let choice = extractor.today().with(computed.1);
            let cost = extractor.cost(&choice)?;
            return Some(Found { choice, cost, optimal: solution.status() == SolutionStatus::Optimal });
        }
        // ops that lead into what is missing from outside it
        let into: BTreeSet<Variable> = missing
            .iter()
            .flat_map(|&class| extractor.members(class))
            .map(applied)
            .filter(|op| op.1.iter().all(|class| !missing.contains(class)))
            .filter_map(|op| ops.get(&op).copied())
            .collect();
        if wanted.roots.iter().any(|class| missing.contains(class)) {
            at_least(&mut problem, &into, None);
        }
        for op in taken.iter().filter(|op| op.1.iter().any(|class| missing.contains(class))) {
            at_least(&mut problem, &into, Some(ops[*op]));
        }
    }
    None
}

/// What can be needed of an e-graph.
struct Wanted<'e> {
    /// Classes that the function says or returns.
    roots: BTreeSet<Id>,
    /// Ops that compute a class that can be needed: the price of each, and what it shares.
    ops: BTreeMap<Applied, (u64, Vec<&'e str>)>,
    /// What is shared, and its price.
    shared: BTreeMap<&'e str, u64>,
    /// Classes that can be needed.
    classes: BTreeSet<Id>,
}

impl<'e> Wanted<'e> {
    fn of<O: Op>(extractor: &'e Extractor<O>) -> Self {
        let roots = extractor.roots();
        let mut wanted = Wanted {
            roots: roots.clone(),
            ops: BTreeMap::new(),
            shared: BTreeMap::new(),
            classes: roots.clone(),
        };
        let mut todo: Vec<Id> = roots.into_iter().collect();
        while let Some(class) = todo.pop() {
            for node in extractor.members(class) {
                let op = applied(node);
                let Some(price) = extractor.price(&op) else { continue };
                let names = price.shared.iter().map(|(name, _)| &name[..]).collect();
                wanted.shared.extend(price.shared.iter().map(|(name, price)| (&name[..], *price)));
                todo.extend(op.1.iter().filter(|&&operand| wanted.classes.insert(operand)));
                wanted.ops.insert(op, (price.own, names));
            }
        }
        wanted
    }
}

fn applied(node: &Node) -> Applied {
    (node.op, node.operands.clone())
}

/// Classes that are computed by ops that were taken, one after the other, and by which member.
fn computed<O: Op>(
    extractor: &Extractor<O>,
    wanted: &Wanted,
    taken: &BTreeSet<&Applied>,
) -> (BTreeSet<Id>, BTreeMap<Id, Node>) {
    let (mut done, mut by) = (BTreeSet::new(), BTreeMap::new());
    loop {
        let before = done.len();
        for &class in wanted.classes.iter().filter(|class| !by.contains_key(*class)).collect::<Vec<_>>() {
            let ready = |node: &&Node| {
                taken.contains(&applied(node)) && node.operands.iter().all(|operand| done.contains(operand))
            };
            if let Some(node) = extractor.members(class).iter().find(ready) {
                done.insert(class);
                by.insert(class, node.clone());
            }
        }
        if done.len() == before {
            return (done, by);
        }
    }
}

/// Classes that have to be computed where these ops are taken.
fn needed(wanted: &Wanted, taken: &BTreeSet<&Applied>) -> BTreeSet<Id> {
    wanted.roots.iter().chain(taken.iter().flat_map(|op| op.1.iter())).copied().collect()
}
