//! From the reader's decluttered graph to the plain [`Graph`], operator by operator.
//!
//! Invariants:
//! - A form that is not understood completely is reported, never approximated; all such nodes are reported together.
//! - The shape of every translated value equals the shape the reader inferred for it.

use crate::error::{ImportError, UnsupportedNode};
use crate::graph::{Graph, Op, Value};
use crate::names::Names;
use ndarray::{ArrayD, IxDyn};
use std::collections::{BTreeSet, HashMap};
use tessera_mlir::kernels;
use tessera_mlir::shape::{ConvAttrs, PoolAttrs};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::{FiniteReshape, Pad, PadMode, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::downsample::Downsample;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer};
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_hir::internal::DimLike;

/// Why one node cannot be translated.
pub(crate) type Reason = String;

pub(crate) struct Translator<'m> {
    pub(crate) model: &'m TypedModel,
    pub(crate) graph: Graph,
    pub(crate) names: Names<'m>,
    values: HashMap<OutletId, Value>,
}

/// Translates a whole model.
pub(crate) fn translate(model: &TypedModel, names: Names) -> Result<Graph, ImportError> {
    let mut t = Translator { model, graph: Graph::default(), names, values: HashMap::new() };
    let fail = |message: String| ImportError::Reader { stage: "reading the simplified graph", message };
    let mut problems: BTreeSet<(usize, UnsupportedNode)> = BTreeSet::new();
    for outlet in model.input_outlets().map_err(|e| fail(e.to_string()))? {
        let name = model.node(outlet.node).name.clone();
        let shape = t.shape_of(*outlet).map_err(|e| fail(format!("input \"{name}\": {e}")))?;
        t.graph.inputs.push((name, shape));
        t.values.insert(*outlet, Value::Input(t.graph.inputs.len() - 1));
    }
    for (position, id) in model.eval_order().map_err(|e| fail(format!("{e:#}")))?.into_iter().enumerate() {
        let node = model.node(id);
        if let Err(reason) = t.node(node) {
            let name = t.names.node(&node.name);
            let op = t.names.operator(&name).unwrap_or_else(|| node.op.name().to_string());
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
        let name = t.names.output(i, || model.outlet_label(*outlet).map(str::to_owned));
        let value = t.value(*outlet, &name, "value").map_err(|e| fail(format!("output \"{name}\": {e}")))?;
        t.graph.outputs.push((name, value));
    }
    Ok(t.graph)
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
    pub(crate) fn value(&mut self, outlet: OutletId, node: &str, role: &str) -> Result<Value, Reason> {
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
        let data = ArrayD::from_shape_vec(IxDyn(data.shape()), data.iter().copied().collect());
        let name = self.names.constant(&source.name, node, role);
        let value = self.graph.push_constant(name, data.map_err(|e| e.to_string())?);
        self.values.insert(outlet, value);
        Ok(value)
    }

    /// Appends an operation.
    pub(crate) fn push(&mut self, name: &str, op: Op, operands: Vec<Value>) -> Result<Value, Reason> {
        self.graph.push(name, op, operands).map_err(|e| e.to_string())
    }

    /// Reshapes unless the shape is right already; constants at once.
    pub(crate) fn reshape(&mut self, name: &str, v: Value, shape: &[usize]) -> Result<Value, Reason> {
        if self.graph.shape(v) == shape {
            return Ok(v);
        }
        if let Value::Const(i) = v {
            let constant = self.graph.constants[i].clone();
            let data = kernels::reshape(&constant.data, shape).map_err(|e| e.to_string())?;
            return Ok(self.graph.push_constant(constant.name, data));
        }
        self.push(name, Op::Reshape(shape.to_vec()), vec![v])
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
            let data = kernels::transpose(&constant.data, perm).map_err(|e| e.to_string())?;
            return Ok(self.graph.push_constant(constant.name, data));
        }
        self.push(name, Op::Transpose(perm.to_vec()), vec![v])
    }

    fn scalar(&mut self, name: &str, value: f32, rank: usize) -> Value {
        let data = ArrayD::from_elem(IxDyn(&vec![1; rank]), value);
        self.graph.push_constant(format!("{name}.scale"), data)
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
        let name = self.names.node(&node.name);
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
            self.conv(&name, op, &operands)
        } else if let Some(op) = node.op_as::<EinSum>() {
            crate::einsum::translate(self, &name, op, &operands, &target)
        } else if let Some(op) = node.op_as::<TypedBinOp>() {
            self.binary(&name, op, &operands)
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            self.elementwise(&name, op, operands[0])
        } else if let Some(op) = node.op_as::<MaxPool>() {
            self.pool(&name, &op.pool_spec, operands[0], &Op::MaxPool)
        } else if let Some(op) = node.op_as::<SumPool>() {
            self.sum_pool(&name, op, operands[0])
        } else if let Some(op) = node.op_as::<Reduce>() {
            self.reduce_sum(&name, &op.axes, operands[0])
        } else if let Some(AxisOp::Move(from, to)) = node.op_as::<AxisOp>() {
            let mut perm: Vec<usize> = (0..target.len()).filter(|i| i != from).collect();
            perm.insert((*to).min(perm.len()), *from);
            self.transpose(&name, operands[0], &perm)
        } else if node.op_is::<AxisOp>() || node.op_is::<FiniteReshape>() {
            self.reshape(&name, operands[0], &target)
        } else if let Some(op) = node.op_as::<TypedConcat>() {
            if operands.len() == 1 {
                Ok(operands[0])
            } else {
                self.push(&name, Op::Concat(op.axis), operands)
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
        if self.graph.shape(result) != target {
            let found = self.graph.shape(result);
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
                "Max" => {
                    let zero = |i: &OutletId| {
                        let konst = self.model.outlet_fact(*i).ok().and_then(|f| f.konst.clone());
                        konst.is_some_and(|t| {
                            t.to_plain_array_view::<f32>().is_ok_and(|a| a.iter().all(|&v| v == 0.0))
                        })
                    };
                    (!node.inputs.iter().any(zero))
                        .then(|| "a maximum is supported against 0 only (ReLU)".to_owned())
                }
                "Div" => Some("division is supported by constants only".to_owned()),
                other => Some(unknown(other)),
            };
        }
        if let Some(op) = node.op_as::<ElementWiseOp>() {
            let name = op.0.name();
            return (!["Neg", "Square"].contains(&name.as_str())).then(|| unknown(&name));
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

    fn conv(&mut self, name: &str, op: &Conv, operands: &[Value]) -> Result<Value, Reason> {
        let &[x, w, bias] = operands else {
            return Err(format!("{} operands are not supported", operands.len()));
        };
        if self.graph.constant(w).is_none() || self.graph.constant(bias).is_none() {
            return Err("the weights of a convolution must be constant".to_owned());
        }
        let (x, window, restore) = self.window(name, &op.pool_spec, x)?;
        let w = match op.kernel_fmt {
            KernelFormat::OIHW => w,
            _ => return Err(format!("kernel layout {:?} is not supported", op.kernel_fmt)),
        };
        let mut kernel = self.graph.shape(w).to_vec();
        if kernel.len() == 3 {
            kernel.insert(2, 1);
        }
        let w = self.reshape(name, w, &kernel)?;
        let attrs = ConvAttrs {
            strides: window.pool.strides,
            pads: window.pool.pads,
            dilations: window.dilations,
            groups: op.group,
        };
        let mut operands = vec![x, w];
        let b = self.graph.constant(bias).map(|b| b.iter().copied().collect::<Vec<_>>()).unwrap_or_default();
        if b.iter().any(|&v| v != 0.0) {
            let channels = kernel[0];
            let full = if b.len() == 1 { vec![b[0]; channels] } else { b };
            let data = ArrayD::from_shape_vec(IxDyn(&[channels]), full)
                .map_err(|_| format!("the bias must have {channels} elements"))?;
            let constant = self.names.role(name, "bias");
            operands.push(self.graph.push_constant(constant, data));
        }
        let y = self.push(name, Op::Conv(attrs), operands)?;
        self.restore(name, y, restore)
    }

    fn binary(&mut self, name: &str, op: &TypedBinOp, operands: &[Value]) -> Result<Value, Reason> {
        let &[a, b] = operands else { return Err("expected two operands".to_owned()) };
        match op.0.name() {
            "Add" => self.push(name, Op::Add, vec![a, b]),
            "Sub" => self.push(name, Op::Sub, vec![a, b]),
            "SubF" => self.push(name, Op::Sub, vec![b, a]),
            "Mul" => self.push(name, Op::Mul, vec![a, b]),
            "Max" => {
                let x = if self.graph.constant(a).is_some() { b } else { a };
                self.push(name, Op::Relu, vec![x])
            }
            other => Err(unknown(other)),
        }
    }

    fn elementwise(&mut self, name: &str, op: &ElementWiseOp, x: Value) -> Result<Value, Reason> {
        match op.0.name().as_str() {
            "Neg" => {
                let minus_one = self.scalar(name, -1.0, self.graph.shape(x).len());
                self.push(name, Op::Mul, vec![x, minus_one])
            }
            "Square" => self.push(name, Op::Mul, vec![x, x]),
            other => Err(unknown(other)),
        }
    }

    /// Brings the image to N×C×H×W, and the window to two axes.
    fn window(&mut self, name: &str, spec: &PoolSpec, x: Value) -> Result<(Value, Window, Restore), Reason> {
        let batch = match spec.data_format {
            DataFormat::NCHW => true,
            DataFormat::CHW => false,
            other => return Err(format!("the data layout {other:?} is not supported")),
        };
        let mut shape = self.graph.shape(x).to_vec();
        let rank = spec.kernel_shape.len();
        if shape.len() != rank + 1 + usize::from(batch) || !(1..=2).contains(&rank) {
            return Err(format!("{rank}-d windows on shape {shape:?} are not supported; only 1-d and 2-d"));
        }
        let spatial = &shape[shape.len() - rank..];
        let mut axes = Vec::new();
        for (i, dim) in spec.computed_padding(spatial).iter().enumerate() {
            let (kernel, stride, dilation) = (spec.kernel_shape[i], spec.stride(i), spec.dilation(i));
            // Padding that covers exactly the windows there are: with rounding up ("ceil mode") the last one may
            // reach further than the declared padding.
            let reach = (dim.convoluted.max(1) - 1) * stride + (kernel.max(1) - 1) * dilation + 1;
            let declared = spatial[i] + dim.pad_before + dim.pad_after;
            let after = dim.pad_after + reach.saturating_sub(declared);
            axes.push((kernel, stride, dilation, dim.pad_before, after, reach > declared));
        }
        let explicit_rounding = matches!(&spec.padding, PaddingSpec::ExplicitOnnxPool(_, _, true));
        if rank == 1 {
            axes.insert(0, (1, 1, 1, 0, 0, false));
            shape.insert(shape.len() - 1, 1);
        }
        if !batch {
            shape.insert(0, 1);
        }
        let (h, w) = (axes[0], axes[1]);
        let window = Window {
            pool: PoolAttrs { kernel: [h.0, w.0], strides: [h.1, w.1], pads: [h.3, w.3, h.4, w.4] },
            dilations: [h.2, w.2],
            rounded_up: explicit_rounding && (h.5 || w.5),
        };
        Ok((self.reshape(name, x, &shape)?, window, Restore { batch, rank }))
    }

    fn restore(&mut self, name: &str, y: Value, r: Restore) -> Result<Value, Reason> {
        let mut shape = self.graph.shape(y).to_vec();
        if r.rank == 1 {
            shape.remove(2);
        }
        if !r.batch {
            shape.remove(0);
        }
        self.reshape(name, y, &shape)
    }

    fn pool(
        &mut self,
        name: &str,
        spec: &PoolSpec,
        x: Value,
        op: &dyn Fn(PoolAttrs) -> Op,
    ) -> Result<Value, Reason> {
        let (x, window, restore) = self.window(name, spec, x)?;
        if window.dilations != [1, 1] {
            return Err("dilated pooling is not supported".to_owned());
        }
        let y = self.push(name, op(window.pool), vec![x])?;
        self.restore(name, y, restore)
    }

    fn sum_pool(&mut self, name: &str, op: &SumPool, x: Value) -> Result<Value, Reason> {
        let (_, window, _) = self.window(name, &op.pool_spec, x)?;
        if op.count_include_pad && window.rounded_up {
            return Err(
                "average pooling with ceil_mode and count_include_pad together is not supported".to_owned()
            );
        }
        let mean =
            self.pool(name, &op.pool_spec, x, &|p| Op::AvgPool(p, op.count_include_pad || !op.normalize))?;
        if op.normalize {
            return Ok(mean);
        }
        let cells = window.pool.kernel[0] * window.pool.kernel[1];
        let count = self.scalar(name, cells as f32, self.graph.shape(mean).len());
        self.push(name, Op::Mul, vec![mean, count])
    }

    /// A sum over axes is an average pooling over all of them, times their extent.
    fn reduce_sum(&mut self, name: &str, axes: &[usize], x: Value) -> Result<Value, Reason> {
        let shape = self.graph.shape(x).to_vec();
        let reduced: usize = axes.iter().map(|&a| shape.get(a).copied().unwrap_or(1)).product();
        let target: Vec<usize> =
            (0..shape.len()).map(|i| if axes.contains(&i) { 1 } else { shape[i] }).collect();
        let trailing_image = shape.len() == 4 && axes == [2, 3];
        let (image, window) = if trailing_image {
            (x, [shape[2], shape[3]])
        } else {
            let kept = (0..shape.len()).filter(|i| !axes.contains(i));
            let perm: Vec<usize> = kept.chain(axes.iter().copied()).collect();
            let moved = self.transpose(name, x, &perm)?;
            let kept: usize = target.iter().product();
            (self.reshape(name, moved, &[1, kept, 1, reduced])?, [1, reduced])
        };
        let pool = PoolAttrs { kernel: window, strides: [1, 1], pads: [0; 4] };
        let mean = self.push(name, Op::AvgPool(pool, true), vec![image])?;
        let mean = self.reshape(name, mean, &target)?;
        let count = self.scalar(name, reduced as f32, target.len());
        self.push(name, Op::Mul, vec![mean, count])
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
        self.push(name, Op::Pad { low, high, value }, vec![x])
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
        let rank = self.graph.shape(x).len();
        if axis >= rank {
            return Err(format!("axis {axis} does not exist"));
        }
        let (mut starts, mut strides) = (vec![0; rank], vec![1; rank]);
        (starts[axis], strides[axis]) = (start, stride);
        self.push(name, Op::Slice { starts, sizes: target.to_vec(), strides }, vec![x])
    }
}

/// Marks a node that cannot be translated because one it reads was refused; it is not reported by itself.
const UPSTREAM: &str = "upstream";

fn unknown(op: &str) -> Reason {
    format!("the operator (\"{op}\" after simplification) is not supported")
}

struct Window {
    pool: PoolAttrs,
    dilations: [usize; 2],
    /// The last window reaches past the declared padding.
    rounded_up: bool,
}

#[derive(Clone, Copy)]
struct Restore {
    batch: bool,
    rank: usize,
}
