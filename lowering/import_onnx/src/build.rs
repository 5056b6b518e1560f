//! The graph that a translation writes, and what every operator's translation shares.

use crate::graph::{Graph, Value};
use crate::names::Names;
use ndarray::{ArrayD, IxDyn};
use tessera_mlir::compute;
use tessera_nn::NnOp;

/// Why one node cannot be translated.
pub(crate) type Reason = String;

/// A graph under construction.
pub(crate) struct Builder<'m> {
    pub(crate) graph: Graph,
    pub(crate) names: Names<'m>,
}

impl Builder<'_> {
    /// Appends an operation.
    pub(crate) fn push(&mut self, name: &str, op: NnOp<Value>) -> Result<Value, Reason> {
        self.graph.push(name, op).map_err(|e| e.to_string())
    }

    /// Reshapes unless the shape is right already; constants at once.
    pub(crate) fn reshape(&mut self, name: &str, v: Value, shape: &[usize]) -> Result<Value, Reason> {
        if self.graph.shape(v) == shape {
            return Ok(v);
        }
        if let Value::Const(i) = v {
            let constant = self.graph.constants[i].clone();
            let data = compute::reshape(&constant.data, shape).map_err(|e| e.to_string())?;
            return Ok(self.graph.push_constant(constant.name, data));
        }
        self.push(name, NnOp::Reshape { x: v, shape: shape.to_vec() })
    }

    /// Transposes unless the order is right already; constants at once. Moving axes of extent 1 is a reshape.
    pub(crate) fn transpose(&mut self, name: &str, v: Value, perm: &[usize]) -> Result<Value, Reason> {
        if perm.iter().copied().eq(0..perm.len()) {
            return Ok(v);
        }
        let shape = self.graph.shape(v).to_vec();
        if perm.iter().any(|&p| p >= shape.len()) {
            return Err(format!("{perm:?} is not a permutation of the axes of {shape:?}"));
        }
        if perm.iter().filter(|&&p| shape[p] > 1).is_sorted() {
            return self.reshape(name, v, &perm.iter().map(|&p| shape[p]).collect::<Vec<_>>());
        }
        if let Value::Const(i) = v {
            let constant = self.graph.constants[i].clone();
            let data = compute::transpose(&constant.data, perm).map_err(|e| e.to_string())?;
            return Ok(self.graph.push_constant(constant.name, data));
        }
        self.push(name, NnOp::Transpose { x: v, perm: perm.to_vec() })
    }

    /// One number, to be broadcast to `rank` axes.
    pub(crate) fn scalar(&mut self, name: &str, value: f32, rank: usize) -> Value {
        let data = ArrayD::from_elem(IxDyn(&vec![1; rank]), value);
        self.graph.push_constant(format!("{name}.scale"), data)
    }
}
