//! A graph in DOT, for Graphviz.

use super::{Graph, Node};
use std::iter::once;

/// The text of a graph.
pub fn dot(graph: &Graph) -> String {
    let nodes = graph.nodes.iter().enumerate().map(|(index, node)| {
        let style = if node.is_port { ", style=rounded" } else { "" };
        format!("  n{index} [label=\"{}\"{style}];\n", label(node))
    });
    let edges = graph.edges.iter().map(|(from, to)| format!("  n{from} -> n{to};\n"));
    let head = "digraph main {\n  node [shape=box, fontname=\"monospace\"];\n".to_owned();
    once(head).chain(nodes).chain(edges).chain(once("}\n".to_owned())).collect()
}

fn label(node: &Node) -> String {
    let lines = once(&node.title).chain(&node.source).chain(&node.lines);
    let escaped = lines.map(|line| line.replace('\\', "\\\\").replace('"', "\\\""));
    escaped.collect::<Vec<_>>().join("\\n")
}

#[cfg(test)]
mod tests {
    use crate::generic::graph::tests::dot_of;

    #[test]
    fn names_are_escaped_and_a_value_read_twice_has_two_edges() {
        let source = r#"func.func @main(%x: tensor<1x4xf32> {nn.name = "a \"b\""}) -> (tensor<1x4xf32>) {
  %0 = nn.relu %x : tensor<1x4xf32> loc("act")
  %1 = nn.add %0, %0 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}"#;
        assert_eq!(
            dot_of(source),
            r#"digraph main {
  node [shape=box, fontname="monospace"];
  n0 [label="a \"b\"\n1x4 f32", style=rounded];
  n1 [label="nn.relu\nact\n1x4 f32"];
  n2 [label="nn.add\n1x4 f32"];
  n3 [label="return", style=rounded];
  n0 -> n1;
  n1 -> n2;
  n1 -> n2;
  n2 -> n3;
}
"#
        );
    }
}
