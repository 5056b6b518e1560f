//! Imports ONNX models into the `nn` dialect: the only crate that knows ONNX and its reader, tract.
//!
//! ```text
//! bytes ─proto─▶ checked protobuf ─reader─▶ decluttered graph ─translate, simplify─▶ Graph ─emit─▶ nn module, weights
//! ```
//!
//! Invariants:
//! - Nothing is accepted because the reader takes it, only because [`accept::supported`] lists it; a model with other
//!   nodes is refused with all of them listed.
//! - No file, however damaged, makes the import panic: a panic of the reader ends as [`ImportError::Crash`].
//! - Symbolic batch dimensions become 1: the IR describes one inference.

pub mod accept;
mod build;
mod einsum;
mod emit;
mod error;
mod functions;
pub mod graph;
#[cfg(test)]
mod hostile;
mod limits;
mod names;
mod proto;
mod reader;
pub mod reference;
mod simplify;
mod source;
mod translate;
mod windows;
pub mod write;

pub use accept::UnsupportedNode;
pub use error::ImportError;
pub use source::{ImportOptions, Source};

use melior::{Context, ir::Module};
use tessera_mlir::params::Params;

/// Imports a model: a verified module of nn ops, and its weights.
///
/// Shapes are static; arguments and results carry the names of the graph; every op has the name of its ONNX node as
/// location.
///
/// # Errors
/// See [`ImportError`]; unsupported nodes are all listed.
pub fn import<'c>(
    context: &'c Context,
    source: Source,
    options: &ImportOptions,
) -> Result<(Module<'c>, Params), ImportError> {
    let graph = read_graph(source, options)?;
    emit::emit(context, graph, options.weights.as_deref())
}

/// Reads a model into the plain graph: everything the import does before MLIR.
///
/// # Errors
/// See [`ImportError`]; unsupported nodes are all listed.
pub fn read_graph(source: Source, options: &ImportOptions) -> Result<graph::Graph, ImportError> {
    let mut model = reader::checked(source, options)?;
    reader::guarded("reading the model", || {
        let typed = reader::decluttered(&functions::onnx(), &model)?;
        let Some(onnx) = model.graph.as_mut() else {
            return Err(ImportError::NotOnnx("the file holds no graph".into()));
        };
        // the reader has copied them
        proto::forget_data(onnx);
        let graph = translate::translate(&typed, names::Names::new(onnx))?;
        simplify::simplify(graph).map_err(|e| ImportError::Build(e.to_string()))
    })
}
