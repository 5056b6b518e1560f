//! Where in a module a node comes from, as PyTorch's exporter by dynamo writes it beside the node: its names say only what was traced
//! (`node_Conv_340`), and people know their layers (`layer4.0.conv2`).
//!
//! Source: PyTorch, torch/onnx/_internal/exporter, `pkg.torch.onnx.name_scopes`: the modules from the outermost to the one that is called,
//! each by its whole path, and what is computed in it, as Python prints a list of texts.
use prost::Message;
use std::collections::BTreeMap;
use tract_onnx::pb::GraphProto;

const SCOPES: &str = "pkg.torch.onnx.name_scopes";

/// What is read of a file: weights are passed over.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(message, repeated, tag = "9")]
    metadata: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// Names every node of a file's graph by its module and operator, where the file says the module. Nodes keep their order.
pub(crate) fn name(bytes: &[u8], graph: &mut GraphProto) {
    let nodes = Model::decode(bytes).ok().and_then(|m| m.graph).map(|g| g.node).unwrap_or_default();
    let mut uses = BTreeMap::<String, usize>::new();
    for (node, said) in graph.node.iter_mut().zip(nodes) {
        let scopes = said.metadata.iter().find(|m| m.key == SCOPES);
        let Some(module) = scopes.and_then(|m| module(&m.value)) else { continue };
        let name =
            if module.is_empty() { node.op_type.clone() } else { format!("{module}/{}", node.op_type) };
        let before = uses.entry(name.clone()).or_default();
        node.name = if *before == 0 { name } else { format!("{name}_{before}") };
        *before += 1;
    }
}

/// The path of the module that computes; that of the outermost is empty.
fn module(scopes: &str) -> Option<&str> {
    let list = scopes.strip_prefix('[')?.strip_suffix(']')?;
    let modules = list.rsplit_once(", ")?.0;
    let last = modules.rsplit_once(", ").map_or(modules, |(_, last)| last);
    last.strip_prefix('\'')?.strip_suffix('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_what_stands_before_the_operation() {
        assert_eq!(
            module("['', 'layer1', 'layer1.0', 'layer1.0.bn1', 'batch_norm_1']"),
            Some("layer1.0.bn1")
        );
        assert_eq!(module("['', 'view']"), Some(""));
        for other in ["", "[]", "['view']", "[', ']", "\u{1}", "['a', b]x", "[1, 'a']"] {
            assert_eq!(module(other), None, "{other}");
        }
    }

    #[test]
    fn nodes_of_one_module_are_told_apart_and_others_keep_their_names() {
        let file = |scopes: &[&str]| {
            let entry = |s: &&str| Entry { key: SCOPES.into(), value: (*s).into() };
            let node = |s: &&str| Node { metadata: if s.is_empty() { vec![] } else { vec![entry(s)] } };
            Model { graph: Some(Graph { node: scopes.iter().map(node).collect() }) }.encode_to_vec()
        };
        let scopes = ["['', 'a.b', 'add']", "", "['', 'a.b', 'add_1']", "['', 'view']"];
        let node = |op: &str, name: &str| tract_onnx::pb::NodeProto {
            op_type: op.into(),
            name: name.into(),
            ..Default::default()
        };
        let nodes = vec![
            node("Add", "node_1"),
            node("Relu", "node_2"),
            node("Add", "node_3"),
            node("Reshape", "node_4"),
        ];
        let mut graph = GraphProto { node: nodes, ..Default::default() };
        name(&file(&scopes), &mut graph);
        let names: Vec<&str> = graph.node.iter().map(|n| &n.name[..]).collect();
        assert_eq!(names, ["a.b/Add", "node_2", "a.b/Add_1", "Reshape"]);
        let before = graph.clone();
        name(b"no model", &mut graph);
        assert_eq!(graph, before);
    }
}
