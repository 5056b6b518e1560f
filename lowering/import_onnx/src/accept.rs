//! The list of ONNX operators that are accepted, and the census that refuses all others at once.
//!
//! The reader (tract) computes some operators wrongly without a word (reversed recurrences, sequence lengths, ...), so
//! nothing is accepted because the reader takes it: only because it stands in this file or in the list of functions.
//!
//! Invariants:
//! - An operator of [`supported`] may read data; its forms are checked again, with shapes, in `translate`.
//! - An operator of `CONSTANT_ONLY` is accepted only where all it reads is known at compile time (shape arithmetic).

use std::collections::HashSet;
use tessera_mlir::functions;
use tract_onnx::pb::{GraphProto, NodeProto};

/// A node of the ONNX graph that the import does not accept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnsupportedNode {
    /// Name of the ONNX node (its first output where it has no name).
    pub name: String,
    /// ONNX operator, with its domain if that is not the standard one.
    pub op: String,
    /// What about it is not supported.
    pub reason: String,
}

/// ONNX operators that may work on data, besides functions.
const OPERATORS: &[&str] = &[
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Concat",
    "Constant",
    "Conv",
    "Div",
    "Dropout",
    "Einsum",
    "Flatten",
    "Gemm",
    "GlobalAveragePool",
    "Identity",
    "MatMul",
    "MaxPool",
    "Mul",
    "Pad",
    "ReduceMean",
    "ReduceSum",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Sub",
    "Sum",
    "Transpose",
    "Unsqueeze",
];

/// All ONNX operators that may work on data, sorted.
pub fn supported() -> Vec<&'static str> {
    let mut all = [OPERATORS, &functions::onnx_operators()].concat();
    all.sort_unstable();
    all
}

/// ONNX operators accepted where every operand is known at compile time.
const CONSTANT_ONLY: &[&str] = &[
    "Cast",
    "CastLike",
    "Ceil",
    "ConstantOfShape",
    "Equal",
    "Expand",
    "Floor",
    "Gather",
    "Greater",
    "Less",
    "Max",
    "Min",
    "Mod",
    "Not",
    "Range",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "Tile",
    "Where",
];

/// Operators whose result depends on the shape of the operand only.
const SHAPE_OF: &[&str] = &["Shape", "Size"];

/// The name a node is known by: its own, or its first output's.
pub(crate) fn node_name(node: &NodeProto) -> String {
    if !node.name.is_empty() {
        node.name.clone()
    } else {
        node.output
            .iter()
            .find(|o| !o.is_empty())
            .cloned()
            .unwrap_or_else(|| format!("unnamed {}", node.op_type))
    }
}

/// Every node of `graph` that lies outside the accepted list, in graph order.
pub(crate) fn census(graph: &GraphProto) -> Vec<UnsupportedNode> {
    // Names of values known at compile time. ONNX graphs are in topological order.
    let mut known: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let mut unsupported = Vec::new();
    for node in &graph.node {
        let standard = node.domain.is_empty() || node.domain == "ai.onnx";
        let op = node.op_type.as_str();
        let constant = node.input.iter().all(|i| i.is_empty() || known.contains(i.as_str()));
        let has_subgraph = node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty());
        let reason = if !standard {
            Some("operators of other domains, and local functions, are not supported".to_owned())
        } else if has_subgraph {
            Some("control flow is not supported".to_owned())
        } else if SHAPE_OF.contains(&op) {
            known.extend(node.output.iter().map(String::as_str));
            None
        } else if functions::onnx_operators().contains(&op) {
            let parameters = node.input.iter().skip(1).all(|i| i.is_empty() || known.contains(i.as_str()));
            match parameters {
                true => crate::functions::refuse(node),
                false => Some("the parameters of a function must be known at compile time".to_owned()),
            }
        } else if OPERATORS.contains(&op) {
            form(op, node, &known)
        } else if CONSTANT_ONLY.contains(&op) {
            (!constant).then(|| "supported on values known at compile time only".to_owned())
        } else {
            Some("the operator is not in the accepted list".to_owned())
        };
        if constant {
            known.extend(node.output.iter().map(String::as_str));
        }
        if let Some(reason) = reason {
            let op =
                if standard { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) };
            unsupported.push(UnsupportedNode { name: node_name(node), op, reason });
        }
    }
    unsupported
}

/// Forms of accepted operators that can be refused from the attributes alone.
fn form(op: &str, node: &NodeProto, known: &HashSet<&str>) -> Option<String> {
    let unknown =
        |i: usize| node.input.get(i).is_some_and(|name| !name.is_empty() && !known.contains(name.as_str()));
    let attr = |name: &str| node.attribute.iter().find(|a| a.name == name);
    match op {
        "BatchNormalization" => {
            let outputs = node.output.iter().filter(|o| !o.is_empty()).count();
            if attr("training_mode").is_some_and(|a| a.i != 0) || outputs > 1 {
                return Some(
                    "batch normalization in training mode is not supported; export with model.eval()".into(),
                );
            }
        }
        "Dropout" => {
            let training = node.input.get(2).is_some_and(|i| !i.is_empty());
            let mask = node.output.get(1).is_some_and(|o| !o.is_empty());
            if training || mask {
                return Some("dropout in training mode is not supported; export with model.eval()".into());
            }
        }
        "Pad" => {
            if let Some(mode) = attr("mode").map(|a| String::from_utf8_lossy(&a.s).into_owned())
                && mode != "constant"
            {
                return Some(format!("padding mode \"{mode}\" is not supported; only \"constant\" is"));
            }
        }
        "MaxPool" => {
            if node.output.get(1).is_some_and(|o| !o.is_empty()) {
                return Some("the indices of a max pooling are not supported".into());
            }
            if attr("dilations").is_some_and(|a| a.ints.iter().any(|&d| d != 1)) {
                return Some("dilated pooling is not supported".into());
            }
        }
        "Conv" if unknown(1) || unknown(2) => {
            return Some("the weights of a convolution must be constant".into());
        }
        "Div" if unknown(1) => return Some("division is supported by constants only".into()),
        "Reshape" | "Slice" | "Unsqueeze" | "Squeeze" | "ReduceSum" | "Split"
            if (1..node.input.len()).any(unknown) =>
        {
            return Some("shapes, axes and bounds must be known at compile time".into());
        }
        "AveragePool" => {
            if attr("dilations").is_some_and(|a| a.ints.iter().any(|&d| d != 1)) {
                return Some("dilated pooling is not supported".into());
            }
        }
        _ => {}
    }
    None
}
