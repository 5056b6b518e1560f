//! What the engine asks of a dialect: its op enum without operands, which with classes for operands is a node of the e-graph.
//!
//! Invariants: nothing here names an op, so a dialect's new op needs nothing here; a node is one result of an op, so an op of two
//! results is two nodes on the same operands; ops are numbered in the order in which they come, so that an order of nodes is the
//! same in every run.

use crate::space::Space;
use egg::{Id, Language};
use std::{
    collections::HashMap,
    fmt::{Debug, Display},
    hash::Hash,
    rc::Rc,
};
use tessera_mlir::{
    Result,
    graph::{GraphOp, ValueId},
};

/// An op of a dialect without its operands: what it is called, and its attributes.
pub trait Op: Clone + Eq + Hash + Debug + 'static {
    /// The type of a value.
    type Type: Clone + PartialEq + Debug;
    /// An attribute as rules see it.
    type Attr: Clone + PartialEq + Debug + Display;
    /// The op in a graph.
    type Node: GraphOp<Type = Self::Type>;
    /// What stands beside the graph, as lookup tables do.
    type Env: Debug;
    /// What is proven of a function that is being written.
    type Proofs;
    /// The ops that rules may name.
    const NAMES: &'static [&'static str];
    /// The functions that rules may call.
    const FUNCTIONS: &'static [Function];

    /// An op of a graph, with its operands.
    fn of(env: &Self::Env, node: &Self::Node) -> (Self, Vec<ValueId>);

    /// The op on operands of these types.
    ///
    /// # Errors
    /// When the operands do not fit.
    fn on(&self, env: &Self::Env, operands: &[(ValueId, Self::Type)]) -> Result<Self::Node>;

    /// Its name, without the dialect's.
    fn name(&self) -> &'static str;

    /// What tells it from others of its name, where that is no attribute.
    fn label(&self) -> String;

    /// A type, for people.
    fn show_type(ty: &Self::Type) -> String;

    /// Its attributes, in the order in which rules name them.
    fn attributes(&self) -> Vec<Arg<Self>>;

    /// The op of this name with these attributes on so many operands; `None` where there is none.
    fn make(env: &Self::Env, name: &str, attributes: &[Arg<Self>], operands: usize) -> Option<Self>;

    /// The types of its results on operands of these classes and types.
    ///
    /// # Errors
    /// When the operands do not fit, or a value could leave what the dialect can say.
    fn infer(&self, env: &Self::Env, operands: &[(Id, Self::Type)]) -> Result<Vec<Self::Type>>;

    /// The type of a value that has both types; `None` where no value has.
    fn meet(a: &Self::Type, b: &Self::Type) -> Option<Self::Type>;

    /// What is proven of a function that is being written, from its first op on.
    fn proofs(env: &Self::Env) -> Self::Proofs;

    /// The types that the results of the next op of a function declare, which defines these values: what follows by its rule, or what is
    /// proven beyond that.
    ///
    /// # Errors
    /// When nothing can be proven.
    fn declare(
        proofs: &mut Self::Proofs,
        env: &Self::Env,
        node: &Self::Node,
        values: &[ValueId],
        inferred: Vec<Self::Type>,
    ) -> Result<Vec<Self::Type>>;

    /// An argument of the function; `None` where functions have none.
    fn argument(_index: usize, _ty: &Self::Type) -> Option<Self> {
        None
    }

    /// Which argument of the function this is.
    fn is_argument(&self) -> Option<usize> {
        None
    }

    /// Whether the op is part of what the function says, used or not.
    fn stays(&self) -> bool;

    /// What the op costs.
    fn price(&self, env: &Self::Env, operands: &[Self::Type], results: &[Self::Type]) -> Price;

    /// What a function of [`Op::FUNCTIONS`] says; `None` where it says nothing, and the rule does not apply.
    fn call(space: &Space<Self>, function: &str, arguments: &[Arg<Self>]) -> Option<Arg<Self>>;
}

/// What an op costs, in picoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// The op alone.
    pub own: u64,
    /// What is paid once however many ops use it, by name.
    pub shared: Vec<(String, u64)>,
}

/// A function that rules may call.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How many arguments it takes.
    pub arguments: usize,
    /// What it says, as a sentence.
    pub help: &'static str,
}

/// What a variable of a rule stands for, and what a function takes and gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg<O: Op> {
    /// A value.
    Class(Id),
    /// Several values.
    Classes(Vec<Id>),
    /// An attribute.
    Attr(O::Attr),
    /// A number.
    Int(i64),
    /// The answer to a condition.
    Bool(bool),
    /// A result of an op, whatever its operands.
    Op(OpId, u8),
}

/// The number of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(u32);

/// A result of an op on operands that are classes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Which op.
    pub op: OpId,
    /// Which of its results.
    pub result: u8,
    /// Its operands.
    pub operands: Box<[Id]>,
}

impl Language for Node {
    type Discriminant = (OpId, u8);

    fn discriminant(&self) -> Self::Discriminant {
        (self.op, self.result)
    }

    fn matches(&self, other: &Self) -> bool {
        self.discriminant() == other.discriminant() && self.operands.len() == other.operands.len()
    }

    fn children(&self) -> &[Id] {
        &self.operands
    }

    fn children_mut(&mut self) -> &mut [Id] {
        &mut self.operands
    }
}

/// Ops by number.
#[derive(Debug)]
pub struct Ops<O> {
    all: Vec<Rc<O>>,
    numbers: HashMap<Rc<O>, OpId>,
}

impl<O> Default for Ops<O> {
    fn default() -> Self {
        Self { all: vec![], numbers: HashMap::new() }
    }
}

impl<O: Op> Ops<O> {
    /// The number of an op, a new one where it has none.
    pub fn number(&mut self, op: O) -> OpId {
        if let Some(&id) = self.numbers.get(&op) {
            return id;
        }
        let (id, op) = (OpId(self.all.len() as u32), Rc::new(op));
        self.all.push(op.clone());
        self.numbers.insert(op, id);
        id
    }

    /// The number of an op that has one.
    pub fn find(&self, op: &O) -> Option<OpId> {
        self.numbers.get(op).copied()
    }

    /// A number that is none's yet.
    pub(crate) fn number_of_none(&self) -> OpId {
        OpId(u32::MAX)
    }

    /// An op by its number.
    pub fn get(&self, id: OpId) -> &Rc<O> {
        &self.all[id.0 as usize]
    }
}
