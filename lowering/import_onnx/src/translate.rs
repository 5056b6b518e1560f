//! From a checked ONNX graph to the plain [`Graph`], node by node in the order of the file.
//!
//! Invariants:
//! - A form that is not understood completely is reported, never approximated; all such nodes are reported together. A node
//!   that reads what a refused one gives is not: nothing is known of its operands.
//! - Nested graphs (branches, loop bodies, local functions) see the names around them, and are translated in place.

use crate::build::{Builder, Reason, Value, known};
use crate::error::{ImportError, UnsupportedNode};
use crate::graph::{self, Graph};
use crate::grid;
use crate::node::{Node, node_name, operator, standard};
use crate::proto;
use crate::tensor::{Kind, Tensor};
use std::collections::{BTreeMap, HashMap, HashSet};
use tessera_mlir::types::{Elem, TensorType};
use tessera_nn::ops::INDEX;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{
    FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto,
    tensor_shape_proto::dimension::Value as Dim,
};

/// How deep graphs, functions and loops may lie in each other.
const DEPTH: usize = 32;
/// Nodes that are translated, those of loop bodies once a turn.
const NODES: usize = 1 << 16;

/// Translates a node of one operator: its results, as many as it can give.
pub(crate) type Translate = for<'g> fn(&mut Translator<'g>, &Node<'g>) -> Result<Vec<Value>, Reason>;

/// The translation of an operator of a domain and a name, or why there is none.
pub(crate) type Find = fn(&str, &str) -> Result<Translate, Reason>;

/// A translation under way.
pub(crate) struct Translator<'g> {
    pub(crate) build: Builder,
    find: Find,
    functions: &'g [FunctionProto],
    /// Names of the model's outputs.
    outputs: HashSet<&'g str>,
    /// Texts that the model names, sorted.
    pub(crate) texts: Vec<String>,
    /// Versions of operator sets by domain.
    opsets: BTreeMap<&'g str, i64>,
    /// Names of values, from the outermost graph to the innermost; `None` for what a refused node gives.
    scopes: Vec<HashMap<&'g str, Option<Value>>>,
    refused: Vec<UnsupportedNode>,
    nodes: usize,
}

/// Translates a whole model.
pub(crate) fn translate(mut model: ModelProto, find: Find) -> Result<Graph, ImportError> {
    let Some(mut graph) = model.graph.take() else {
        return Err(ImportError::NotOnnx("the file holds no graph".into()));
    };
    let mut weights = vec![];
    for tensor in &mut graph.initializer {
        weights.push(known(Tensor::read(tensor).map_err(|why| ImportError::Invalid(vec![why]))?));
        // it has been read
        (tensor.raw_data, tensor.float_data) = Default::default();
    }
    let size = |v: &Value| if let Value::Known(t) = v { t.len() } else { 0 };
    let count = weights.iter().map(size).fold(0, usize::saturating_add);
    let mut t = Translator {
        build: Builder::new(count),
        find,
        functions: &model.functions,
        outputs: HashSet::new(),
        texts: proto::known_texts(&graph),
        opsets: versions(&model.opset_import),
        scopes: vec![],
        refused: vec![],
        nodes: 0,
    };
    let names = graph.initializer.iter().map(|t| t.name.as_str());
    let mut scope: HashMap<&str, Option<Value>> = names.zip(weights.into_iter().map(Some)).collect();
    for input in &graph.input {
        if scope.contains_key(input.name.as_str()) {
            continue;
        }
        let (kind, shape) = declared(input).ok_or_else(|| {
            ImportError::Invalid(vec![format!("the input \"{}\" has no tensor type", input.name)])
        })?;
        let elem = if is_index(&graph, &input.name, kind) { INDEX } else { Elem::F32 };
        t.build.graph.inputs.push((input.name.clone(), TensorType { shape, elem }));
        t.build.graph.texts.push((kind == Kind::Text).then_some(t.texts.len()));
        let at = graph::Value::Input(t.build.graph.inputs.len() - 1);
        if !kind.is_float() {
            t.build.whole.insert(at);
        }
        scope.insert(input.name.as_str(), Some(Value::Computed(at, kind)));
    }
    let outputs: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    t.outputs = outputs.iter().copied().collect();
    let translated = t.body(&graph.node, scope, &outputs);
    if !t.refused.is_empty() {
        return Err(ImportError::Unsupported(t.refused));
    }
    let outputs = translated.map_err(|why| ImportError::Invalid(vec![why]))?;
    for (info, value) in graph.output.iter().zip(outputs) {
        let value = t.build.operand(&value).map_err(|why| ImportError::Invalid(vec![why]))?;
        t.build.graph.outputs.push((info.name.clone(), value));
    }
    let infinite = t.build.infinite_scores();
    if !infinite.is_empty() {
        let reason = "scores of −∞ are supported where a softmax alone reads them";
        let refused = |name| UnsupportedNode { name, op: "mask".into(), reason: reason.into() };
        return Err(ImportError::Unsupported(infinite.into_iter().map(refused).collect()));
    }
    Ok(t.build.graph)
}

fn versions(list: &[tract_onnx::pb::OperatorSetIdProto]) -> BTreeMap<&str, i64> {
    list.iter().map(|set| (standard(&set.domain), set.version)).collect()
}

/// Whether an input is read as indices into the first axis of tables, and as nothing else.
fn is_index(graph: &GraphProto, name: &str, kind: Kind) -> bool {
    matches!(kind, Kind::I32 | Kind::I64) && only_indexes(graph, name, DEPTH)
}

fn only_indexes(graph: &GraphProto, name: &str, depth: usize) -> bool {
    let attribute = |n: &NodeProto, of: &str| n.attribute.iter().find(|a| a.name == of).map(|a| a.i);
    let readers = || graph.node.iter().filter(|n| n.input.iter().any(|i| i == name));
    let fits = |n: &NodeProto| {
        let first = n.input.first().is_some_and(|i| i == name);
        match n.op_type.as_str() {
            "Gather" => !first && attribute(n, "axis").unwrap_or(0) == 0,
            "Shape" | "Size" => true,
            "Identity" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten" => {
                first && depth > 0 && n.output.first().is_some_and(|o| only_indexes(graph, o, depth - 1))
            }
            "Cast" => {
                let integer =
                    attribute(n, "to").and_then(Kind::of).is_some_and(|k| matches!(k, Kind::I32 | Kind::I64));
                integer && depth > 0 && n.output.first().is_some_and(|o| only_indexes(graph, o, depth - 1))
            }
            _ => false,
        }
    };
    // what a nested graph reads is not looked for
    let nested = graph.node.iter().any(|n| n.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty()));
    let gathers = readers().any(|n| !matches!(n.op_type.as_str(), "Shape" | "Size"));
    gathers && !nested && readers().all(fits) && graph.output.iter().all(|o| o.name != name)
}

fn declared(input: &ValueInfoProto) -> Option<(Kind, Vec<usize>)> {
    let TypeValue::TensorType(t) = input.r#type.as_ref()?.value.as_ref()?;
    let extent = |d: &tract_onnx::pb::tensor_shape_proto::Dimension| match d.value {
        Some(Dim::DimValue(v)) => usize::try_from(v).ok(),
        _ => None,
    };
    let shape = t.shape.as_ref()?.dim.iter().map(extent).collect::<Option<_>>()?;
    Some((Kind::of_port(t.elem_type.into())?, shape))
}

/// Operators that move texts, or compare them with those that the model names.
const TEXTUAL: [&str; 17] = [
    "ArrayFeatureExtractor",
    "Cast",
    "Concat",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "LabelEncoder",
    "OneHotEncoder",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
    "ZipMap",
];

/// Marks a node that reads what a refused one gives; it is not reported by itself.
const UPSTREAM: &str = "upstream";

impl<'g> Translator<'g> {
    /// Translates a graph within the names around it; `inputs` are its own.
    pub(crate) fn nested(&mut self, graph: &'g GraphProto, inputs: Vec<Value>) -> Result<Vec<Value>, Reason> {
        if self.scopes.len() > DEPTH {
            return Err(format!("graphs lie more than {DEPTH} deep in each other"));
        }
        let mut scope: HashMap<&str, Option<Value>> = HashMap::new();
        for t in &graph.initializer {
            scope.insert(t.name.as_str(), Some(known(Tensor::read(t)?)));
        }
        scope.extend(graph.input.iter().map(|i| i.name.as_str()).zip(inputs.into_iter().map(Some)));
        let names: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
        self.body(&graph.node, scope, &names)
    }

    fn body(
        &mut self,
        nodes: &'g [NodeProto],
        scope: HashMap<&'g str, Option<Value>>,
        outputs: &[&str],
    ) -> Result<Vec<Value>, Reason> {
        self.scopes.push(scope);
        for node in nodes {
            let results = self.node(node);
            let results = match results {
                Ok(results) => results.into_iter().map(Some).collect(),
                Err(reason) => {
                    if reason != UPSTREAM {
                        let (name, op) = (node_name(node), operator(node));
                        self.refused.push(UnsupportedNode { name, op, reason });
                    }
                    vec![None; node.output.len()]
                }
            };
            let names = node.output.iter().map(String::as_str);
            let here = names.zip(results).filter(|(name, _)| !name.is_empty());
            self.scopes.last_mut().ok_or("no scope")?.extend(here);
        }
        let values = outputs.iter().map(|name| self.value(name)).collect();
        self.scopes.pop();
        values
    }

    fn value(&self, name: &str) -> Result<Value, Reason> {
        match self.scopes.iter().rev().find_map(|scope| scope.get(name)) {
            Some(Some(value)) => Ok(value.clone()),
            Some(None) => Err(UPSTREAM.to_owned()),
            None => Err(format!("reads \"{name}\", which nothing before it defines")),
        }
    }

    fn node(&mut self, proto: &'g NodeProto) -> Result<Vec<Value>, Reason> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(format!("more than {NODES} nodes, those of loops once a turn, are not supported"));
        }
        let domain = standard(&proto.domain);
        let function = self.functions.iter().find(|f| {
            f.name.as_deref() == Some(&proto.op_type) && standard(f.domain.as_deref().unwrap_or("")) == domain
        });
        let operator = (self.find)(domain, &proto.op_type);
        if function.is_none() {
            operator.as_ref().map_err(Reason::clone)?;
        }
        let inputs = proto.input.iter().map(|name| (!name.is_empty()).then(|| self.value(name)).transpose());
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let texts = inputs.iter().flatten().any(|input| self.build.kind(input) == Kind::Text);
        if texts && !TEXTUAL.contains(&proto.op_type.as_str()) {
            return Err("works on text; do this step before the model runs".into());
        }
        if let Some(function) = function {
            return self.call(function, proto, inputs);
        }
        let opset = self.opsets.get(domain).copied().unwrap_or(1);
        let mut node = Node::new(proto, opset, inputs);
        node.is_output =
            self.scopes.len() == 1 && proto.output.iter().any(|o| self.outputs.contains(o.as_str()));
        let outer = std::mem::replace(&mut self.build.node, node_name(proto));
        let results = operator.and_then(|translate| match grid::on_reals(&self.build, &node) {
            Some((reals, of, kind)) => {
                let results = translate(self, &reals)?;
                node = reals;
                results.iter().map(|y| grid::requantized(&mut self.build, y, &of, kind)).collect()
            }
            None => translate(self, &node),
        });
        self.build.node = outer;
        let results = results?;
        if let Some(reason) = node.unread() {
            return Err(reason);
        }
        let needed = proto.output.iter().rposition(|o| !o.is_empty()).map_or(0, |i| i + 1);
        if needed > results.len() {
            return Err(format!("output {} is not supported", results.len()));
        }
        Ok(results)
    }

    /// Translates the body of a local function in the place of a call.
    fn call(
        &mut self,
        function: &'g FunctionProto,
        proto: &'g NodeProto,
        inputs: Vec<Option<Value>>,
    ) -> Result<Vec<Value>, Reason> {
        if !proto.attribute.is_empty() || !function.attribute.is_empty() {
            return Err(
                "local functions with attributes are not supported; inline them when exporting".into()
            );
        }
        if self.scopes.len() > DEPTH {
            return Err(format!("functions lie more than {DEPTH} deep in each other"));
        }
        let names = function.input.iter().map(String::as_str);
        let scope = names.zip(inputs).filter(|(_, v)| v.is_some()).collect();
        let outputs: Vec<&str> = function.output.iter().map(String::as_str).collect();
        // a function sees its operands alone
        let around = std::mem::take(&mut self.scopes);
        self.scopes = vec![HashMap::new(); around.len()];
        let opsets = std::mem::replace(&mut self.opsets, versions(&function.opset_import));
        let results = self.body(&function.node, scope, &outputs);
        self.opsets = opsets;
        self.scopes = around;
        results
    }
}
