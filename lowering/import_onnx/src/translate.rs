//! From the reader's decluttered graph to the plain [`Graph`], operator by operator.
//!
//! Invariants:
//! - A form that is not understood completely is reported, never approximated; all such nodes are reported together.
//! - The shape of every translated value equals the shape the reader inferred for it.

use crate::accept::UnsupportedNode;
use crate::build::{Builder, Reason};
use crate::error::ImportError;
use crate::functions::Function;
use crate::graph::{Graph, Value};
use crate::names::Names;
use ndarray::{ArrayD, IxDyn};
use std::collections::{BTreeSet, HashMap};
use tessera_mlir::functions::{self, Map};
use tessera_mlir::types::F64;
use tessera_nn::{NnOp, ops::Binary};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::{FiniteReshape, Pad, PadMode, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, SumPool};
use tract_onnx::tract_core::ops::downsample::Downsample;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_hir::internal::DimLike;

struct Translator<'m> {
    model: &'m TypedModel,
    build: Builder<'m>,
    values: HashMap<OutletId, Value>,
}

/// Translates a whole model.
pub(crate) fn translate(model: &TypedModel, names: Names) -> Result<Graph, ImportError> {
    let mut t =
        Translator { model, build: Builder { graph: Graph::default(), names }, values: HashMap::new() };
    let fail = |message: String| ImportError::Reader { stage: "reading the simplified graph", message };
    let mut problems: BTreeSet<(usize, UnsupportedNode)> = BTreeSet::new();
    for outlet in model.input_outlets().map_err(|e| fail(e.to_string()))? {
        let name = model.node(outlet.node).name.clone();
        let shape = t.shape_of(*outlet).map_err(|e| fail(format!("input \"{name}\": {e}")))?;
        t.build.graph.inputs.push((name, shape));
        t.values.insert(*outlet, Value::Input(t.build.graph.inputs.len() - 1));
    }
    for (position, id) in model.eval_order().map_err(|e| fail(format!("{e:#}")))?.into_iter().enumerate() {
        let node = model.node(id);
        if let Err(reason) = t.node(node) {
            let name = t.build.names.node(&node.name);
            let op = t.build.names.operator(&name).unwrap_or_else(|| node.op.name().to_string());
            problems.insert((position, UnsupportedNode { name, op, reason }));
        }
    }
    if !problems.is_empty() {
        let mut nodes: Vec<UnsupportedNode> = problems.into_iter().map(|(_, p)| p).collect();
        nodes.dedup();
        return Err(ImportError::Unsupported(nodes));
    }
    let outputs = model.output_outlets().map_err(|e| fail(e.to_string()))?;
    for (i, outlet) in outputs.iter().enumerate() {
        let name = t.build.names.output(i, || model.outlet_label(*outlet).map(str::to_owned));
        let value = t.value(*outlet, &name, "value").map_err(|e| fail(format!("output \"{name}\": {e}")))?;
        t.build.graph.outputs.push((name, value));
    }
    Ok(t.build.graph)
}

impl Translator<'_> {
    fn shape_of(&self, outlet: OutletId) -> Result<Vec<usize>, Reason> {
        let fact = self.model.outlet_fact(outlet).map_err(|e| e.to_string())?;
        match fact.shape.as_concrete() {
            Some(shape) => Ok(shape.to_vec()),
            None => Err(format!("its shape {:?} is not known at compile time", fact.shape)),
        }
    }

    /// The translated operand. Constants are read when first used.
    fn value(&mut self, outlet: OutletId, node: &str, role: &str) -> Result<Value, Reason> {
        if let Some(&value) = self.values.get(&outlet) {
            return Ok(value);
        }
        let fact = self.model.outlet_fact(outlet).map_err(|e| e.to_string())?;
        let source = self.model.node(outlet.node);
        let konst = fact.konst.clone().or_else(|| source.op_as::<Const>().map(|c| c.val().clone()));
        let Some(tensor) = konst else {
            // Already reported where it is produced.
            return Err(UPSTREAM.to_owned());
        };
        if tensor.datum_type() != f32::datum_type() {
            return Err(format!(
                "constants of type {:?} are not supported; only float32",
                tensor.datum_type()
            ));
        }
        let data = tensor.to_plain_array_view::<f32>().map_err(|e| e.to_string())?;
        if let Some(i) = data.iter().position(|v| !v.is_finite()) {
            return Err(format!("element {i} of the constant \"{}\" is not finite", source.name));
        }
        let elements = data.as_slice().map_or_else(|| data.iter().copied().collect(), <[f32]>::to_vec);
        let data = ArrayD::from_shape_vec(IxDyn(data.shape()), elements);
        let name = self.build.names.constant(&source.name, node, role);
        let value = self.build.graph.push_constant(name, data.map_err(|e| e.to_string())?);
        self.values.insert(outlet, value);
        Ok(value)
    }

    fn node(&mut self, node: &TypedNode) -> Result<(), Reason> {
        let op = &node.op;
        if node.op_is::<TypedSource>() {
            let fact = &node.outputs[0].fact;
            if fact.datum_type != f32::datum_type() {
                return Err(format!("inputs of type {:?} are not supported; only float32", fact.datum_type));
            }
            return Ok(());
        }
        // Constants, and what the reader has computed already.
        if node.outputs.iter().all(|o| o.fact.konst.is_some()) || node.op_is::<Const>() {
            return Ok(());
        }
        let name = self.build.names.node(&node.name);
        if let Some(reason) = self.refuse(node) {
            return Err(reason);
        }
        let is_bias = node.op_as::<TypedBinOp>().is_some_and(|op| op.0.name() != "Mul");
        let role = if is_bias { "bias" } else { "weight" };
        let operands: Result<Vec<Value>, Reason> =
            node.inputs.iter().map(|&i| self.value(i, &name, role)).collect();
        let operands = match operands {
            Err(reason) if reason == UPSTREAM => return Ok(()),
            other => other?,
        };
        let target = self.shape_of(OutletId::new(node.id, 0))?;
        let result = if let Some(op) = node.op_as::<Conv>() {
            self.build.conv(&name, op, &operands)
        } else if let Some(op) = node.op_as::<EinSum>() {
            crate::einsum::translate(&mut self.build, &name, op, &operands, &target)
        } else if let Some(op) = node.op_as::<TypedBinOp>() {
            self.binary(&name, op, &operands)
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            self.elementwise(&name, op, operands[0])
        } else if let Some(op) = node.op_as::<MaxPool>() {
            self.build.pool(&name, &op.pool_spec, operands[0], &|x, attrs| NnOp::MaxPool { x, attrs })
        } else if let Some(op) = node.op_as::<SumPool>() {
            self.build.sum_pool(&name, op, operands[0])
        } else if let Some(op) = node.op_as::<Reduce>() {
            self.build.reduce_sum(&name, &op.axes, operands[0])
        } else if let Some(AxisOp::Move(from, to)) = node.op_as::<AxisOp>() {
            let mut perm: Vec<usize> = (0..target.len()).filter(|i| i != from).collect();
            perm.insert((*to).min(perm.len()), *from);
            self.build.transpose(&name, operands[0], &perm)
        } else if node.op_is::<AxisOp>() || node.op_is::<FiniteReshape>() {
            self.build.reshape(&name, operands[0], &target)
        } else if let Some(op) = node.op_as::<TypedConcat>() {
            if operands.len() == 1 {
                Ok(operands[0])
            } else {
                self.build.push(&name, NnOp::Concat { xs: operands, axis: op.axis })
            }
        } else if let Some(op) = node.op_as::<Pad>() {
            self.pad(&name, op, operands[0])
        } else if let Some(op) = node.op_as::<Slice>() {
            let start = op.start.to_usize().map_err(|_| "the bounds of a slice must be known".to_owned())?;
            self.slice(&name, operands[0], op.axis, start, 1, &target)
        } else if let Some(op) = node.op_as::<Downsample>() {
            let stride =
                usize::try_from(op.stride).map_err(|_| "negative steps are not supported".to_owned())?;
            self.slice(&name, operands[0], op.axis, op.modulo, stride, &target)
        } else if node.op_is::<Identity>() || node.op_is::<Cast>() {
            Ok(operands[0])
        } else {
            Err(unknown(&op.name()))
        }?;
        if self.build.graph.shape(result) != target {
            let found = self.build.graph.shape(result);
            return Err(format!("the reader infers shape {target:?}, this operator gives {found:?}"));
        }
        self.values.insert(OutletId::new(node.id, 0), result);
        Ok(())
    }

    /// Checks that need no operand: they are made for every node, also below a node that was refused.
    fn refuse(&self, node: &TypedNode) -> Option<Reason> {
        if let Some(o) = node.outputs.iter().find(|o| o.fact.datum_type != f32::datum_type()) {
            return Some(format!("values of type {:?} are not supported; only float32", o.fact.datum_type));
        }
        if node.outputs.len() != 1 {
            return Some(format!("{} results are not supported", node.outputs.len()));
        }
        if let Some(op) = node.op_as::<TypedBinOp>() {
            return match op.0.name() {
                "Add" | "Sub" | "SubF" | "Mul" => None,
                "Div" => Some("division is supported by constants only".to_owned()),
                other => Some(unknown(other)),
            };
        }
        if let Some(op) = node.op_as::<ElementWiseOp>() {
            return function(op).is_none().then(|| unknown(&op.0.name())).filter(|_| op.0.name() != "Square");
        }
        if let Some(op) = node.op_as::<Reduce>() {
            return (op.reducer != Reducer::Sum)
                .then(|| format!("the reduction {:?} is not supported", op.reducer));
        }
        if let Some(op) = node.op_as::<Conv>()
            && op.q_params.is_some()
        {
            return Some("quantized convolutions are not supported; export the float model".to_owned());
        }
        None
    }

    fn binary(&mut self, name: &str, op: &TypedBinOp, operands: &[Value]) -> Result<Value, Reason> {
        let &[a, b] = operands else { return Err("expected two operands".to_owned()) };
        let op = match op.0.name() {
            "Add" => NnOp::Binary { kind: Binary::Add, a, b },
            "Sub" => NnOp::Binary { kind: Binary::Sub, a, b },
            "SubF" => NnOp::Binary { kind: Binary::Sub, a: b, b: a },
            "Mul" => NnOp::Binary { kind: Binary::Mul, a, b },
            other => return Err(unknown(other)),
        };
        self.build.push(name, op)
    }

    fn elementwise(&mut self, name: &str, op: &ElementWiseOp, x: Value) -> Result<Value, Reason> {
        let op = match function(op) {
            Some(f) => NnOp::Map { x, f },
            None => NnOp::Binary { kind: Binary::Mul, a: x, b: x },
        };
        self.build.push(name, op)
    }

    fn pad(&mut self, name: &str, op: &Pad, x: Value) -> Result<Value, Reason> {
        let PadMode::Constant(value) = &op.mode else {
            return Err(format!("padding mode {:?} is not supported; only \"constant\"", op.mode));
        };
        let value = value.cast_to_scalar::<f32>().map_err(|e| e.to_string())?;
        if !value.is_finite() {
            return Err(format!("padding with {value} is not supported"));
        }
        let (low, high) = op.pads.iter().copied().unzip();
        self.build.push(name, NnOp::Pad { x, low, high, value: F64(value.into()) })
    }

    fn slice(
        &mut self,
        name: &str,
        x: Value,
        axis: usize,
        start: usize,
        stride: usize,
        target: &[usize],
    ) -> Result<Value, Reason> {
        let rank = self.build.graph.shape(x).len();
        if axis >= rank {
            return Err(format!("axis {axis} does not exist"));
        }
        let (mut starts, mut strides) = (vec![0; rank], vec![1; rank]);
        (starts[axis], strides[axis]) = (start, stride);
        self.build.push(name, NnOp::Slice { x, starts, sizes: target.to_vec(), strides })
    }
}

/// Marks a node that cannot be translated because one it reads was refused; it is not reported by itself.
const UPSTREAM: &str = "upstream";

/// The function that an op of the reader is: one it was taught, or one it makes of others, such as a negation.
fn function(op: &ElementWiseOp) -> Option<Map> {
    match op.0.downcast_ref::<Function>() {
        Some(Function(map)) => Some(map.clone()),
        None => functions::by_onnx(&op.0.name()).and_then(|f| Map::new(f, &[]).ok()),
    }
}

fn unknown(op: &str) -> Reason {
    format!("the operator (\"{op}\" after simplification) is not supported")
}
