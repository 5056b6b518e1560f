//! The plain graph between the ONNX reader and the IR: ops of the `nn` dialect over inputs, nodes and constants, without MLIR.
//!
//! Invariants:
//! - Nodes are in topological order: an operand of node `i` is an input, a constant or a node before `i`.
//! - Every node's `shape` is what [`Graph::infer`] computes from its operands; `Graph::push` is the only way to add one.

use ndarray::ArrayD;
use tessera_mlir::types::TensorType;
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
    /// Names and shapes of the inputs.
    pub inputs: Vec<(String, Vec<usize>)>,
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
            Value::Input(i) => &self.inputs[i].1,
            Value::Node(i) => &self.nodes[i].shape,
            Value::Const(i) => self.constants[i].data.shape(),
        }
    }

    /// The constant behind a value.
    pub fn constant(&self, v: Value) -> Option<&ArrayD<f32>> {
        match v {
            Value::Const(i) => Some(&self.constants[i].data),
            _ => None,
        }
    }

    /// The shape of the result of `op`, by the rules of the dialect.
    ///
    /// # Errors
    /// When the operands do not fit, or the result has no elements or absurdly many.
    pub fn infer(&self, op: &NnOp<Value>) -> Result<Vec<usize>> {
        let ty = op.infer(|&operand| Ok(TensorType::f32(self.shape(operand))))?;
        element_count(&ty.shape)?;
        Ok(ty.shape)
    }

    /// Appends a node, with its shape inferred.
    ///
    /// # Errors
    /// As [`Graph::infer`].
    pub fn push(&mut self, name: &str, op: NnOp<Value>) -> Result<Value> {
        let shape = self.infer(&op)?;
        self.nodes.push(Node { name: name.to_owned(), op, shape });
        Ok(Value::Node(self.nodes.len() - 1))
    }

    /// Appends a constant.
    pub fn push_constant(&mut self, name: impl Into<String>, data: ArrayD<f32>) -> Value {
        self.constants.push(Constant { name: name.into(), data });
        Value::Const(self.constants.len() - 1)
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
