//! Names: from what the reader calls nodes and constants back to what the ONNX file calls them.
//!
//! The reader derives names by suffixes ("/f1/Gemm" gives "/f1/Gemm.ab", "/f1/Gemm.beta_c"), so a derived name belongs
//! to the longest original name it starts with.

use crate::accept::node_name;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::{GraphProto, NodeProto};

/// The names of one ONNX graph.
pub(crate) struct Names<'g> {
    nodes: HashMap<String, &'g NodeProto>,
    initializers: HashSet<&'g str>,
    outputs: Vec<&'g str>,
}

impl<'g> Names<'g> {
    pub(crate) fn new(graph: &'g GraphProto) -> Self {
        Names {
            nodes: graph.node.iter().map(|n| (node_name(n), n)).collect(),
            initializers: graph.initializer.iter().map(|t| t.name.as_str()).collect(),
            outputs: graph.output.iter().map(|o| o.name.as_str()).collect(),
        }
    }

    /// The ONNX node a node of the reader came from; its own name if there is none.
    pub(crate) fn node(&self, derived: &str) -> String {
        longest_prefix(derived, |p| self.nodes.contains_key(p)).unwrap_or(derived).to_owned()
    }

    /// The ONNX operator of a node.
    pub(crate) fn operator(&self, node: &str) -> Option<String> {
        self.nodes.get(node).map(|n| n.op_type.clone())
    }

    /// The name for a constant that `node` reads as its `role` ("weight", "bias").
    pub(crate) fn constant(&self, derived: &str, node: &str, role: &str) -> String {
        if let Some(name) = longest_prefix(derived, |p| self.initializers.contains(p)) {
            return name.to_owned();
        }
        if self.nodes.contains_key(node) { self.role(node, role) } else { derived.to_owned() }
    }

    /// The initializer a node reads as its weights or bias; a name made from the node's where it is computed.
    pub(crate) fn role(&self, node: &str, role: &str) -> String {
        let initializer = self.nodes.get(node).and_then(|n| {
            let mut candidates = match (n.op_type.as_str(), role) {
                ("Conv" | "Gemm", "bias") => n.input.get(2..3),
                ("Conv", _) => n.input.get(1..2),
                ("Gemm" | "MatMul" | "Einsum", "weight") => n.input.get(..2),
                ("Add" | "Sub" | "Mul" | "Div", _) => n.input.get(..),
                _ => None,
            }?
            .iter();
            candidates.find(|i| self.initializers.contains(i.as_str()))
        });
        initializer.cloned().unwrap_or_else(|| format!("{node}.{role}"))
    }

    pub(crate) fn output(&self, index: usize, otherwise: impl FnOnce() -> Option<String>) -> String {
        match self.outputs.get(index) {
            Some(name) => (*name).to_owned(),
            None => otherwise().unwrap_or_else(|| format!("output{index}")),
        }
    }
}

/// The longest prefix of `name` that ends at a dot (or is all of it) and that `known` accepts.
fn longest_prefix(name: &str, known: impl Fn(&str) -> bool) -> Option<&str> {
    let mut end = name.len();
    loop {
        if known(&name[..end]) {
            return Some(&name[..end]);
        }
        end = name[..end].rfind('.')?;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_longest_known_prefix_wins() {
        let known = |p: &str| ["a", "a.b"].contains(&p);
        assert_eq!(super::longest_prefix("a.b.c.d", known), Some("a.b"));
        assert_eq!(super::longest_prefix("a.x", known), Some("a"));
        assert_eq!(super::longest_prefix("ab", known), None);
    }
}
