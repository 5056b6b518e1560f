//! `print-graph`: the ops of `@main` as a graph for Graphviz, with shapes and costs.

use melior::ir::{
    OperationRef, Value, ValueLike,
    operation::{OperationLike, OperationResult},
};
use std::{collections::HashMap, fmt::Write};
use tessera_circuit::cost;
use tessera_mlir::{
    Error, Result,
    func::{Func, op_name},
    loc,
    pass::{OptionSpec, Options, Pass, PassInfo},
    rewrite,
};

/// The pass; its [`PassInfo`] describes it.
pub struct PrintGraph;

impl Pass for PrintGraph {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "print-graph",
            summary: "Write the ops of @main as a graph for Graphviz, with shapes and costs",
            expects: "a function @main of any dialect; after circuit-annotate-cost, nodes show what their ops cost",
            guarantees: "the IR is unchanged; the graph is in DOT: draw it by `dot -Tsvg`",
            rejects: "a file that cannot be written",
            options: const { &[OptionSpec::text("file", "where the graph goes; standard error when empty", "")] },
            example: "func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {\n  %0 = nn.relu %x : tensor<1x4xf32>\n  return %0 : tensor<1x4xf32>\n}",
        }
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let text = graph(&Func::main(module)?);
        match options.text("file") {
            "" => eprint!("{text}"),
            file => std::fs::write(file, text)
                .map_err(|error| Error::new(format!("cannot write the graph to {file}: {error}")))?,
        }
        Ok(())
    }
}

/// A function as a graph: nodes are its arguments and ops, edges its values.
pub fn graph(main: &Func) -> String {
    let ops = main.ops();
    let nodes = ops.iter().enumerate().map(|(index, op)| (op.to_raw().ptr, index)).collect::<HashMap<_, _>>();
    let mut text = String::from("digraph main {\n  node [shape=box, fontname=\"monospace\"];\n");
    let edges = |text: &mut String, from: &str, value: Value| {
        let mut users = rewrite::users(value);
        // uses are listed latest first
        users.reverse();
        for (user, _) in users {
            match nodes.get(&user.to_raw().ptr) {
                Some(index) => line(text, format_args!("{from} -> n{index}")),
                None => line(text, format_args!("{from} -> out")),
            }
        }
    };
    for (index, argument) in main.arguments().into_iter().enumerate() {
        let label =
            format!("{}\\n{}", escape(&main.argument_name(index)), escape(&argument.r#type().to_string()));
        line(&mut text, format_args!("a{index} [label=\"{label}\", style=rounded]"));
        edges(&mut text, &format!("a{index}"), argument);
    }
    for (index, &op) in ops.iter().enumerate() {
        let values = op.results().map(OperationResult::into).collect::<Vec<Value>>();
        let node = loc::node_name(op.location()).map(|node| format!(" {node}")).unwrap_or_default();
        let mut label = escape(&format!("{}{node}", op_name(op)));
        let types = values.iter().map(|value| value.r#type().to_string());
        for more in types.chain(cost::read(op).map(|cost| cost.to_string())) {
            label += &format!("\\n{}", escape(&more));
        }
        line(&mut text, format_args!("n{index} [label=\"{label}\"]"));
        values.into_iter().for_each(|value| edges(&mut text, &format!("n{index}"), value));
    }
    line(&mut text, format_args!("out [label=\"return\", style=rounded]"));
    text.push_str("}\n");
    text
}

fn line(text: &mut String, what: std::fmt::Arguments) {
    // writing to a String does not fail
    let _ = writeln!(text, "  {what};");
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_have_shapes_and_edges_are_values() {
        let context = crate::context();
        let source = r#"func.func @main(%x: tensor<1x4xf32> {nn.name = "a \"b\""}) -> (tensor<1x4xf32>) {
  %0 = nn.relu %x : tensor<1x4xf32> loc("act")
  %1 = nn.add %0, %x : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}"#;
        let module = tessera_mlir::parse(&context, source, "g.mlir").unwrap();
        assert_eq!(
            graph(&Func::main(module.as_operation()).unwrap()),
            r#"digraph main {
  node [shape=box, fontname="monospace"];
  a0 [label="a \"b\"\ntensor<1x4xf32>", style=rounded];
  a0 -> n0;
  a0 -> n1;
  n0 [label="nn.relu act\ntensor<1x4xf32>"];
  n0 -> n1;
  n1 [label="nn.add\ntensor<1x4xf32>"];
  n1 -> out;
  out [label="return", style=rounded];
}
"#
        );
    }
}
