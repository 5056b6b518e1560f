//! Writes small ONNX files: networks that benchmarks and tests generate instead of shipping.
//!
//! Invariants: what [`Writer`] can say, [`crate::import`] accepts; weights come from the caller alone, so the same calls
//! give the same bytes.

use prost::Message;
use tract_onnx::pb::{self, tensor_proto::DataType};

/// The ONNX operator set written.
const OPSET: i64 = 17;

/// A tensor of the graph being written: its name and its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    name: String,
    /// Extents, the batch of 1 among them.
    pub shape: Vec<usize>,
}

/// Attributes of a convolution. Kernel and channels are those of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Step of the window, both ways.
    pub stride: usize,
    /// Zeros added on all four sides.
    pub pad: usize,
    /// Groups; as many as input channels for a depthwise convolution.
    pub groups: usize,
}

/// An ONNX graph under construction.
#[derive(Debug, Default)]
pub struct Writer {
    graph: pb::GraphProto,
}

fn ints(name: &str, values: &[usize]) -> pb::AttributeProto {
    let ints = values.iter().map(|v| *v as i64).collect();
    let r#type = pb::attribute_proto::AttributeType::Ints as i32;
    pb::AttributeProto { name: name.into(), r#type, ints, ..Default::default() }
}

fn int(name: &str, value: usize) -> pb::AttributeProto {
    let r#type = pb::attribute_proto::AttributeType::Int as i32;
    pb::AttributeProto { name: name.into(), r#type, i: value as i64, ..Default::default() }
}

fn value_info(t: &Tensor, kind: DataType) -> pb::ValueInfoProto {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let dim =
        t.shape.iter().map(|d| Dimension { value: Some(Value::DimValue(*d as i64)), ..Default::default() });
    let tensor = pb::type_proto::Tensor {
        elem_type: kind as i32,
        shape: Some(pb::TensorShapeProto { dim: dim.collect() }),
    };
    pb::ValueInfoProto {
        name: t.name.clone(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

impl Writer {
    /// An empty graph.
    pub fn new(name: &str) -> Writer {
        Writer { graph: pb::GraphProto { name: name.into(), ..Default::default() } }
    }

    /// A float input.
    pub fn input(&mut self, name: &str, shape: &[usize]) -> Tensor {
        let t = Tensor { name: name.into(), shape: shape.to_vec() };
        self.graph.input.push(value_info(&t, DataType::Float));
        t
    }

    /// An input of ids: integers from 0 on.
    pub fn ids(&mut self, name: &str, shape: &[usize]) -> Tensor {
        let t = Tensor { name: name.into(), shape: shape.to_vec() };
        self.graph.input.push(value_info(&t, DataType::Int64));
        t
    }

    /// Numbers that the file holds.
    ///
    /// # Panics
    /// When there are more or fewer than the shape says.
    pub fn parameter(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Tensor {
        Tensor { name: self.weight(name.into(), shape, values), shape: shape.to_vec() }
    }

    fn integers(&mut self, name: String, values: &[usize]) -> String {
        let raw = values.iter().flat_map(|v| (*v as i64).to_le_bytes()).collect();
        self.constant(name, &[values.len()], DataType::Int64, raw)
    }

    fn constant(&mut self, name: String, dims: &[usize], kind: DataType, raw_data: Vec<u8>) -> String {
        self.graph.initializer.push(pb::TensorProto {
            name: name.clone(),
            dims: dims.iter().map(|d| *d as i64).collect(),
            data_type: kind as i32,
            raw_data,
            ..Default::default()
        });
        name
    }

    fn weight(&mut self, name: String, dims: &[usize], values: &[f32]) -> String {
        assert_eq!(
            dims.iter().product::<usize>(),
            values.len(),
            "as many values as the shape of {name} says"
        );
        self.constant(name, dims, DataType::Float, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    fn node(
        &mut self,
        op: &str,
        inputs: Vec<String>,
        attribute: Vec<pb::AttributeProto>,
        shape: Vec<usize>,
    ) -> Tensor {
        let name = format!("{}_{}", op.to_lowercase(), self.graph.node.len());
        self.graph.node.push(pb::NodeProto {
            input: inputs,
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op.into(),
            attribute,
            ..Default::default()
        });
        Tensor { name, shape }
    }

    /// A convolution of `x[1, C, H, W]` with weights `[O, C/groups, K, K]` and a bias `[O]`.
    pub fn conv(
        &mut self,
        x: &Tensor,
        (dims, weights): ([usize; 4], &[f32]),
        bias: &[f32],
        c: Conv,
    ) -> Tensor {
        let n = self.graph.node.len();
        let w = self.weight(format!("conv_{n}.weight"), &dims, weights);
        let b = self.weight(format!("conv_{n}.bias"), &dims[..1], bias);
        let extent = |i: usize| (x.shape[i] + 2 * c.pad - dims[i]) / c.stride + 1;
        let shape = vec![1, dims[0], extent(2), extent(3)];
        let attributes = vec![
            ints("kernel_shape", &dims[2..]),
            ints("strides", &[c.stride; 2]),
            ints("pads", &[c.pad; 4]),
            ints("dilations", &[1; 2]),
            int("group", c.groups),
        ];
        self.node("Conv", vec![x.name.clone(), w, b], attributes, shape)
    }

    /// A linear layer of `x[1, I]` with weights `[O, I]` and a bias `[O]`.
    pub fn linear(&mut self, x: &Tensor, outputs: usize, weights: &[f32], bias: &[f32]) -> Tensor {
        let n = self.graph.node.len();
        let w = self.weight(format!("linear_{n}.weight"), &[outputs, x.shape[1]], weights);
        let b = self.weight(format!("linear_{n}.bias"), &[outputs], bias);
        self.node("Gemm", vec![x.name.clone(), w, b], vec![int("transB", 1)], vec![1, outputs])
    }

    /// max(x, 0).
    pub fn relu(&mut self, x: &Tensor) -> Tensor {
        self.function("Relu", x)
    }

    /// A function of every element as ONNX spells it: an operator, and in parentheses its attribute `approximate`, as in
    /// `Gelu(tanh)`.
    pub fn function(&mut self, spelling: &str, x: &Tensor) -> Tensor {
        let (op, variant) = spelling.split_once('(').unwrap_or((spelling, ""));
        let text = |variant: &str| pb::AttributeProto {
            name: "approximate".into(),
            r#type: pb::attribute_proto::AttributeType::String as i32,
            s: variant.as_bytes().to_vec(),
            ..Default::default()
        };
        let variant = Some(variant.trim_end_matches(')')).filter(|variant| !variant.is_empty());
        self.node(op, vec![x.name.clone()], variant.map(text).into_iter().collect(), x.shape.clone())
    }

    /// x between two numbers.
    pub fn clip(&mut self, x: &Tensor, min: f32, max: f32) -> Tensor {
        let n = self.graph.node.len();
        let bounds = [("min", min), ("max", max)];
        let bounds = bounds.map(|(name, bound)| self.weight(format!("clip_{n}.{name}"), &[], &[bound]));
        let inputs = std::iter::once(x.name.clone()).chain(bounds).collect();
        self.node("Clip", inputs, vec![], x.shape.clone())
    }

    /// x and a number: `Add`, `Mul`, `Div`.
    pub fn with_number(&mut self, op: &str, x: &Tensor, number: f32) -> Tensor {
        let n = self.graph.node.len();
        let number = self.weight(format!("{}_{n}.number", op.to_lowercase()), &[], &[number]);
        self.node(op, vec![x.name.clone(), number], vec![], x.shape.clone())
    }

    /// x·y.
    pub fn mul(&mut self, x: &Tensor, y: &Tensor) -> Tensor {
        self.node("Mul", vec![x.name.clone(), y.name.clone()], vec![], x.shape.clone())
    }

    /// The maximum over disjoint windows of `size` × `size`.
    pub fn max_pool(&mut self, x: &Tensor, size: usize) -> Tensor {
        let attributes = vec![ints("kernel_shape", &[size; 2]), ints("strides", &[size; 2])];
        let shape = vec![1, x.shape[1], x.shape[2] / size, x.shape[3] / size];
        self.node("MaxPool", vec![x.name.clone()], attributes, shape)
    }

    /// The mean over all positions, [1, C].
    pub fn global_average(&mut self, x: &Tensor) -> Tensor {
        let shape = vec![1, x.shape[1], 1, 1];
        let pooled = self.node("GlobalAveragePool", vec![x.name.clone()], vec![], shape);
        self.flatten(&pooled)
    }

    /// x + y.
    pub fn add(&mut self, x: &Tensor, y: &Tensor) -> Tensor {
        self.node("Add", vec![x.name.clone(), y.name.clone()], vec![], x.shape.clone())
    }

    /// [1, …] to [1, product].
    pub fn flatten(&mut self, x: &Tensor) -> Tensor {
        let shape = vec![1, x.shape[1..].iter().product()];
        self.node("Flatten", vec![x.name.clone()], vec![int("axis", 1)], shape)
    }

    /// Rows of `table[N, D]` by `ids[.., S]`: `[.., S, D]`.
    pub fn gather(&mut self, table: &Tensor, ids: &Tensor) -> Tensor {
        let shape = [&ids.shape[..], &table.shape[1..]].concat();
        self.node("Gather", vec![table.name.clone(), ids.name.clone()], vec![int("axis", 0)], shape)
    }

    /// Rows of the last axis, each normalized, times a factor, plus a bias.
    pub fn layer_norm(&mut self, x: &Tensor, factor: &Tensor, bias: &Tensor) -> Tensor {
        let inputs = [x, factor, bias].map(|t| t.name.clone()).into();
        self.node("LayerNormalization", inputs, vec![], x.shape.clone())
    }

    /// Products of matrices, `a[.., I, K]·b[.., K, J]`, or of every one with `b[K, J]`.
    pub fn matmul(&mut self, a: &Tensor, b: &Tensor) -> Tensor {
        let mut shape = a.shape.clone();
        if let (Some(last), Some(columns)) = (shape.last_mut(), b.shape.last()) {
            *last = *columns;
        }
        self.node("MatMul", vec![a.name.clone(), b.name.clone()], vec![], shape)
    }

    /// The same elements in another shape.
    pub fn reshape(&mut self, x: &Tensor, shape: &[usize]) -> Tensor {
        let n = self.graph.node.len();
        let to = self.integers(format!("reshape_{n}.shape"), shape);
        self.node("Reshape", vec![x.name.clone(), to], vec![], shape.to_vec())
    }

    /// Axis `i` of the result is axis `perm[i]` of the operand.
    pub fn transpose(&mut self, x: &Tensor, perm: &[usize]) -> Tensor {
        let shape = perm.iter().map(|&axis| x.shape[axis]).collect();
        self.node("Transpose", vec![x.name.clone()], vec![ints("perm", perm)], shape)
    }

    /// `sizes` elements of every axis, from `starts` on.
    pub fn slice(&mut self, x: &Tensor, starts: &[usize], sizes: &[usize]) -> Tensor {
        let n = self.graph.node.len();
        let ends: Vec<usize> = starts.iter().zip(sizes).map(|(start, size)| start + size).collect();
        let starts = self.integers(format!("slice_{n}.starts"), starts);
        let ends = self.integers(format!("slice_{n}.ends"), &ends);
        self.node("Slice", vec![x.name.clone(), starts, ends], vec![], sizes.to_vec())
    }

    /// Softmax over the last axis of `scores[.., S, S]`: row i of columns 0 to i.
    pub fn causal_softmax(&mut self, scores: &Tensor) -> Tensor {
        let (n, size) = (self.graph.node.len(), scores.shape.last().copied().unwrap_or(1));
        let allowed = (0..size * size).map(|at| u8::from(at % size <= at / size)).collect();
        let allowed = self.constant(format!("where_{n}.allowed"), &[size, size], DataType::Bool, allowed);
        let least = self.weight(format!("where_{n}.least"), &[], &[f32::NEG_INFINITY]);
        let inputs = vec![allowed, scores.name.clone(), least];
        let masked = self.node("Where", inputs, vec![], scores.shape.clone());
        self.softmax(&masked)
    }

    /// Softmax over the last axis.
    pub fn softmax(&mut self, scores: &Tensor) -> Tensor {
        let last = scores.shape.len() - 1;
        self.node("Softmax", vec![scores.name.clone()], vec![int("axis", last)], scores.shape.clone())
    }

    /// The file, with `output` as its only output.
    pub fn finish(mut self, output: &Tensor) -> Vec<u8> {
        self.graph.output.push(value_info(output, DataType::Float));
        pb::ModelProto {
            ir_version: 8,
            producer_name: "tessera".into(),
            opset_import: vec![pb::OperatorSetIdProto { version: OPSET, ..Default::default() }],
            graph: Some(self.graph),
            ..Default::default()
        }
        .encode_to_vec()
    }
}
