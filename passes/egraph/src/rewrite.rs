//! Applying rules until nothing new is found, or as often as is allowed.
//!
//! Invariants: the same function and rules give the same e-graph: classes are visited by number, rules in their order, and what ends the
//! search is a number of rounds, of nodes, of matches, of operands, never a clock; a node whose type does not follow from its operands is not added; the
//! two sides of what is applied have one shape.

use crate::op::{Arg, Node, Op};
use crate::space::Space;
use crate::text::{Expr, Head, Operand, Rule, Term};
use egg::Id;
use std::collections::HashMap;
use tessera_mlir::{Error, Result};

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rounds over all rules.
    pub rounds: usize,
    /// Nodes of the e-graph.
    pub nodes: usize,
    /// Matches of a rule in a round.
    pub matches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rounds: 8, nodes: 20_000, matches: 4_000 }
    }
}

/// A rule that was applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Which rule, of those that were given.
    pub rule: usize,
    /// What was there.
    pub from: Id,
    /// What it equals.
    pub to: Id,
}

/// What the variables of a rule stand for.
pub type Binding<O> = Vec<Option<Arg<O>>>;

/// A term that is about to be added.
enum Plan<O: Op> {
    Class(Id),
    Node { op: O, result: u8, operands: Vec<Plan<O>>, ty: O::Type },
}

impl<O: Op> Space<O> {
    /// Applies rules; says in how many rounds, and whether nothing new was left to find.
    ///
    /// # Errors
    /// When the two sides of a rule differ in shape.
    pub fn saturate(&mut self, rules: &[Rule<O>], limits: &Limits) -> Result<(usize, bool)> {
        // what was applied in another round is equal already, and finding that out again costs as much
        let mut done: HashMap<(usize, Vec<Id>), Vec<Binding<O>>> = HashMap::new();
        for round in 0..limits.rounds {
            let mut found = vec![];
            for (index, rule) in rules.iter().enumerate() {
                let mut bindings = self.matches(rule, limits.matches);
                bindings.retain(|(roots, binding)| {
                    let known = done.get(&(index, roots.clone()));
                    known.is_none_or(|known| !known.contains(binding))
                        && self.holds(&rule.conditions, binding)
                        && self.holds(&rule.limits, binding)
                });
                found.extend(bindings.into_iter().map(|(roots, binding)| (index, roots, binding)));
            }
            let mut changed = false;
            for (index, roots, binding) in found {
                if self.egraph.total_number_of_nodes() >= limits.nodes {
                    return Ok((round + 1, false));
                }
                if let Some(new) = self.apply(&rules[index], index, &roots, &binding)? {
                    changed |= new;
                    done.entry((index, roots)).or_default().push(binding);
                }
            }
            self.egraph.rebuild();
            if !changed {
                return Ok((round + 1, true));
            }
        }
        Ok((limits.rounds, false))
    }

    /// Every way in which the left side of a rule is there, at most so many.
    pub fn matches(&self, rule: &Rule<O>, most: usize) -> Vec<(Vec<Id>, Binding<O>)> {
        let mut classes: Vec<Id> = self.egraph.classes().map(|class| class.id).collect();
        classes.sort_unstable();
        let mut found = vec![(vec![], vec![None; rule.variables.len()])];
        for term in &rule.left {
            let mut more = vec![];
            for (roots, binding) in &found {
                for &class in &classes {
                    let mut here = vec![];
                    self.term(term, class, binding, most, &mut here);
                    more.extend(here.into_iter().map(|binding| ([&roots[..], &[class]].concat(), binding)));
                    if more.len() > most {
                        break;
                    }
                }
            }
            more.truncate(most);
            found = more;
        }
        found
    }

    fn term(&self, term: &Term, class: Id, binding: &Binding<O>, most: usize, out: &mut Vec<Binding<O>>) {
        let class = self.find(class);
        let Term::Op { head, attributes, operands } = term else {
            let Term::Variable(variable) = term else { return };
            out.extend(bound(binding, *variable, Arg::Class(class)));
            return;
        };
        for node in &self.egraph[class].nodes {
            if out.len() >= most {
                return;
            }
            // what reads itself computes nothing
            if node.operands.iter().any(|&id| self.find(id) == class) {
                continue;
            }
            let op = self.op(node.op);
            let binding = match head {
                Head::Name(name, result) => {
                    let only = || self.results(node) == 1;
                    let fits = op.name() == name && result.map_or_else(only, |result| result == node.result);
                    fits.then(|| binding.clone())
                }
                Head::Any(variable) => bound(binding, *variable, Arg::Op(node.op, node.result)),
            };
            let Some(mut binding) = binding else { continue };
            if !attributes.is_empty() {
                let found = op.attributes();
                if found.len() != attributes.len() {
                    continue;
                }
                let pairs = attributes.iter().zip(found);
                let all = pairs.into_iter().try_fold(binding, |binding, (expected, found)| match expected {
                    Expr::Variable(variable) => bound(&binding, *variable, found),
                    Expr::Int(value) => (found == Arg::Int(*value)).then_some(binding),
                    Expr::Call(..) => None,
                });
                let Some(all) = all else { continue };
                binding = all;
            }
            self.operands(operands, &node.operands, &binding, most, out);
        }
    }

    /// How many results the op of a node has.
    fn results(&self, node: &Node) -> usize {
        let types = node.operands.iter().map(|&id| Some((self.find(id), self.ty(id)?.clone())));
        let types: Option<Vec<_>> = types.collect();
        types.and_then(|types| self.op(node.op).infer(self.env(), &types).ok()).map_or(0, |types| types.len())
    }

    fn operands(
        &self,
        expected: &[Operand],
        found: &[Id],
        binding: &Binding<O>,
        most: usize,
        out: &mut Vec<Binding<O>>,
    ) {
        let Some((first, rest)) = expected.split_first() else {
            if found.is_empty() {
                out.push(binding.clone());
            }
            return;
        };
        match &first.term {
            Term::Variable(variable) if first.many => {
                let least = if rest.is_empty() { found.len() } else { 0 };
                for length in least..=found.len() {
                    let part = found[..length].iter().map(|&id| self.find(id)).collect();
                    if out.len() < most
                        && let Some(binding) = bound(binding, *variable, Arg::Classes(part))
                    {
                        self.operands(rest, &found[length..], &binding, most, out);
                    }
                }
            }
            term if first.many => self.each(term, found, binding, most, out),
            term => {
                let Some((&id, others)) = found.split_first() else { return };
                let mut here = vec![];
                self.term(term, id, binding, most, &mut here);
                here.iter().for_each(|binding| self.operands(rest, others, binding, most, out));
            }
        }
    }

    /// Every operand is such a term: its variables for values stand for all of theirs, in order.
    fn each(&self, term: &Term, found: &[Id], binding: &Binding<O>, most: usize, out: &mut Vec<Binding<O>>) {
        let mut lists = vec![];
        values(term, &mut lists);
        lists.retain(|&variable| binding[variable].is_none());
        let mut partial = vec![(binding.clone(), vec![vec![]; lists.len()])];
        for &id in found {
            let mut more = vec![];
            for (binding, collected) in &partial {
                let mut here = vec![];
                self.term(term, id, binding, most, &mut here);
                for mut binding in here {
                    let mut collected = collected.clone();
                    for (&variable, list) in lists.iter().zip(&mut collected) {
                        if let Some(Arg::Class(class)) = binding[variable].take() {
                            list.push(class);
                        }
                    }
                    more.push((binding, collected));
                }
            }
            more.truncate(MOST_WAYS);
            partial = more;
        }
        for (mut binding, collected) in partial {
            for (&variable, list) in lists.iter().zip(collected) {
                binding[variable] = Some(Arg::Classes(list));
            }
            if !found.is_empty() {
                out.push(binding);
            }
        }
    }

    /// Whether all of these hold.
    pub fn holds(&self, conditions: &[Expr], binding: &Binding<O>) -> bool {
        conditions.iter().all(|condition| self.value(condition, binding) == Some(Arg::Bool(true)))
    }

    fn value(&self, expr: &Expr, binding: &Binding<O>) -> Option<Arg<O>> {
        match expr {
            Expr::Variable(variable) => binding[*variable].clone(),
            Expr::Int(value) => Some(Arg::Int(*value)),
            Expr::Call(name, arguments) => {
                let arguments = arguments.iter().map(|argument| self.value(argument, binding));
                O::call(self, name, &arguments.collect::<Option<Vec<_>>>()?)
            }
        }
    }

    /// Adds the right side of a rule, equal to the left; whether that is new. `None` where the sides do not fit what is there.
    fn apply(
        &mut self,
        rule: &Rule<O>,
        index: usize,
        roots: &[Id],
        binding: &Binding<O>,
    ) -> Result<Option<bool>> {
        let mut plans = vec![];
        for (left, right) in rule.left.iter().zip(&rule.right) {
            let mut fresh = 0;
            let (Some(left), Some(right)) =
                (self.plan(left, binding, &mut fresh), self.plan(right, binding, &mut fresh))
            else {
                return Ok(None);
            };
            plans.push((left, right));
        }
        for (&root, (_, right)) in roots.iter().zip(&plans) {
            let (Some(expected), Some(found)) = (self.ty(root).cloned(), self.type_of(right)) else {
                return Ok(None);
            };
            if O::meet(&expected, &found).is_none() {
                return Err(Error::new(format!(
                    "rule {}: its sides are not equal, the left is of {expected:?}, the right of {found:?}",
                    rule.name
                )));
            }
        }
        let mut changed = false;
        for (left, right) in plans {
            let (from, to) = (self.add(left), self.add(right));
            if self.egraph.union_trusted(from, to, &rule.name[..]) {
                self.applied.push(Applied { rule: index, from, to });
                changed = true;
            }
        }
        Ok(Some(changed))
    }

    fn type_of(&self, plan: &Plan<O>) -> Option<O::Type> {
        match plan {
            Plan::Class(class) => self.ty(*class).cloned(),
            Plan::Node { ty, .. } => Some(ty.clone()),
        }
    }

    /// A term on what its variables stand for; `None` where it does not fit together.
    fn plan(&self, term: &Term, binding: &Binding<O>, fresh: &mut usize) -> Option<Plan<O>> {
        let Term::Op { head, attributes, operands } = term else {
            let Term::Variable(variable) = term else { return None };
            let Some(Arg::Class(class)) = &binding[*variable] else { return None };
            return Some(Plan::Class(self.find(*class)));
        };
        let mut planned = vec![];
        for operand in operands {
            if !operand.many {
                planned.push(self.plan(&operand.term, binding, fresh)?);
                continue;
            }
            let mut lists = vec![];
            values(&operand.term, &mut lists);
            let length = lists.iter().find_map(|&variable| match &binding[variable] {
                Some(Arg::Classes(classes)) => Some(classes.len()),
                _ => None,
            })?;
            for index in 0..length {
                let mut one = binding.clone();
                for &variable in &lists {
                    if let Some(Arg::Classes(classes)) = &binding[variable] {
                        one[variable] = Some(Arg::Class(*classes.get(index)?));
                    }
                }
                planned.push(self.plan(&operand.term, &one, fresh)?);
            }
        }
        // where a class is an operand of itself, lists of operands in each other's place have no end
        if planned.len() > MOST_OPERANDS {
            return None;
        }
        let (op, result) = match head {
            Head::Name(name, result) => {
                let attributes: Vec<_> =
                    attributes.iter().map(|expr| self.value(expr, binding)).collect::<Option<_>>()?;
                (O::make(self.env(), name, &attributes, planned.len())?, result.unwrap_or(0))
            }
            Head::Any(variable) => {
                let Some(Arg::Op(op, result)) = &binding[*variable] else { return None };
                (self.op(*op).clone(), *result)
            }
        };
        let types: Option<Vec<(Id, O::Type)>> = planned
            .iter()
            .map(|plan| {
                let id = match plan {
                    Plan::Class(class) => *class,
                    // a value that is none's yet
                    Plan::Node { .. } => {
                        *fresh += 1;
                        Id::from(u32::MAX as usize - *fresh)
                    }
                };
                Some((id, self.type_of(plan)?))
            })
            .collect();
        let ty = op.infer(self.env(), &types?).ok()?.into_iter().nth(result.into())?;
        Some(Plan::Node { op, result, operands: planned, ty })
    }

    fn add(&mut self, plan: Plan<O>) -> Id {
        match plan {
            Plan::Class(class) => class,
            Plan::Node { op, result, operands, .. } => {
                let operands: Box<[Id]> = operands.into_iter().map(|plan| self.add(plan)).collect();
                let op = self.egraph.analysis.ops.number(op);
                self.egraph.add_uncanonical(Node { op, result, operands })
            }
        }
    }
}

/// Ways in which operands are such a term, at most.
const MOST_WAYS: usize = 64;
/// Operands of a node that a rule makes, at most.
const MOST_OPERANDS: usize = 64;

/// The variables of a term that stand for values.
fn values(term: &Term, out: &mut Vec<usize>) {
    match term {
        Term::Variable(variable) => out.push(*variable),
        Term::Op { operands, .. } => operands.iter().for_each(|operand| values(&operand.term, out)),
    }
}

/// With one variable more; `None` where it stands for something else already.
fn bound<O: Op>(binding: &Binding<O>, variable: usize, arg: Arg<O>) -> Option<Binding<O>> {
    match &binding[variable] {
        Some(known) => (*known == arg).then(|| binding.clone()),
        None => {
            let mut more = binding.clone();
            more[variable] = Some(arg);
            Some(more)
        }
    }
}
