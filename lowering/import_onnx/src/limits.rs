//! What the reader computes while it reads, bounded before it starts: tensors made of constants, of sizes that the file states.
//!
//! The reader evaluates every node whose operands are constants. A few bytes of a file can so ask for any amount of time and
//! memory: extents of `Expand`, repeats of `Tile`, a `Range`, paddings of a constant, sums that broadcast, convolutions of
//! constants.
//!
//! Invariant: what is evaluated for a model that passed holds at most [`TOTAL`] elements beyond four times those of its weights,
//! no product of matrices among it takes more than [`PRODUCTS`] multiplications, and graphs have at most [`NODES`] nodes.

use crate::accept::node_name;
use crate::error::ImportError;
use std::collections::HashMap;
use tessera_mlir::functions;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{
    GraphProto, NodeProto, TensorProto, tensor_proto::DataType, tensor_shape_proto::dimension::Value as Dim,
};

/// Elements that constants may grow by.
const TOTAL: usize = 1 << 24;
/// Multiplications of one product of constant matrices.
const PRODUCTS: usize = 1 << 30;
/// Nodes of a graph: rules that look at a graph again after every change take a time that grows with the square.
const NODES: usize = 4096;
/// Shape arithmetic is on lists no longer than this.
const LIST: usize = 64;

/// What is known of a value before the reader runs.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Extents.
    dims: Option<Vec<usize>>,
    /// Elements, at most.
    count: usize,
    /// The elements, of short lists of integers.
    values: Option<Vec<i64>>,
    /// Whether the reader has it as a constant.
    constant: bool,
}

impl Known {
    fn of(dims: Vec<usize>) -> Known {
        Known { count: count(&dims), dims: Some(dims), ..Known::default() }
    }

    fn list(values: Vec<i64>, dims: Vec<usize>) -> Known {
        Known { values: Some(values).filter(|v| v.len() <= LIST), ..Known::of(dims) }
    }
}

/// A product that stops at the largest number.
fn count(dims: &[usize]) -> usize {
    dims.iter().fold(1, |p, &d| p.saturating_mul(d))
}

fn tensor(t: &TensorProto) -> Known {
    let dims: Vec<usize> = t.dims.iter().map(|&d| usize::try_from(d).unwrap_or(usize::MAX)).collect();
    let values = if count(&dims) <= LIST { integers_of(t) } else { None };
    Known { values, constant: true, ..Known::of(dims) }
}

/// The elements of a tensor of integers.
pub(crate) fn integers_of(t: &TensorProto) -> Option<Vec<i64>> {
    let raw =
        |size: usize, of: fn(&[u8]) -> i64| -> Vec<i64> { t.raw_data.chunks_exact(size).map(of).collect() };
    match DataType::try_from(t.data_type).ok()? {
        DataType::Int64 if t.raw_data.is_empty() => Some(t.int64_data.clone()),
        DataType::Int64 => Some(raw(8, |b| i64::from_le_bytes(b.try_into().unwrap_or_default()))),
        DataType::Int32 if t.raw_data.is_empty() => Some(t.int32_data.iter().map(|&v| v.into()).collect()),
        DataType::Int32 => Some(raw(4, |b| i32::from_le_bytes(b.try_into().unwrap_or_default()).into())),
        _ => None,
    }
}

/// Checks a graph whose inputs have shapes.
pub(crate) fn check(graph: &GraphProto) -> Result<(), ImportError> {
    if graph.node.len() > NODES {
        let problem = format!("the graph has {} nodes; at most {NODES} are read", graph.node.len());
        return Err(ImportError::Invalid(vec![problem]));
    }
    let mut known: HashMap<&str, Known> = HashMap::new();
    for input in &graph.input {
        known.insert(&input.name, declared(input).map(Known::of).unwrap_or_default());
    }
    known.extend(graph.initializer.iter().map(|t| (t.name.as_str(), tensor(t))));
    let weights: usize = graph.initializer.iter().map(|t| tensor(t).count).fold(0, usize::saturating_add);
    let budget = TOTAL.saturating_add(weights.saturating_mul(4));
    let (mut grown, mut problems) = (0usize, vec![]);
    for node in &graph.node {
        let operands: Vec<Known> =
            node.input.iter().map(|name| known.get(name.as_str()).cloned().unwrap_or_default()).collect();
        let given = |i: usize| node.input.get(i).is_some_and(|n| !n.is_empty());
        let shape_of = matches!(node.op_type.as_str(), "Shape" | "Size");
        let constant = shape_of || (0..operands.len()).all(|i| !given(i) || operands[i].constant);
        let refuse =
            |why: &str| Some(format!("node \"{}\" ({}) on constants {why}", node_name(node), node.op_type));
        let mut result = match result(node, &operands) {
            Ok(result) => result,
            Err(_) if !constant => Known::default(),
            Err(why) => {
                problems.extend(refuse(&why));
                Known::default()
            }
        };
        result.constant = constant;
        if constant {
            grown = grown.saturating_add(result.count.saturating_mul(node.output.len().max(1)));
            if grown > budget {
                let why = format!("makes too much: all of them may hold {budget} elements");
                problems.extend(refuse(&why));
                break;
            }
        }
        known.extend(node.output.iter().map(|o| (o.as_str(), result.clone())));
    }
    if problems.is_empty() { Ok(()) } else { Err(ImportError::Invalid(problems)) }
}

fn declared(input: &tract_onnx::pb::ValueInfoProto) -> Option<Vec<usize>> {
    let TypeValue::TensorType(t) = input.r#type.as_ref()?.value.as_ref()?;
    let extent = |d: &tract_onnx::pb::tensor_shape_proto::Dimension| match d.value {
        Some(Dim::DimValue(v)) => usize::try_from(v).ok(),
        _ => None,
    };
    t.shape.as_ref()?.dim.iter().map(extent).collect()
}

/// What is known of a node's results, or why a constant of this kind cannot be bounded. Of nodes on data the shape is given where it
/// is that of the operand, for shape arithmetic.
fn result(node: &NodeProto, x: &[Known]) -> Result<Known, String> {
    let attr = |name: &str| node.attribute.iter().find(|a| a.name == name);
    let first = x.first().cloned().unwrap_or_default();
    let values = |i: usize| x.get(i).and_then(|k| k.values.clone());
    let unknown = || "has a size that the file does not state".to_owned();
    let extents = |i: usize| -> Result<Vec<usize>, String> {
        let list = values(i).ok_or_else(unknown)?;
        list.iter()
            .map(|&v| usize::try_from(v).map_err(|_| format!("is asked for extents {list:?}")))
            .collect()
    };
    let smaller = Known { dims: None, values: None, ..first.clone() };
    Ok(match node.op_type.as_str() {
        "Constant" => match attr("value").and_then(|a| a.t.as_ref()) {
            Some(t) => tensor(t),
            None => {
                node.attribute.first().map_or_else(Known::default, |a| match (a.ints.len(), a.floats.len()) {
                    (0, 0) if a.name == "value_int" => Known::list(vec![a.i], vec![]),
                    (0, 0) => Known::of(vec![]),
                    (0, n) => Known::of(vec![n]),
                    (n, _) => Known::list(a.ints.clone(), vec![n]),
                })
            }
        },
        "Shape" => match &first.dims {
            Some(d) => Known::list(d.iter().map(|&d| d as i64).collect(), vec![d.len()]),
            None => Known { count: LIST, ..Known::default() },
        },
        "Size" => Known::of(vec![]),
        "Identity" | "Dropout" | "Cast" | "CastLike" => first,
        "Floor" | "Ceil" | "Not" | "BatchNormalization" => Known { values: None, ..first },
        op if functions::onnx_operators().contains(&op) => Known { values: None, ..first },
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Max" | "Min" | "Sum" | "Equal" | "Less" | "Greater"
        | "Where" => {
            let dims = x.iter().map(|k| k.dims.as_deref()).try_fold(vec![], |a, d| broadcast(&a, d?));
            // operands that do not fit each other are the reader's to refuse
            let most = x.iter().map(|k| k.count).fold(1, usize::saturating_mul);
            let mut k = dims.map_or(Known { count: most, ..Known::default() }, Known::of);
            k.values = arithmetic(&node.op_type, x).filter(|v| v.len() == k.count);
            k
        }
        "Transpose" | "Squeeze" | "Unsqueeze" | "Flatten" | "Reshape" => {
            let values = first.values.clone().filter(|_| node.op_type != "Transpose");
            let n = first.count;
            let dims = match node.op_type.as_str() {
                "Reshape" => values_of_reshape(n, values_at(x, 1)),
                "Unsqueeze" | "Squeeze" if n == 1 => Some(vec![1]),
                _ => None,
            };
            Known { values, dims, count: n, constant: false }
        }
        "Slice" | "Split" | "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd"
        | "GlobalAveragePool" => smaller,
        "Concat" => {
            let lists = x.iter().map(|k| k.values.clone()).collect::<Option<Vec<_>>>().map(|l| l.concat());
            let count = x.iter().map(|k| k.count).fold(0, usize::saturating_add);
            let dims = lists.as_ref().map(|l| vec![l.len()]);
            Known { values: lists.filter(|l| l.len() <= LIST), dims, count, constant: false }
        }
        "Gather" => {
            let indices = x.get(1).map_or(0, |k| k.count);
            let axis = attr("axis").map_or(0, |a| a.i);
            let along = first.dims.as_ref().and_then(|d| {
                let axis = if axis < 0 { axis + d.len() as i64 } else { axis };
                d.get(usize::try_from(axis).ok()?).copied()
            });
            let taken = first.values.as_ref().zip(values(1)).and_then(|(v, at)| {
                at.iter()
                    .map(|&i| {
                        v.get(usize::try_from(if i < 0 { i + v.len() as i64 } else { i }).ok()?).copied()
                    })
                    .collect::<Option<Vec<i64>>>()
            });
            match taken {
                Some(list) => Known::list(list, x.get(1).and_then(|k| k.dims.clone()).unwrap_or_default()),
                None => {
                    let rest = along.filter(|&n| n > 0).map_or(first.count, |n| first.count / n);
                    Known { count: rest.saturating_mul(indices), ..Known::default() }
                }
            }
        }
        "ConstantOfShape" => Known::of(extents(0)?),
        "Expand" => {
            let to = extents(1)?;
            let from = first.dims.as_deref().ok_or_else(unknown)?;
            broadcast(from, &to).map_or_else(|| Known::of(to), Known::of)
        }
        "Tile" => Known { count: first.count.saturating_mul(count(&extents(1)?)), ..Known::default() },
        "Range" => {
            let [from, to, step] = [0, 1, 2].map(|i| values(i).and_then(|v| v.first().copied()));
            let (Some(from), Some(to), Some(step)) = (from, to, step) else { return Err(unknown()) };
            let turns = (i128::from(to) - i128::from(from)) / i128::from(if step == 0 { 1 } else { step });
            Known::of(vec![usize::try_from(turns.max(0) + 1).unwrap_or(usize::MAX)])
        }
        "Pad" => {
            let pads = values(1).or_else(|| attr("pads").map(|a| a.ints.clone())).ok_or_else(unknown)?;
            let from = first.dims.clone().ok_or_else(unknown)?;
            let at = |i: usize| pads.get(i).map_or(0, |p| usize::try_from(*p).unwrap_or(0));
            let grown = |(i, d): (usize, &usize)| d.saturating_add(at(i)).saturating_add(at(i + from.len()));
            Known::of(from.iter().enumerate().map(grown).collect())
        }
        "MatMul" | "Gemm" => {
            let (Some(a), Some(b)) =
                (x.first().and_then(|k| k.dims.as_ref()), x.get(1).and_then(|k| k.dims.as_ref()))
            else {
                return Err(unknown());
            };
            // rows, columns and batches of both: at most this many numbers, each a sum of `inner` products
            let inner = a.iter().chain(b).copied().filter(|&d| d > 0).max().unwrap_or(1);
            let numbers = (count(a) / a.last().copied().unwrap_or(1).max(1))
                .saturating_mul(count(b) / b.get(b.len().saturating_sub(2)).copied().unwrap_or(1).max(1));
            let work = numbers.saturating_mul(inner);
            if work > PRODUCTS {
                return Err(format!(
                    "takes up to {work} multiplications, at most {PRODUCTS} are made while reading"
                ));
            }
            Known { count: numbers, ..Known::default() }
        }
        // windows and sums over constants stand in no exported model
        _ => return Err("is not computed while reading; export the model with constants folded".into()),
    })
}

fn values_at(x: &[Known], i: usize) -> Option<&Vec<i64>> {
    x.get(i)?.values.as_ref()
}

/// The shape that `n` elements are given by a list with at most one −1.
fn values_of_reshape(n: usize, to: Option<&Vec<i64>>) -> Option<Vec<usize>> {
    let to = to?;
    let stated = to.iter().filter_map(|&d| usize::try_from(d).ok()).fold(1, usize::saturating_mul);
    let open = |&d: &i64| usize::try_from(d).ok().or_else(|| n.checked_div(stated));
    to.iter().map(open).collect::<Option<Vec<usize>>>().filter(|d| count(d) == n)
}

/// The common shape of two operands, if they have one.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |d: &[usize], i: usize| (i + d.len()).checked_sub(rank).map_or(1, |i| d[i]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// Sums and products of short lists of integers.
fn arithmetic(op: &str, x: &[Known]) -> Option<Vec<i64>> {
    let (a, b) = (values_at(x, 0)?, values_at(x, 1)?);
    let n = a.len().max(b.len());
    let at = |v: &[i64], i: usize| v.get(if v.len() == 1 { 0 } else { i }).copied();
    let one = |i: usize| {
        let (a, b) = (at(a, i)?, at(b, i)?);
        match op {
            "Add" => a.checked_add(b),
            "Sub" => a.checked_sub(b),
            "Mul" => a.checked_mul(b),
            "Div" => a.checked_div(b),
            "Max" => Some(a.max(b)),
            "Min" => Some(a.min(b)),
            _ => None,
        }
    };
    if x.len() == 2 { (0..n).map(one).collect() } else { None }
}
