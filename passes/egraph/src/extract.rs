//! Choosing a member of each class, by what the whole costs, and writing the function of the chosen ones.
//!
//! Source: greedy search on a DAG, as in the extraction gym (<https://github.com/egraphs-good/extraction-gym>), but from the function that is
//! there, so that what comes out is never worse by the prices.
//!
//! Invariants: a cost counts each op once, however many use it, and what ops share once; a choice with a cycle has no cost; costs are
//! integers, moves are tried in the order of classes and nodes, and the first that is cheaper is taken, so that the same e-graph gives
//! the same function; an op that came from the function keeps its place in the order, its location and its notes.

use crate::op::{Node, Op, OpId, Price};
use crate::space::Space;
use egg::Id;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use tessera_mlir::{
    Error, Place, Result,
    graph::{self, Graph, ValueId},
};

/// Which member of each class computes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    nodes: BTreeMap<Id, Node>,
}

/// An op on classes: two nodes that differ in their result are one op.
pub type Applied = (OpId, Box<[Id]>);

impl Choice {
    /// With these members for their classes.
    pub fn with(mut self, nodes: impl IntoIterator<Item = (Id, Node)>) -> Self {
        self.nodes.extend(nodes);
        self
    }
}

/// The choice of least cost that is found.
pub struct Extractor<'s, O: Op> {
    space: &'s Space<O>,
    members: BTreeMap<Id, Vec<Node>>,
    prices: HashMap<Applied, Price>,
    /// The op of a class that the function did not have, where nothing else is said.
    cheapest: BTreeMap<Id, Node>,
    /// Of each class those that have a member which reads it.
    readers: BTreeMap<Id, BTreeSet<Id>>,
}

/// How often all moves are tried.
const SWEEPS: usize = 16;

impl<'s, O: Op> Extractor<'s, O> {
    /// Of an e-graph.
    pub fn new(space: &'s Space<O>) -> Self {
        let mut members = BTreeMap::new();
        let mut prices = HashMap::new();
        for class in space.egraph.classes() {
            let mut nodes: Vec<Node> = class.nodes.iter().map(|node| canonical(space, node)).collect();
            nodes.sort_unstable();
            nodes.dedup();
            nodes.retain(|node| match price(space, node) {
                Some(price) => {
                    prices.insert((node.op, node.operands.clone()), price);
                    true
                }
                None => false,
            });
            // what reads itself computes nothing
            nodes.retain(|node| !node.operands.contains(&class.id));
            members.insert(class.id, nodes);
        }
        for stays in &space.stays {
            let node =
                canonical(space, &Node { op: stays.op, result: 0, operands: stays.operands.clone().into() });
            if let Some(price) = price(space, &node) {
                prices.insert((node.op, node.operands), price);
            }
        }
        let mut readers: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
        for (&class, nodes) in &members {
            for &operand in nodes.iter().flat_map(|node| &node.operands) {
                readers.entry(operand).or_default().insert(class);
            }
        }
        let mut extractor = Extractor { space, members, prices, cheapest: BTreeMap::new(), readers };
        extractor.cheapest = extractor.cheapest();
        extractor
    }

    /// The member of least cost of each class, as if nothing were shared.
    fn cheapest(&self) -> BTreeMap<Id, Node> {
        let mut best: BTreeMap<Id, (u64, Node)> = BTreeMap::new();
        loop {
            let mut changed = false;
            for (&class, nodes) in &self.members {
                for node in nodes {
                    let own = self.prices[&(node.op, node.operands.clone())].own;
                    let sum = node
                        .operands
                        .iter()
                        .try_fold(own.saturating_add(1), |sum, id| Some(sum.saturating_add(best.get(id)?.0)));
                    let Some(sum) = sum else { continue };
                    if best.get(&class).is_none_or(|(known, _)| sum < *known) {
                        best.insert(class, (sum, node.clone()));
                        changed = true;
                    }
                }
            }
            if !changed {
                return best.into_iter().map(|(class, (_, node))| (class, node)).collect();
            }
        }
    }

    /// The function that is there.
    pub fn today(&self) -> Choice {
        let mut nodes = BTreeMap::new();
        for (node, id) in &self.space.origins {
            let class = self.space.find(*id);
            let node = canonical(self.space, node);
            nodes.entry(class).or_insert(node);
        }
        Choice { nodes }
    }

    /// The node that a choice takes for a class.
    pub fn chosen<'a>(&'a self, choice: &'a Choice, class: Id) -> Option<&'a Node> {
        choice.nodes.get(&class).or_else(|| self.cheapest.get(&class))
    }

    /// What a choice costs, in picoseconds; `None` where it goes in a circle.
    pub fn cost(&self, choice: &Choice) -> Option<u64> {
        let mut shared: BTreeMap<&str, u64> = BTreeMap::new();
        let mut total = 0u64;
        for applied in self.ops(choice)? {
            let price = self.prices.get(&applied)?;
            total = total.saturating_add(price.own);
            shared.extend(price.shared.iter().map(|(name, price)| (&name[..], *price)));
        }
        Some(shared.values().fold(total, |total, price| total.saturating_add(*price)))
    }

    /// What a function costs as it is, with what it computes twice, in picoseconds.
    ///
    /// # Errors
    /// When an op does not fit its operands.
    pub fn cost_of(&self, graph: &Graph<O::Node>) -> Result<u64> {
        let mut shared: BTreeMap<&str, u64> = BTreeMap::new();
        let mut total = 0u64;
        for node in &graph.ops {
            let (op, operands) = O::of(self.space.env(), &node.op);
            let classes =
                operands.into_iter().map(|value| self.space.find(self.space.origins[value].1)).collect();
            let number = self.space.egraph.analysis.ops.find(&op);
            let price = number.and_then(|op| self.prices.get(&(op, classes)));
            let price = price
                .ok_or_else(|| Error::new(format!("'{}': has no price", op.name())).or_in(&node.place))?;
            total = total.saturating_add(price.own);
            shared.extend(price.shared.iter().map(|(name, price)| (&name[..], *price)));
        }
        Ok(shared.values().fold(total, |total, price| total.saturating_add(*price)))
    }

    /// Every op of a choice, operands first; `None` where it goes in a circle.
    fn ops(&self, choice: &Choice) -> Option<Vec<Applied>> {
        let mut visit = Visit { done: HashMap::new(), ops: vec![], seen: HashSet::new() };
        for stays in &self.space.stays {
            let operands: Box<[Id]> = stays.operands.iter().map(|&id| self.space.find(id)).collect();
            for &class in &operands {
                self.visit(choice, class, &mut visit)?;
            }
            if visit.seen.insert((stays.op, operands.clone())) {
                visit.ops.push((stays.op, operands));
            }
        }
        for &class in &self.space.returns {
            self.visit(choice, self.space.find(class), &mut visit)?;
        }
        Some(visit.ops)
    }

    fn visit(&self, choice: &Choice, root: Id, visit: &mut Visit) -> Option<()> {
        let mut stack = vec![(root, false)];
        while let Some((class, entered)) = stack.pop() {
            let node = self.chosen(choice, class)?;
            if entered {
                visit.done.insert(class, true);
                let applied = (node.op, node.operands.clone());
                if visit.seen.insert(applied.clone()) {
                    visit.ops.push(applied);
                }
                continue;
            }
            match visit.done.get(&class) {
                Some(true) => continue,
                // it is among those that wait for it
                Some(false) => return None,
                None => {}
            }
            visit.done.insert(class, false);
            stack.push((class, true));
            for &operand in node.operands.iter().rev() {
                match visit.done.get(&operand) {
                    Some(true) => {}
                    Some(false) => return None,
                    None => stack.push((operand, false)),
                }
            }
        }
        Some(())
    }

    /// The classes that a choice computes.
    pub fn reached(&self, choice: &Choice) -> BTreeSet<Id> {
        let mut reached = BTreeSet::new();
        let mut todo: Vec<Id> = self.roots().into_iter().collect();
        while let Some(class) = todo.pop() {
            if reached.insert(class) {
                todo.extend(self.chosen(choice, class).into_iter().flat_map(|node| node.operands.iter()));
            }
        }
        reached
    }

    /// The cheapest choice that single moves lead to from the function that is there, with its cost.
    ///
    /// # Errors
    /// When the function that is there has no cost.
    pub fn best(&self) -> Result<(Choice, u64)> {
        let mut choice = self.today();
        let mut cost = self.cost(&choice).ok_or_else(|| Error::new("the function goes in a circle"))?;
        let mut reached = self.reached(&choice);
        for _ in 0..SWEEPS {
            let before = cost;
            for &class in self.members.keys() {
                let mut better = false;
                for moved in self.moves(&choice, class, &reached) {
                    tessera_cancel::point();
                    if let Some(new) = self.cost(&moved)
                        && new < cost
                    {
                        (choice, cost, better) = (moved, new, true);
                    }
                }
                if better {
                    reached = self.reached(&choice);
                }
            }
            if cost == before {
                break;
            }
        }
        Ok((choice, cost))
    }

    /// The classes that the function says or returns.
    pub fn roots(&self) -> BTreeSet<Id> {
        let stays = self.space.stays.iter().flat_map(|stays| stays.operands.iter());
        stays.chain(&self.space.returns).map(|&id| self.space.find(id)).collect()
    }

    /// What an op costs; none where it is no op of this e-graph.
    pub fn price(&self, op: &Applied) -> Option<&Price> {
        self.prices.get(op)
    }

    /// The members of a class, in order.
    pub fn members(&self, class: Id) -> &[Node] {
        self.members.get(&class).map_or(&[], |members| members)
    }

    /// A choice for each member of a class, in order.
    pub fn members_of(&self, choice: &Choice, class: Id) -> Vec<Choice> {
        let with = |node: &Node| {
            let mut moved = choice.clone();
            moved.nodes.insert(class, node.clone());
            moved
        };
        self.members.get(&class).into_iter().flatten().map(with).collect()
    }

    /// Other choices for a class: each other member; all that read it read something else; all that could read it do.
    fn moves(&self, choice: &Choice, class: Id, reached: &BTreeSet<Id>) -> Vec<Choice> {
        let mut moves = vec![];
        let with = |changes: Vec<(Id, Node)>| {
            let mut moved = choice.clone();
            moved.nodes.extend(changes);
            moved
        };
        let now = self.chosen(choice, class);
        let could_read =
            self.readers.get(&class).into_iter().flatten().filter(|reader| reached.contains(reader));
        if reached.contains(&class) {
            let others = self.members[&class].iter().filter(|node| Some(*node) != now);
            moves.extend(others.map(|node| with(vec![(class, node.clone())])));
            let readers = could_read.filter(|&&reader| {
                self.chosen(choice, reader).is_some_and(|node| node.operands.contains(&class))
            });
            let instead = |&reader: &Id| {
                let others = self.members[&reader].iter().filter(|node| !node.operands.contains(&class));
                let cheap =
                    others.min_by_key(|node| (self.prices[&(node.op, node.operands.clone())].own, *node));
                cheap.map(|node| (reader, node.clone()))
            };
            let all: Option<Vec<(Id, Node)>> = readers.map(instead).collect();
            moves.extend(all.filter(|all| all.len() > 1).map(with));
        } else {
            let could = |&reader: &Id| {
                let node = self.members[&reader].iter().find(|node| node.operands.contains(&class))?;
                Some((reader, node.clone()))
            };
            let all: Vec<(Id, Node)> = could_read.filter_map(could).collect();
            if all.len() > 1 {
                moves.push(with(all));
            }
        }
        moves
    }

    /// The function that a choice says.
    ///
    /// # Errors
    /// When an op does not fit what was chosen for its operands.
    pub fn write(&self, choice: &Choice, source: &Graph<O::Node>) -> Result<Graph<O::Node>> {
        let ops = self.ops(choice).ok_or_else(|| Error::new("the choice goes in a circle"))?;
        let from = self.sources(choice, &ops);
        let order = self.order(choice, &ops, &from);
        let arguments = source.arguments;
        let values = source.values[..arguments].to_vec();
        let mut written: Graph<O::Node> = Graph { arguments, values, ..Graph::default() };
        let mut proofs = O::proofs(self.space.env());
        let mut values: HashMap<(OpId, Box<[Id]>, u8), ValueId> = HashMap::new();
        let find = |values: &HashMap<_, ValueId>, class: Id| -> Result<ValueId> {
            let node = self.chosen(choice, class);
            let known = node.and_then(|node| values.get(&(node.op, node.operands.clone(), node.result)));
            known.copied().ok_or_else(|| Error::new("a value is used before it is defined"))
        };
        for index in order {
            let (op, classes) = &ops[index];
            if let Some(argument) = self.space.op(*op).is_argument() {
                values.insert((*op, classes.clone(), 0), argument);
                continue;
            }
            let operands: Vec<(ValueId, O::Type)> = classes
                .iter()
                .map(|&class| find(&values, class).map(|value| (value, written.values[value].clone())))
                .collect::<Result<_>>()?;
            let what = self.space.op(*op);
            let place = self.place(&from[index], source);
            let at = |error: Error| error.context(format!("'{}'", what.name())).or_in(&place);
            let node = what.on(self.space.env(), &operands).map_err(at)?;
            let typed: Vec<(Id, O::Type)> =
                operands.into_iter().map(|(value, ty)| (Id::from(value), ty)).collect();
            let inferred = what.infer(self.space.env(), &typed).map_err(at)?;
            let results: Vec<ValueId> = (written.values.len()..).take(inferred.len()).collect();
            let types = O::declare(&mut proofs, self.space.env(), &node, &results, inferred).map_err(at)?;
            written.values.extend(types);
            for (result, &value) in results.iter().enumerate() {
                values.insert((*op, classes.clone(), result as u8), value);
            }
            let notes = from[index].same.map(|same| source.ops[same].notes.clone()).unwrap_or_default();
            written.ops.push(graph::Node { op: node, results, notes, place });
        }
        let returns = self.space.returns.iter().map(|&class| find(&values, self.space.find(class)));
        written.returns = returns.collect::<Result<_>>()?;
        Ok(written)
    }

    /// Where each op is from.
    fn sources(&self, choice: &Choice, ops: &[Applied]) -> Vec<From> {
        let mut same: HashMap<Applied, usize> = HashMap::new();
        for stays in &self.space.stays {
            let operands: Box<[Id]> = stays.operands.iter().map(|&id| self.space.find(id)).collect();
            same.entry((stays.op, operands)).or_insert(stays.source);
        }
        for (node, id) in &self.space.origins {
            let node = canonical(self.space, node);
            let sources = &self.space.egraph[self.space.find(*id)].data.sources;
            let first = sources.iter().next().copied();
            if let Some(first) = first {
                same.entry((node.op, node.operands)).or_insert(first);
            }
        }
        let mut from: Vec<From> = ops
            .iter()
            .map(|(op, operands)| {
                let mut sources = BTreeSet::new();
                let results = (0..=u8::MAX).map_while(|result| {
                    self.space.egraph.lookup(Node { op: *op, result, operands: operands.clone() })
                });
                results.for_each(|class| sources.extend(&self.space.egraph[class].data.sources));
                let same = same.get(&(*op, operands.clone())).copied();
                sources.extend(same.filter(|_| sources.is_empty()));
                From { same, sources, inherited: false }
            })
            .collect();
        // what the function did not have is from where it is used: users come last
        let position: HashMap<&Applied, usize> =
            ops.iter().enumerate().map(|(index, op)| (op, index)).collect();
        for index in (0..ops.len()).rev() {
            let sources = from[index].sources.clone();
            for &class in &ops[index].1 {
                let Some(node) = self.chosen(choice, class) else { continue };
                let operand = position.get(&(node.op, node.operands.clone()));
                if let Some(&operand) = operand
                    && (from[operand].sources.is_empty() || from[operand].inherited)
                {
                    from[operand].sources.extend(&sources);
                    from[operand].inherited = true;
                }
            }
        }
        from
    }

    /// Operands first; of those that may come next, the one that is from the earliest op of the function.
    fn order(&self, choice: &Choice, ops: &[Applied], from: &[From]) -> Vec<usize> {
        let position: HashMap<&Applied, usize> =
            ops.iter().enumerate().map(|(index, op)| (op, index)).collect();
        let mut missing = vec![0usize; ops.len()];
        let mut users: Vec<Vec<usize>> = vec![vec![]; ops.len()];
        for (index, (_, operands)) in ops.iter().enumerate() {
            for &class in operands {
                let Some(node) = self.chosen(choice, class) else { continue };
                if let Some(&operand) = position.get(&(node.op, node.operands.clone())) {
                    users[operand].push(index);
                    missing[index] += 1;
                }
            }
        }
        let key = |index: usize| Reverse((from[index].key(), index));
        let mut ready: BinaryHeap<_> = (0..ops.len()).filter(|&index| missing[index] == 0).map(key).collect();
        let mut order = vec![];
        while let Some(Reverse((_, index))) = ready.pop() {
            order.push(index);
            for &user in &users[index] {
                missing[user] -= 1;
                if missing[user] == 0 {
                    ready.push(key(user));
                }
            }
        }
        order
    }

    /// The location of an op: that of the op it is, else those of all that compute the same.
    fn place(&self, from: &From, source: &Graph<O::Node>) -> Place {
        if let Some(same) = from.same {
            return source.ops[same].place.clone();
        }
        let mut places: Vec<&Place> = vec![];
        for &index in &from.sources {
            let place = &source.ops[index].place;
            if !places.contains(&place) {
                places.push(place);
            }
        }
        match places[..] {
            [] => Place { text: "loc(unknown)".into(), node: None, file: None },
            [one] => one.clone(),
            _ => {
                let inner = |place: &&Place| {
                    let text = place.text.strip_prefix("loc(").and_then(|text| text.strip_suffix(')'));
                    text.unwrap_or("unknown").to_owned()
                };
                let all: Vec<String> = places.iter().map(inner).collect();
                Place {
                    text: format!("loc(fused[{}])", all.join(", ")),
                    node: places.iter().find_map(|place| place.node.clone()),
                    file: places.iter().find_map(|place| place.file.clone()),
                }
            }
        }
    }
}

struct Visit {
    done: HashMap<Id, bool>,
    ops: Vec<Applied>,
    seen: HashSet<Applied>,
}

/// Where an op is from.
struct From {
    /// The op of the function that it is.
    same: Option<usize>,
    /// The ops of the function that compute what it does, or what reads it.
    sources: BTreeSet<usize>,
    /// Whether those are of what reads it.
    inherited: bool,
}

impl From {
    /// The op of the function beside which it stands.
    fn key(&self) -> usize {
        self.same.or_else(|| self.sources.first().copied()).unwrap_or(usize::MAX)
    }
}

/// A node on the classes as they are now.
pub(crate) fn canonical<O: Op>(space: &Space<O>, node: &Node) -> Node {
    Node { operands: node.operands.iter().map(|&id| space.find(id)).collect(), ..node.clone() }
}

/// What a node's op costs; `None` where it does not fit its operands.
fn price<O: Op>(space: &Space<O>, node: &Node) -> Option<Price> {
    let typed: Vec<(Id, O::Type)> =
        node.operands.iter().map(|&id| Some((id, space.ty(id)?.clone()))).collect::<Option<_>>()?;
    let op = space.op(node.op);
    let results = op.infer(space.env(), &typed).ok()?;
    let operands: Vec<O::Type> = typed.into_iter().map(|(_, ty)| ty).collect();
    Some(op.price(space.env(), &operands, &results))
}
