//! The e-graph of a function: equal values in one class, with what is known of each.
//!
//! Invariants: a class's type holds for every member, so it is the meeting of what is known of each; what stays, as inputs and outputs
//! do, is kept beside the classes, in order; the members of a class that came from the function are known by the op they came from.

use crate::op::{Arg, Node, Op, OpId, Ops};
use crate::rewrite::Applied;
use egg::{Analysis, DidMerge, EGraph, Id};
use std::collections::BTreeSet;
use tessera_mlir::{Error, Result, graph::Graph, graph::ValueId};

/// What is known of a class.
#[derive(Clone, Debug)]
pub struct Known<O: Op> {
    /// The type that every member has; none where a member does not fit its operands, which no rule makes.
    pub ty: Option<O::Type>,
    /// The ops of the function that compute it.
    pub sources: BTreeSet<usize>,
    /// An op without operands that is its value, as a constant is.
    pub leaf: Option<OpId>,
}

/// What the e-graph knows beside its classes.
#[derive(Debug)]
pub struct Facts<O: Op> {
    /// What stands beside the function.
    pub env: O::Env,
    /// The ops by number.
    pub ops: Ops<O>,
}

impl<O: Op> Analysis<Node> for Facts<O> {
    type Data = Known<O>;

    fn make(egraph: &mut EGraph<Node, Self>, node: &Node, _: Id) -> Known<O> {
        tessera_cancel::point();
        let facts = &egraph.analysis;
        let operands: Option<Vec<(Id, O::Type)>> =
            node.operands.iter().map(|&id| Some((egraph.find(id), egraph[id].data.ty.clone()?))).collect();
        let op = facts.ops.get(node.op);
        let types = operands.and_then(|operands| op.infer(&facts.env, &operands).ok());
        let ty = types.and_then(|types| types.into_iter().nth(node.result.into()));
        Known { ty, sources: BTreeSet::new(), leaf: node.operands.is_empty().then_some(node.op) }
    }

    fn merge(&mut self, a: &mut Known<O>, b: Known<O>) -> DidMerge {
        let met = match (&a.ty, &b.ty) {
            (Some(x), Some(y)) => O::meet(x, y).or_else(|| a.ty.clone()),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        let mut sources = a.sources.clone();
        sources.extend(&b.sources);
        let leaf = a.leaf.min(b.leaf).or(a.leaf).or(b.leaf);
        let (from_a, from_b) = (
            met != a.ty || sources != a.sources || leaf != a.leaf,
            met != b.ty || sources != b.sources || leaf != b.leaf,
        );
        *a = Known { ty: met, sources, leaf };
        DidMerge(from_a, from_b)
    }
}

/// An op that is part of what the function says.
#[derive(Clone, Debug)]
pub struct Stays {
    /// Which op of the function.
    pub source: usize,
    /// The op.
    pub op: OpId,
    /// The classes of its operands.
    pub operands: Vec<Id>,
}

/// A function as an e-graph.
pub struct Space<O: Op> {
    /// The classes.
    pub egraph: EGraph<Node, Facts<O>>,
    /// What stays, in order.
    pub stays: Vec<Stays>,
    /// What the function returns.
    pub returns: Vec<Id>,
    /// How each value of the function is computed there: the node, and its number before any class was merged.
    pub origins: Vec<(Node, Id)>,
    /// What was applied.
    pub applied: Vec<Applied>,
}

impl<O: Op> Space<O> {
    /// Of a function.
    ///
    /// # Errors
    /// When it has arguments, and functions of its dialect have none.
    pub fn of(graph: &Graph<O::Node>, env: O::Env) -> Result<Self> {
        let facts = Facts { env, ops: Ops::default() };
        let egraph = EGraph::new(facts).with_explanations_enabled().without_explanation_length_optimization();
        let mut space = Space { egraph, stays: vec![], returns: vec![], origins: vec![], applied: vec![] };
        let nowhere =
            Node { op: space.egraph.analysis.ops.number_of_none(), result: 0, operands: Box::new([]) };
        space.origins = vec![(nowhere, Id::from(0)); graph.values.len()];
        for index in 0..graph.arguments {
            let op = O::argument(index, &graph.values[index])
                .ok_or_else(|| Error::new("expected a function without arguments"))?;
            let op = space.egraph.analysis.ops.number(op);
            let made = Node { op, result: 0, operands: Box::new([]) };
            let id = space.egraph.add_uncanonical(made.clone());
            space.origins[index] = (made, id);
        }
        for (source, node) in graph.ops.iter().enumerate() {
            let (op, operands) = O::of(&space.egraph.analysis.env, &node.op);
            let operands: Vec<Id> = operands.into_iter().map(|value| space.origins[value].1).collect();
            let stays = op.stays();
            let op = space.egraph.analysis.ops.number(op);
            for (index, &value) in node.results.iter().enumerate() {
                let made = Node { op, result: index as u8, operands: operands.clone().into() };
                let id = space.egraph.add_uncanonical(made.clone());
                space.egraph.rebuild();
                let class = space.egraph.find(id);
                let mut known = space.egraph[class].data.clone();
                let declared = &graph.values[value];
                known.ty = match &known.ty {
                    Some(inferred) => Some(O::meet(inferred, declared).unwrap_or_else(|| declared.clone())),
                    None => Some(declared.clone()),
                };
                known.sources.insert(source);
                space.egraph.set_analysis_data(class, known);
                space.origins[value] = (made, id);
            }
            if stays {
                space.stays.push(Stays { source, op, operands });
            }
        }
        space.egraph.rebuild();
        space.returns = graph.returns.iter().map(|&value: &ValueId| space.origins[value].1).collect();
        Ok(space)
    }

    /// The class that a value is in.
    pub fn find(&self, id: Id) -> Id {
        self.egraph.find(id)
    }

    /// What stands beside the function.
    pub fn env(&self) -> &O::Env {
        &self.egraph.analysis.env
    }

    /// An op by number.
    pub fn op(&self, id: OpId) -> &O {
        self.egraph.analysis.ops.get(id)
    }

    /// The type of a class.
    pub fn ty(&self, class: Id) -> Option<&O::Type> {
        self.egraph[class].data.ty.as_ref()
    }

    /// The op without operands that is the value of a class.
    pub fn leaf(&self, class: Id) -> Option<&O> {
        Some(self.op(self.egraph[class].data.leaf?))
    }

    /// The classes of an argument that is one value or several.
    pub fn classes(arg: &Arg<O>) -> Option<Vec<Id>> {
        match arg {
            Arg::Class(class) => Some(vec![*class]),
            Arg::Classes(classes) => Some(classes.clone()),
            Arg::Attr(_) | Arg::Int(_) | Arg::Bool(_) | Arg::Op(..) => None,
        }
    }
}
