//! One node of an ONNX graph as its translation reads it.
//!
//! Invariant: what a translation does not read of a node (an attribute, an operand) refuses the node, so that nothing a file
//! says is passed over.

use crate::build::{Reason, Value};
use crate::tensor::Tensor;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

/// A node with the values of its operands.
pub(crate) struct Node<'g> {
    pub(crate) proto: &'g NodeProto,
    /// The version of the operator set.
    pub(crate) opset: i64,
    /// Whether a result is an output of the model.
    pub(crate) is_output: bool,
    inputs: Vec<Option<Value>>,
    read: RefCell<(BTreeSet<&'g str>, BTreeSet<usize>)>,
}

/// The name a node is known by: its own, or its first output's.
pub(crate) fn node_name(node: &NodeProto) -> String {
    if !node.name.is_empty() {
        return node.name.clone();
    }
    let output = node.output.iter().find(|o| !o.is_empty());
    output.cloned().unwrap_or_else(|| format!("unnamed {}", node.op_type))
}

impl<'g> Node<'g> {
    pub(crate) fn new(proto: &'g NodeProto, opset: i64, inputs: Vec<Option<Value>>) -> Self {
        Node { proto, opset, is_output: false, inputs, read: RefCell::default() }
    }

    /// The operands, those left out too; none counts as read.
    pub(crate) fn operands(&self) -> &[Option<Value>] {
        &self.inputs
    }

    /// How many operands are listed.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// An operand that may be left out.
    pub(crate) fn optional(&self, index: usize) -> Option<&Value> {
        self.read.borrow_mut().1.insert(index);
        self.inputs.get(index)?.as_ref()
    }

    /// An operand.
    pub(crate) fn input(&self, index: usize) -> Result<&Value, Reason> {
        self.optional(index).ok_or_else(|| format!("operand {index} is missing"))
    }

    /// All operands.
    pub(crate) fn all(&self) -> Result<Vec<Value>, Reason> {
        (0..self.inputs.len()).map(|i| self.input(i).cloned()).collect()
    }

    /// An operand that must be known while the model is read, where it is given.
    pub(crate) fn known(&self, index: usize, what: &str) -> Result<Option<&Rc<Tensor>>, Reason> {
        match self.optional(index) {
            None => Ok(None),
            Some(Value::Known(tensor)) => Ok(Some(tensor)),
            Some(Value::Computed(..)) => Err(format!("{what} must be known at compile time")),
        }
    }

    fn attribute(&self, name: &str) -> Option<&'g AttributeProto> {
        let found = self.proto.attribute.iter().find(|a| a.name == name)?;
        self.read.borrow_mut().0.insert(&found.name);
        Some(found)
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|a| a.i)
    }

    /// Whether an attribute that is 0 or 1 is set.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.int(name).is_some_and(|i| i != 0)
    }

    pub(crate) fn float(&self, name: &str) -> Option<f64> {
        self.attribute(name).map(|a| a.f.into())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.attribute(name).map(|a| String::from_utf8_lossy(&a.s).into_owned())
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let texts = self.attribute(name).map(|a| &a.strings[..]).unwrap_or_default();
        texts.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect()
    }

    pub(crate) fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.attribute(name).map(|a| a.ints.clone())
    }

    pub(crate) fn floats(&self, name: &str) -> Option<Vec<f64>> {
        self.attribute(name).map(|a| a.floats.iter().map(|&v| v.into()).collect())
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Tensor>, Reason> {
        self.attribute(name).and_then(|a| a.t.as_ref()).map(Tensor::read).transpose()
    }

    pub(crate) fn graph(&self, name: &str) -> Option<&'g GraphProto> {
        self.attribute(name).and_then(|a| a.g.as_ref())
    }

    /// Numbers that newer operator sets give as an operand and older ones as an attribute.
    pub(crate) fn ints_or_operand(
        &self,
        name: &str,
        operand: usize,
        what: &str,
    ) -> Result<Option<Vec<i64>>, Reason> {
        match self.known(operand, what)? {
            Some(tensor) => Ok(Some(tensor.integers())),
            None => Ok(self.ints(name)),
        }
    }

    /// As many whole numbers as there are axes of a window; `otherwise` where they are not given.
    pub(crate) fn extents(&self, name: &str, count: usize, otherwise: usize) -> Result<Vec<usize>, Reason> {
        match self.ints(name) {
            None => Ok(vec![otherwise; count]),
            Some(list) => {
                let sizes = list.iter().map(|&v| usize::try_from(v).ok()).collect::<Option<Vec<_>>>();
                let sizes = sizes.filter(|s| s.len() == count);
                sizes.ok_or_else(|| format!("{name}: expected {count} extents, found {list:?}"))
            }
        }
    }

    /// Attributes and operands that nothing has read: why the node is refused.
    pub(crate) fn unread(&self) -> Option<Reason> {
        let read = self.read.borrow();
        let attribute = self.proto.attribute.iter().find(|a| !read.0.contains(a.name.as_str()));
        if let Some(a) = attribute {
            return Some(format!("the attribute \"{}\" is not supported", a.name));
        }
        let operand = (0..self.inputs.len()).find(|i| self.inputs[*i].is_some() && !read.1.contains(i));
        operand.map(|i| format!("operand {i} is not supported"))
    }
}

/// An axis, counted from the end where it is negative.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, Reason> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    let inside = usize::try_from(at).ok().filter(|&a| a < rank);
    inside.ok_or_else(|| format!("axis {axis} does not exist: there are {rank}"))
}

/// Different axes, sorted.
pub(crate) fn axes(list: &[i64], rank: usize) -> Result<Vec<usize>, Reason> {
    let mut axes = list.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    if axes.len() == list.len() { Ok(axes) } else { Err(format!("axes: {list:?} name one twice")) }
}

/// The name of a domain; the standard one has two.
pub(crate) fn standard(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

/// The operator of a node, with its domain if that is not the standard one.
pub(crate) fn operator(node: &NodeProto) -> String {
    match standard(&node.domain) {
        "" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    }
}
