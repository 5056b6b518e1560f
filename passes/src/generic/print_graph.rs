//! `print-graph`: the ops of `@main` as a graph, drawn or for Graphviz, with shapes and costs.

use super::graph::{Graph, dot, svg};
use melior::ir::OperationRef;
use tessera_mlir::{
    Error, Result,
    func::Func,
    pass::{OptionSpec, Options, Pass, PassInfo},
};

/// The pass; its [`PassInfo`] describes it.
pub struct PrintGraph;

impl Pass for PrintGraph {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "print-graph",
            summary: "Draw the ops of @main as a graph, with shapes and costs",
            expects: "a function @main of any dialect",
            guarantees: "the IR is unchanged; parameters are lines of the ops that read them, and ops of a circuit show what they cost \
                         a prover before placement",
            rejects: "a file that cannot be written; a picture of more than 5000 nodes",
            options: const {
                &[OptionSpec::text(
                    "file",
                    "where the graph goes: a picture where it ends in .svg, else DOT for Graphviz; standard error when empty",
                    "",
                )]
            },
            example: "func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {\n  %0 = nn.relu %x : tensor<1x4xf32>\n  return %0 : tensor<1x4xf32>\n}",
        }
    }

    fn nests(&self) -> bool {
        true
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let graph = Graph::of(&Func::main(module)?)?;
        match options.text("file") {
            "" => eprint!("{}", dot(&graph)),
            file => {
                let text = if file.ends_with(".svg") { svg(&graph)? } else { dot(&graph) };
                std::fs::write(file, text)
                    .map_err(|error| Error::new(format!("cannot write the graph to {file}: {error}")))?;
            }
        }
        Ok(())
    }
}
