//! The plain graph between the ONNX reader and the IR: ops of the `nn` dialect over inputs, nodes and constants, without MLIR.
//!
//! Invariants:
//! - Nodes are in topological order: an operand of node `i` is an input, a constant or a node before `i`.
//! - Every node's `shape` is what [`Graph::infer`] computes from its operands; `Graph::push` is the only way to add one.

use ndarray::ArrayD;
use tessera_mlir::types::{Elem, TensorType};
use tessera_mlir::{Error, Result};
use tessera_nn::NnOp;

/// Largest number of elements of one tensor: above this a model is refused as absurd.
pub const MAX_ELEMENTS: usize = 1 << 28;

/// An operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// Input of the model.
    Input(usize),
    /// Result of a node.
    Node(usize),
    /// Constant.
    Const(usize),
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Node {
    /// Name of the ONNX node it came from.
    pub name: String,
    /// What it computes, from what.
    pub op: NnOp<Value>,
    /// Shape of its result.
    pub shape: Vec<usize>,
    /// Elements of its result: real numbers, or indices.
    pub elem: Elem,
}

/// A named tensor of the model.
#[derive(Debug, Clone)]
pub struct Constant {
    /// Name of the ONNX initializer where there is one.
    pub name: String,
    /// Its elements.
    pub data: ArrayD<f32>,
}

/// A model.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Names and types of the inputs.
    pub inputs: Vec<(String, TensorType)>,
    /// How many texts an input may be, and one more for any other; none for numbers. As many as inputs, or fewer.
    pub texts: Vec<Option<usize>>,
    /// Operations in topological order.
    pub nodes: Vec<Node>,
    /// Weights and other constants.
    pub constants: Vec<Constant>,
    /// Names and values of the outputs.
    pub outputs: Vec<(String, Value)>,
}

impl Graph {
    /// Shape of a value.
    pub fn shape(&self, v: Value) -> &[usize] {
        match v {
            Value::Input(i) => &self.inputs[i].1.shape,
            Value::Node(i) => &self.nodes[i].shape,
            Value::Const(i) => self.constants[i].data.shape(),
        }
    }

    /// Type of a value.
    pub fn type_of(&self, v: Value) -> TensorType {
        match v {
            Value::Input(i) => self.inputs[i].1.clone(),
            Value::Node(i) => {
                TensorType { shape: self.nodes[i].shape.clone(), elem: self.nodes[i].elem.clone() }
            }
            Value::Const(i) => TensorType::f32(self.constants[i].data.shape()),
        }
    }

    /// The constant behind a value.
    pub fn constant(&self, v: Value) -> Option<&ArrayD<f32>> {
        match v {
            Value::Const(i) => Some(&self.constants[i].data),
            _ => None,
        }
    }

    /// The type of the result of `op`, by the rules of the dialect.
    ///
    /// # Errors
    /// When the operands do not fit, or the result has no elements or absurdly many.
    pub fn infer(&self, op: &NnOp<Value>) -> Result<TensorType> {
        let ty = op.infer(|&operand| Ok(self.type_of(operand)))?;
        element_count(&ty.shape)?;
        Ok(ty)
    }

    /// Appends a node, with its shape inferred.
    ///
    /// # Errors
    /// As [`Graph::infer`].
    pub fn push(&mut self, name: &str, op: NnOp<Value>) -> Result<Value> {
        let TensorType { shape, elem } = self.infer(&op)?;
        self.nodes.push(Node { name: name.to_owned(), op, shape, elem });
        Ok(Value::Node(self.nodes.len() - 1))
    }

    /// Appends a constant.
    pub fn push_constant(&mut self, name: impl Into<String>, data: ArrayD<f32>) -> Value {
        self.constants.push(Constant { name: name.into(), data });
        Value::Const(self.constants.len() - 1)
    }
}

/// What a rule puts in the place of a node.
pub(crate) enum Replacement {
    /// Another value stands for the node.
    Value(Value),
    /// These nodes, in order; [`PREVIOUS`] in a node means the one before it in the chain.
    Chain(Vec<(String, NnOp<Value>)>),
}

/// The node before one in a chain.
pub(crate) const PREVIOUS: Value = Value::Node(usize::MAX);

/// The node that gives a value.
pub(crate) fn producer(graph: &Graph, v: Value) -> Option<&Node> {
    match v {
        Value::Node(i) => graph.nodes.get(i),
        _ => None,
    }
}

/// The number of elements of a shape, refused when zero or above [`MAX_ELEMENTS`].
pub(crate) fn element_count(shape: &[usize]) -> Result<usize> {
    match shape.iter().try_fold(1usize, |p, &d| p.checked_mul(d)) {
        Some(0) => Err(Error::new(format!("shape {shape:?} has no elements"))),
        Some(n) if n <= MAX_ELEMENTS => Ok(n),
        _ => Err(Error::new(format!("shape {shape:?} has more than {MAX_ELEMENTS} elements"))),
    }
}
