//! Reads an ONNX file into its protobuf form and makes it safe to hand on: sizes checked, external weights read,
//! symbolic dimensions replaced by numbers.
//!
//! Invariants of what [`load`] returns:
//! - Every tensor's data has the length its shape and element type ask for, and no element is NaN.
//! - Every graph input that is no initializer has a tensor type that is supported and a known shape.
//! - No tensor refers to another file, and no shape annotation inside the graph is left to trust.

use crate::error::ImportError;
use crate::graph::{MAX_ELEMENTS, element_count};
use crate::guard::guarded;
use crate::node::{node_name, operator};
use crate::source::{ImportOptions, Source};
use crate::tensor::Kind;
use crate::{InputInfo, Texts};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{
    FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto, ValueInfoProto,
};

/// The largest magnitude accepted for an integer attribute or a shape operand.
const MAX_INTEGER: i64 = 1 << 28;
/// Bytes of weights that are read from other files.
const MAX_EXTERNAL: u64 = 1 << 30;

/// Reads a model and checks it.
pub(crate) fn read(source: Source, options: &ImportOptions) -> Result<ModelProto, ImportError> {
    let read;
    let (bytes, path) = match source {
        Source::Bytes(bytes) => (bytes, None),
        Source::File(bytes, path) => (bytes, Some(path)),
        Source::Path(path) => {
            read = std::fs::read(path).map_err(|source| ImportError::Io { path: path.to_owned(), source })?;
            (&read[..], Some(path))
        }
    };
    let directory = path.map(|p| p.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    guarded("decoding the file", || load(bytes, directory, options))
}

/// As much of a model as is looked at before it is read: without weights, which may be most of it.
#[derive(Clone, PartialEq, Message)]
struct Outline {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphOutline>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphOutline {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorOutline>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorOutline {
    #[prost(bytes = "vec", repeated, tag = "6")]
    string_data: Vec<Vec<u8>>,
    #[prost(string, tag = "8")]
    name: String,
}

fn outline(bytes: &[u8]) -> Result<GraphOutline, ImportError> {
    let model = Outline::decode(bytes).map_err(|e| ImportError::NotOnnx(e.to_string()))?;
    Ok(model.graph.unwrap_or_default())
}

/// Every input that a user gives.
pub(crate) fn inputs(bytes: &[u8]) -> Result<Vec<InputInfo>, ImportError> {
    guarded("decoding the file", || {
        let graph = outline(bytes)?;
        // old files list their weights as inputs, too
        let weights: HashSet<&str> = graph.initializer.iter().map(|t| &t.name[..]).collect();
        let given = graph.input.iter().filter(|i| !weights.contains(&i.name[..]));
        let tensor = |i: &ValueInfoProto| {
            let TypeValue::TensorType(t) = i.r#type.as_ref()?.value.as_ref()?;
            Some((t.shape.as_ref().map(|s| s.dim.len()), Kind::of(t.elem_type.into())))
        };
        let info = |i: &ValueInfoProto| {
            let (rank, kind) = tensor(i).unwrap_or_default();
            InputInfo { name: i.name.clone(), rank, integers: kind.is_some_and(|k| !k.is_float()) }
        };
        Ok(given.map(info).collect())
    })
}

/// Reads and checks a model. `directory` is where external weights lie; `None` refuses them.
fn load(bytes: &[u8], directory: Option<&Path>, options: &ImportOptions) -> Result<ModelProto, ImportError> {
    let mut model = ModelProto::decode(bytes).map_err(|e| ImportError::NotOnnx(e.to_string()))?;
    let Some(mut graph) = model.graph.take() else {
        return Err(ImportError::NotOnnx("the file holds no graph (is it an .onnx file?)".into()));
    };
    crate::scopes::name(bytes, &mut graph);
    let mut problems = Vec::new();
    if graph.output.is_empty() {
        problems.push("the graph has no outputs".to_owned());
    }
    read_external(&mut graph, directory, options, &mut problems)?;
    place_texts(&mut graph);
    check_tensors(&graph, &mut problems);
    check_attributes(&nodes(&graph, &model.functions), &mut problems);
    check_wiring(&graph, &mut problems);
    if !problems.is_empty() {
        return Err(ImportError::Invalid(problems));
    }
    fix_inputs(&mut graph, options)?;
    set_inputs(&mut graph, options)?;
    graph.value_info.clear();
    for output in &mut graph.output {
        output.r#type = None;
    }
    model.graph = Some(graph);
    Ok(model)
}

/// The texts of a file, and which inputs and outputs hold some.
pub(crate) fn texts(bytes: &[u8]) -> Result<Texts, ImportError> {
    guarded("decoding the file", || {
        let graph = outline(bytes)?;
        let of = |ports: &[ValueInfoProto]| {
            let text = |port: &&ValueInfoProto| {
                let Some(TypeValue::TensorType(t)) = port.r#type.as_ref().and_then(|t| t.value.as_ref())
                else {
                    return false;
                };
                Kind::of_port(t.elem_type.into()) == Some(Kind::Text)
            };
            ports.iter().filter(text).map(|port| port.name.clone()).collect()
        };
        let weights = graph.initializer.iter().flat_map(|t| &t.string_data);
        Ok(Texts {
            all: texts_of(&graph.node, weights),
            inputs: of(&graph.input),
            outputs: of(&graph.output),
        })
    })
}

/// The texts that categories, keys and classes are, and those of tensors, sorted.
pub(crate) fn known_texts(graph: &GraphProto) -> Vec<String> {
    texts_of(&graph.node, graph.initializer.iter().flat_map(|t| &t.string_data))
}

fn texts_of<'g>(nodes: &'g [NodeProto], weights: impl Iterator<Item = &'g Vec<u8>>) -> Vec<String> {
    const LISTS: [&str; 3] = ["cats_strings", "keys_strings", "classlabels_strings"];
    let attributes = || nodes.iter().flat_map(|n| &n.attribute);
    let lists = attributes().filter(|a| LISTS.contains(&a.name.as_str())).flat_map(|a| &a.strings);
    let constants = attributes().filter_map(|a| a.t.as_ref()).flat_map(|t| &t.string_data);
    let all: BTreeSet<String> = lists
        .chain(constants)
        .chain(weights)
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect();
    all.into_iter().collect()
}

/// Gives tensors of texts their places among all that the file names, as numbers.
fn place_texts(graph: &mut GraphProto) {
    let is_text = |t: &TensorProto| t.data_type == DataType::String as i32;
    if !tensors(graph).any(|(_, t)| is_text(t)) {
        return;
    }
    let known = known_texts(graph);
    let place = |text: &Vec<u8>| {
        known.binary_search(&String::from_utf8_lossy(text).into_owned()).unwrap_or(known.len())
    };
    for t in tensors_mut(graph).filter(|t| is_text(t)) {
        t.raw_data.clear();
        t.double_data = t.string_data.iter().map(|text| place(text) as f64).collect();
    }
}

/// How often each operator stands in a file, with its domain if that is not the standard one.
pub(crate) fn operators(bytes: &[u8]) -> Result<BTreeMap<String, usize>, ImportError> {
    guarded("decoding the file", || {
        let model = ModelProto::decode(bytes).map_err(|e| ImportError::NotOnnx(e.to_string()))?;
        let graph = model.graph.unwrap_or_default();
        let mut count = BTreeMap::new();
        for node in nodes(&graph, &model.functions) {
            *count.entry(operator(node)).or_insert(0) += 1;
        }
        Ok(count)
    })
}

/// Inputs whose value is given become tensors that are known.
fn set_inputs(graph: &mut GraphProto, options: &ImportOptions) -> Result<(), ImportError> {
    for (name, value) in &options.set {
        let Some(at) = graph.input.iter().position(|i| i.name == *name) else {
            let known: Vec<String> = graph.input.iter().map(|i| format!("\"{}\"", i.name)).collect();
            let known = known.join(", ");
            return Err(ImportError::Invalid(vec![format!(
                "a value is given for \"{name}\", which is no input; there are {known}"
            )]));
        };
        let input = graph.input.remove(at);
        let Some(TypeValue::TensorType(t)) = input.r#type.and_then(|t| t.value) else { continue };
        let Some(kind) = Kind::of(t.elem_type.into()) else { continue };
        let dims: Vec<i64> = (t.shape.iter().flat_map(|s| &s.dim))
            .map(|d| if let Some(Dim::DimValue(v)) = d.value { v } else { 1 })
            .collect();
        let elements = dims.iter().map(|d| usize::try_from(*d).unwrap_or(0)).product();
        graph.initializer.retain(|t| t.name != *name);
        graph.initializer.push(TensorProto {
            name: name.clone(),
            dims,
            data_type: if kind == Kind::F16 { DataType::Float as i32 } else { t.elem_type },
            raw_data: kind.encode(*value).repeat(elements),
            ..TensorProto::default()
        });
    }
    Ok(())
}

/// All nodes of the graph and of the graphs in it, and of local functions.
fn nodes<'g>(graph: &'g GraphProto, functions: &'g [FunctionProto]) -> Vec<&'g NodeProto> {
    let mut open: Vec<&NodeProto> = graph.node.iter().chain(functions.iter().flat_map(|f| &f.node)).collect();
    let mut all = vec![];
    while let Some(node) = open.pop() {
        all.push(node);
        let graphs = node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs));
        open.extend(graphs.flat_map(|g| &g.node));
    }
    all
}

/// All tensors of the graph: initializers and tensor attributes (of `Constant`, mostly), with a name for messages.
fn tensors(graph: &GraphProto) -> impl Iterator<Item = (String, &TensorProto)> {
    let initializers = graph.initializer.iter().map(|t| (format!("tensor \"{}\"", t.name), t));
    let attributes = graph.node.iter().flat_map(|n| {
        n.attribute.iter().filter_map(move |a| {
            let name = format!("attribute \"{}\" of node \"{}\"", a.name, node_name(n));
            a.t.as_ref().map(|t| (name, t))
        })
    });
    initializers.chain(attributes)
}

fn tensors_mut(graph: &mut GraphProto) -> impl Iterator<Item = &mut TensorProto> {
    let attributes = graph.node.iter_mut().flat_map(|n| n.attribute.iter_mut().filter_map(|a| a.t.as_mut()));
    graph.initializer.iter_mut().chain(attributes)
}

fn is_external(t: &TensorProto) -> bool {
    t.data_location == Some(DataLocation::External as i32)
}

/// Replaces references to files of external weights by their contents.
///
/// A file lies inside the model's folder after links are followed, is a regular one, and holds as many bytes for a tensor as its
/// shape asks for. Only those are read, and [`MAX_EXTERNAL`] of them in all.
fn read_external(
    graph: &mut GraphProto,
    directory: Option<&Path>,
    options: &ImportOptions,
    problems: &mut Vec<String>,
) -> Result<(), ImportError> {
    let mut files: BTreeMap<PathBuf, File> = BTreeMap::new();
    let mut left = MAX_EXTERNAL;
    for tensor in tensors_mut(graph).filter(|t| is_external(t)) {
        let read = external(tensor, directory, options, &mut files, &mut left);
        match read {
            Ok(bytes) => {
                tensor.raw_data = bytes;
                tensor.data_location = None;
                tensor.external_data.clear();
            }
            Err(External::Problem(why)) => problems.push(format!("tensor \"{}\" {why}", tensor.name)),
            Err(External::Io(e)) => return Err(e),
        }
    }
    Ok(())
}

/// Why a tensor's data cannot be had.
enum External {
    Problem(String),
    Io(ImportError),
}

fn external(
    tensor: &TensorProto,
    directory: Option<&Path>,
    options: &ImportOptions,
    files: &mut BTreeMap<PathBuf, File>,
    left: &mut u64,
) -> Result<Vec<u8>, External> {
    let problem = |why: String| Err(External::Problem(why));
    let get = |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let Some(directory) = directory else {
        return problem("lies in another file; import the model by its path".into());
    };
    let location = Path::new(get("location").unwrap_or(""));
    let outside = || {
        problem(format!("lies in \"{}\", which is not a file in the model's directory", location.display()))
    };
    let inside = location.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if location.as_os_str().is_empty() || !inside {
        return outside();
    }
    let path = directory.join(location);
    let io = |source| External::Io(ImportError::Io { path: path.clone(), source });
    if !files.contains_key(&path) {
        let real = path.canonicalize().map_err(io)?;
        if !real.starts_with(directory.canonicalize().map_err(io)?) {
            return outside();
        }
        // a pipe would be waited for, a device never ends
        if !real.metadata().map_err(io)?.is_file() {
            return problem(format!("lies in {}, which is no regular file", path.display()));
        }
        if let Some(told) = options.reads {
            told(&real);
        }
        files.insert(path.clone(), File::open(&real).map_err(io)?);
    }
    let file = &files[&path];
    let holds = file.metadata().map_err(io)?.len();
    let number = |key: &str| get(key).map(|v| v.parse::<u64>()).transpose();
    let (Ok(offset), Ok(length)) = (number("offset"), number("length")) else {
        return problem(format!("has an offset or a length in {} that is no number", path.display()));
    };
    let offset = offset.unwrap_or(0);
    let size = Kind::of(tensor.data_type.into()).map(Kind::bytes);
    let asked = elements(tensor).ok().zip(size).map(|(n, size)| n as u64 * size as u64);
    let Some(asked) = asked else {
        return problem(format!("lies in {} with a type or a shape that is not supported", path.display()));
    };
    let length = length.unwrap_or(holds.saturating_sub(offset));
    if length != asked {
        return problem(format!(
            "asks for {asked} bytes by its shape, and has {length} in {}",
            path.display()
        ));
    }
    if offset.checked_add(length).is_none_or(|end| end > holds) {
        return problem(format!("reaches past the end of {}", path.display()));
    }
    if length > *left {
        return problem(format!(
            "is too large: at most {MAX_EXTERNAL} bytes of weights are read from other files"
        ));
    }
    *left -= length;
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, offset).map_err(io)?;
    Ok(bytes)
}

fn check_tensors(graph: &GraphProto, problems: &mut Vec<String>) {
    for (name, t) in tensors(graph) {
        if let Err(problem) = check_tensor(t) {
            problems.push(format!("{name}: {problem}"));
        }
    }
    if !graph.sparse_initializer.is_empty() {
        problems.push("sparse weights are not supported".to_owned());
    }
}

/// How many elements a tensor's shape asks for.
fn elements(t: &TensorProto) -> Result<usize, String> {
    t.dims
        .iter()
        .try_fold(1usize, |p, &d| p.checked_mul(usize::try_from(d).ok()?))
        .filter(|&n| n <= MAX_ELEMENTS)
        .ok_or_else(|| format!("shape {:?} is not acceptable (at most {MAX_ELEMENTS} elements)", t.dims))
}

fn check_tensor(t: &TensorProto) -> Result<(), String> {
    if is_external(t) {
        return Ok(()); // Reported already.
    }
    let data_type =
        DataType::try_from(t.data_type).map_err(|_| format!("unknown element type {}", t.data_type))?;
    let Some(size) = Kind::of_port(t.data_type.into()).map(Kind::bytes) else {
        return Err(format!("element type {data_type:?} is not supported"));
    };
    let count = elements(t)?;
    let (found, unit) = if !t.raw_data.is_empty() {
        (t.raw_data.len(), size)
    } else {
        let typed = match data_type {
            DataType::Float => t.float_data.len(),
            DataType::Double | DataType::String => t.double_data.len(),
            DataType::Int64 => t.int64_data.len(),
            DataType::Uint32 | DataType::Uint64 => t.uint64_data.len(),
            _ => t.int32_data.len(),
        };
        (typed, 1)
    };
    if found != count * unit {
        return Err(format!("shape {:?} asks for {} units of data, found {found}", t.dims, count * unit));
    }
    let bad = match data_type {
        DataType::Float if !t.raw_data.is_empty() => {
            t.raw_data.chunks_exact(4).position(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_nan())
        }
        DataType::Float => t.float_data.iter().position(|v| v.is_nan()),
        DataType::Double if !t.raw_data.is_empty() => t
            .raw_data
            .chunks_exact(8)
            .position(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]).is_nan()),
        DataType::Double => t.double_data.iter().position(|v| v.is_nan()),
        _ => None,
    };
    match bad {
        Some(index) => Err(format!("element {index} is not a number (NaN)")),
        None => Ok(()),
    }
}

/// Integer attributes are extents, steps, axes and paddings: none has a use for huge values.
fn check_attributes(nodes: &[&NodeProto], problems: &mut Vec<String>) {
    for node in nodes {
        // slices mark "to the end" by a huge number
        if ["Slice", "Constant"].contains(&node.op_type.as_str()) {
            continue;
        }
        for a in &node.attribute {
            if a.name == "seed" {
                continue;
            }
            if let Some(v) = a.ints.iter().chain([&a.i]).find(|v| v.unsigned_abs() > MAX_INTEGER as u64) {
                let name = node_name(node);
                problems.push(format!("attribute \"{}\" of node \"{name}\" is {v}: out of range", a.name));
            }
        }
    }
}

/// Values are defined once and before they are used; outputs exist.
fn check_wiring(graph: &GraphProto, problems: &mut Vec<String>) {
    let mut defined: HashSet<&str> = HashSet::new();
    let outer =
        graph.input.iter().map(|i| i.name.as_str()).chain(graph.initializer.iter().map(|t| t.name.as_str()));
    defined.extend(outer);
    for node in &graph.node {
        let name = || node_name(node);
        for i in node.input.iter().filter(|i| !i.is_empty() && !defined.contains(i.as_str())) {
            problems.push(format!("node \"{}\" reads \"{i}\", which nothing before it defines", name()));
        }
        for o in node.output.iter().filter(|o| !o.is_empty()) {
            if !defined.insert(o) {
                problems.push(format!("node \"{}\" defines \"{o}\" a second time", name()));
            }
        }
    }
    for o in graph.output.iter().filter(|o| !defined.contains(o.name.as_str())) {
        problems.push(format!("the output \"{}\" is defined by no node", o.name));
    }
}

/// Gives every input a concrete shape. Symbols that stand for the first axis of an input are the batch: 1.
fn fix_inputs(graph: &mut GraphProto, options: &ImportOptions) -> Result<(), ImportError> {
    let initializers: HashSet<String> = graph.initializer.iter().map(|t| t.name.clone()).collect();
    let mut symbols: BTreeMap<String, usize> = options.dims.clone();
    let symbolic = |d: &Dimension| match &d.value {
        Some(Dim::DimParam(p)) if !p.is_empty() => Some(p.clone()),
        _ => None,
    };
    for input in graph.input.iter().filter(|i| !initializers.contains(&i.name)) {
        if let Some(TypeValue::TensorType(t)) = input.r#type.as_ref().and_then(|t| t.value.as_ref())
            && let Some(first) = t.shape.as_ref().and_then(|s| s.dim.first())
            && let Some(symbol) = symbolic(first)
        {
            symbols.entry(symbol).or_insert(1);
        }
    }
    let (mut problems, mut unknown) = (Vec::new(), Vec::new());
    for input in graph.input.iter_mut().filter(|i| !initializers.contains(&i.name)) {
        let name = input.name.clone();
        let Some(TypeValue::TensorType(t)) = input.r#type.as_mut().and_then(|t| t.value.as_mut()) else {
            problems.push(format!("the input \"{name}\" has no tensor type"));
            continue;
        };
        if Kind::of_port(t.elem_type.into()).is_none() {
            let found = DataType::try_from(t.elem_type).map_or("unknown".to_owned(), |d| format!("{d:?}"));
            problems
                .push(format!("the input \"{name}\" has elements of type {found}, which is not supported"));
            continue;
        }
        if let Some(shape) = options.shapes.get(&name) {
            let dim =
                |&d: &usize| Dimension { denotation: String::new(), value: Some(Dim::DimValue(d as i64)) };
            t.shape = Some(TensorShapeProto { dim: shape.iter().map(dim).collect() });
        }
        let Some(shape) = t.shape.as_mut() else {
            unknown.push(format!("the shape of input \"{name}\", which the file does not give"));
            continue;
        };
        let mut extents = Vec::new();
        for (axis, d) in shape.dim.iter_mut().enumerate() {
            let value = match (&d.value, symbolic(d)) {
                (_, Some(symbol)) => symbols.get(&symbol).copied().ok_or(format!("\"{symbol}\"")),
                (Some(Dim::DimValue(v)), _) if *v > 0 => Ok(*v as usize),
                _ if axis == 0 => Ok(1),
                _ => Err("an unnamed dimension".to_owned()),
            };
            match value {
                Ok(v) => {
                    d.value = Some(Dim::DimValue(v as i64));
                    extents.push(v);
                }
                Err(what) => unknown.push(format!("{what} (axis {axis} of input \"{name}\")")),
            }
        }
        if let Err(e) = element_count(&extents) {
            problems.push(format!("the input \"{name}\": {e}"));
        }
    }
    match (problems.is_empty(), unknown.is_empty()) {
        (false, _) => Err(ImportError::Invalid(problems)),
        (_, false) => Err(ImportError::UnknownShape(unknown)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, TypeProto, type_proto};

    fn port(name: &str, of: DataType) -> ValueInfoProto {
        let shape = TensorShapeProto { dim: vec![Dimension::default(); 2] };
        let tensor = type_proto::Tensor { elem_type: of as i32, shape: Some(shape) };
        let ty = TypeProto { value: Some(TypeValue::TensorType(tensor)), ..TypeProto::default() };
        ValueInfoProto { name: name.into(), r#type: Some(ty), ..ValueInfoProto::default() }
    }

    #[test]
    fn what_is_looked_at_first_is_what_the_whole_file_says() {
        let texts = |name: &str, texts: &[&str]| TensorProto {
            name: name.into(),
            data_type: DataType::String as i32,
            string_data: texts.iter().map(|t| t.as_bytes().to_vec()).collect(),
            raw_data: vec![7; 1000],
            ..TensorProto::default()
        };
        let keys = AttributeProto {
            name: "keys_strings".into(),
            strings: vec![b"key".to_vec()],
            ..AttributeProto::default()
        };
        let value = AttributeProto {
            name: "value".into(),
            t: Some(texts("", &["in a node"])),
            ..AttributeProto::default()
        };
        let node = NodeProto { op_type: "X".into(), attribute: vec![keys, value], ..NodeProto::default() };
        let graph = GraphProto {
            node: vec![node],
            initializer: vec![texts("w", &["weight", "a"])],
            input: vec![port("x", DataType::Int64), port("w", DataType::String), port("t", DataType::String)],
            output: vec![port("y", DataType::Float)],
            ..GraphProto::default()
        };
        let known = known_texts(&graph);
        let bytes = ModelProto { graph: Some(graph), ..ModelProto::default() }.encode_to_vec();
        let input = |name: &str, integers| InputInfo { name: name.into(), rank: Some(2), integers };
        assert_eq!(inputs(&bytes).unwrap(), [input("x", true), input("t", false)]);
        let found = super::texts(&bytes).unwrap();
        assert_eq!(
            (&found.all, &known[..]),
            (&known, &["a", "in a node", "key", "weight"].map(String::from)[..])
        );
        assert_eq!((found.inputs, found.outputs), (vec!["w".to_owned(), "t".to_owned()], vec![]));
        for cut in [bytes.len() - 1, bytes.len() / 2] {
            assert!(matches!(inputs(&bytes[..cut]), Err(ImportError::NotOnnx(_))));
        }
    }
}
