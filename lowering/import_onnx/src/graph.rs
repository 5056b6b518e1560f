//! The plain graph between the ONNX reader and the IR: the operators of the `nn` dialect, without MLIR.
//!
//! Invariants:
//! - Nodes are in topological order: an operand of node `i` is an input, a constant or a node before `i`.
//! - Every node's `shape` is what [`infer`] computes from its operands; `Graph::push` is the only way to add one.

use ndarray::ArrayD;
use tessera_mlir::shape::{self, ConvAttrs, PoolAttrs};
use tessera_mlir::{Error, Result};

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

/// An operator; operands in the order of the `nn` dialect.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// x, weights, bias?
    Conv(ConvAttrs),
    /// x, weights, bias?
    Linear,
    /// a, b
    MatMul,
    /// x
    Relu,
    /// a, b
    Add,
    /// a, b
    Sub,
    /// a, b
    Mul,
    /// x
    MaxPool(PoolAttrs),
    /// x
    AvgPool(PoolAttrs, bool),
    /// x; the target shape
    Reshape(Vec<usize>),
    /// x
    Transpose(Vec<usize>),
    /// operands.. ; axis
    Concat(usize),
    /// x
    Pad {
        /// Cells before each axis.
        low: Vec<usize>,
        /// Cells after each axis.
        high: Vec<usize>,
        /// What they hold.
        value: f32,
    },
    /// x
    Slice {
        /// First index per axis.
        starts: Vec<usize>,
        /// Extent of the result per axis.
        sizes: Vec<usize>,
        /// Step per axis.
        strides: Vec<usize>,
    },
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Node {
    /// Name of the ONNX node it came from.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// From what.
    pub operands: Vec<Value>,
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

    /// Appends a node, with its shape inferred.
    pub fn push(&mut self, name: &str, op: Op, operands: Vec<Value>) -> Result<Value> {
        let shapes: Vec<&[usize]> = operands.iter().map(|&v| self.shape(v)).collect();
        let shape = infer(&op, &shapes)?;
        self.nodes.push(Node { name: name.to_owned(), op, operands, shape });
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

/// Shape of the result of `op` on operands of the given shapes, by the rules of the dialect.
///
/// # Errors
/// When the operands do not fit, or the result has no elements or absurdly many.
pub fn infer(op: &Op, operands: &[&[usize]]) -> Result<Vec<usize>> {
    let shape = match (op, operands) {
        (Op::Conv(a), [x, w]) => shape::conv(x, w, None, a),
        (Op::Conv(a), [x, w, b]) => shape::conv(x, w, Some(b), a),
        (Op::Linear, [x, w]) => shape::linear(x, w, None),
        (Op::Linear, [x, w, b]) => shape::linear(x, w, Some(b)),
        (Op::MatMul, [a, b]) => shape::matmul(a, b),
        (Op::Add | Op::Sub | Op::Mul, [a, b]) => shape::broadcast(a, b),
        (Op::Relu, [x]) => Ok(x.to_vec()),
        (Op::MaxPool(p) | Op::AvgPool(p, _), [x]) => shape::pool(x, p),
        (Op::Reshape(to), [x]) => shape::reshape(x, to),
        (Op::Transpose(perm), [x]) => shape::transpose(x, perm),
        (Op::Concat(axis), xs) => shape::concat(xs, *axis),
        (Op::Pad { low, high, .. }, [x]) => shape::pad(x, low, high),
        (Op::Slice { starts, sizes, strides }, [x]) => shape::slice(x, starts, sizes, strides),
        _ => Err(Error::new(format!("{op:?} does not take {} operands", operands.len()))),
    }?;
    element_count(&shape)?;
    Ok(shape)
}
