//! What the optimizer saw, as text for people: every class with its members, and why an op is what it is.
//!
//! Invariant: what is printed is in the order of classes and nodes, so that it is the same in every run.

use crate::extract::{Choice, Extractor, canonical};
use crate::ilp::Decided;
use crate::op::{Arg, Node, Op};
use crate::space::Space;
use egg::{Explanation, Id, TreeTerm};
use std::collections::{BTreeSet, HashSet};
use std::fmt::{Display, Write};
use std::rc::Rc;
use tessera_mlir::{Error, Result, graph::Graph};

/// Every class that a choice computes, and its members; a star stands before what was chosen.
pub fn classes<O: Op>(space: &Space<O>, extractor: &Extractor<O>, choice: &Choice) -> String {
    let mut text = String::new();
    let mut ids: Vec<Id> = space.egraph.classes().map(|class| class.id).collect();
    ids.sort_unstable();
    let reached = extractor.reached(choice);
    for class in ids {
        let ty = space.ty(class).map_or("?".into(), |ty| O::show_type(ty));
        let unused = if reached.contains(&class) { "" } else { ", not used" };
        let _ = writeln!(text, "c{class}: {ty}{unused}");
        for node in extractor.members(class) {
            let chosen = reached.contains(&class) && extractor.chosen(choice, class) == Some(node);
            let _ = writeln!(text, "  {} {}", if chosen { '*' } else { ' ' }, show(space, node));
        }
    }
    text
}

/// A node as rules write it.
fn show<O: Op>(space: &Space<O>, node: &Node) -> String {
    let op = space.op(node.op);
    let mut text = op.name().to_owned();
    if node.result > 0 {
        let _ = write!(text, ".{}", node.result);
    }
    let attributes: Vec<String> = op.attributes().iter().map(show_arg).collect();
    if !attributes.is_empty() {
        let _ = write!(text, "[{}]", attributes.join(", "));
    }
    let label = op.label();
    if !label.is_empty() {
        let _ = write!(text, " {label}");
    }
    if !node.operands.is_empty() {
        let operands: Vec<String> = node.operands.iter().map(|&id| format!("c{}", space.find(id))).collect();
        let _ = write!(text, "({})", operands.join(", "));
    }
    text
}

fn show_arg<O: Op>(arg: &Arg<O>) -> String
where
    O::Attr: Display,
{
    match arg {
        Arg::Attr(attr) => attr.to_string(),
        Arg::Int(value) => value.to_string(),
        Arg::Bool(value) => value.to_string(),
        Arg::Class(_) | Arg::Classes(_) | Arg::Op(..) => String::new(),
    }
}

/// Why the ops of a function that `which` names are what they are in the choice: the members of each one's class, by how much more the
/// whole would cost with each, and the rules that lead from what was there to what was chosen. `which` is the name of a node of the model, or
/// a line of the file.
///
/// # Errors
/// When it names no op.
pub fn choice<O: Op>(
    space: &mut Space<O>,
    graph: &Graph<O::Node>,
    (choice, by): (&Choice, Decided),
    which: &str,
) -> Result<String> {
    let line = which.parse::<usize>().ok();
    let named = |place: &tessera_mlir::Place| {
        place.node.as_deref() == Some(which)
            || place.file.as_ref().is_some_and(|(_, at, _)| Some(*at) == line)
    };
    let sources: Vec<usize> =
        (0..graph.ops.len()).filter(|&source| named(&graph.ops[source].place)).collect();
    if sources.is_empty() {
        return Err(Error::new(format!("no op is of a node {which:?} or on a line {which}")));
    }
    let mut text = String::new();
    let mut proofs = vec![];
    {
        let extractor = Extractor::new(space);
        let best = extractor.cost(choice).unwrap_or_default();
        let reached = extractor.reached(choice);
        for source in sources {
            for &value in &graph.ops[source].results {
                let (origin, id) = space.origins[value].clone();
                let class = space.find(id);
                let ty = O::show_type(&graph.values[value]);
                let _ = writeln!(
                    text,
                    "'{}' at {}, c{class}: {ty}",
                    space.op(origin.op).name(),
                    graph.ops[source].source()
                );
                let now = extractor.chosen(choice, class).filter(|_| reached.contains(&class)).cloned();
                for (node, with) in extractor.members(class).iter().zip(extractor.members_of(choice, class)) {
                    let more = match extractor.cost(&with) {
                        _ if now.is_none() => "not used".into(),
                        None => "in a circle".into(),
                        Some(cost) if cost >= best => format!("+{}", nanoseconds(cost - best)),
                        Some(cost) => format!("-{}", nanoseconds(best - cost)),
                    };
                    let (star, was) = (
                        if Some(node) == now.as_ref() { '*' } else { ' ' },
                        canonical(space, &origin) == *node,
                    );
                    let was = if was { ", as it was" } else { "" };
                    let _ = writeln!(text, "  {star} {}: {more}{was}", show(space, node));
                }
                if !extractor.members(class).contains(&canonical(space, &origin)) {
                    let _ = writeln!(
                        text,
                        "    {}: as it was, which reads what it equals",
                        show(space, &canonical(space, &origin))
                    );
                }
                let sole = extractor.members(class).len() == 1;
                proofs.push((text.len(), id, now, canonical(space, &origin), sole));
            }
        }
    }
    // from the last on, since what is put in moves what follows
    for (at, id, now, origin, sole) in proofs.into_iter().rev() {
        let why = match now {
            None => "  nothing that was chosen reads it\n".to_owned(),
            Some(node) if node == origin => "  nothing equal is cheaper\n".to_owned(),
            Some(node) => {
                let to = space.egraph.add_uncanonical(node);
                let rules = proof(&mut space.egraph.explain_id_equivalence(id, to));
                let how = if rules.is_empty() {
                    "its operands are equal to others".to_owned()
                } else {
                    rules.join(", ")
                };
                format!(
                    "  equal by {how}; chosen by {}\n",
                    if sole { "equality: it has no other form" } else { by.text() }
                )
            }
        };
        text.insert_str(at, &why);
    }
    Ok(text)
}

fn nanoseconds(picoseconds: u64) -> String {
    format!("{} ns", picoseconds / 1000)
}

/// The rules of a proof, in order, each once.
fn proof(explanation: &mut Explanation<Node>) -> Vec<String> {
    let mut rules = vec![];
    let mut seen = HashSet::new();
    let mut todo: Vec<Rc<TreeTerm<Node>>> = explanation.explanation_trees.iter().rev().cloned().collect();
    let mut named = BTreeSet::new();
    while let Some(term) = todo.pop() {
        if !seen.insert(Rc::as_ptr(&term)) {
            continue;
        }
        for (rule, back) in [(term.forward_rule, ""), (term.backward_rule, " read from right to left")] {
            if let Some(rule) = rule
                && named.insert((rule.to_string(), back))
            {
                rules.push(format!("{rule}{back}"));
            }
        }
        todo.extend(term.child_proofs.iter().flatten().rev().cloned());
    }
    rules
}
