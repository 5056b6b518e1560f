//! Imports ONNX models into the `nn` dialect: the only crate that knows ONNX.
//!
//! ```text
//! bytes ─proto─▶ checked protobuf ─translate, by operators─▶ Graph ─simplify─▶ Graph ─emit─▶ nn module, weights
//! ```
//!
//! Invariants:
//! - Nothing is accepted but what a file in `operators/` translates; a model with other nodes is refused with all of them
//!   listed.
//! - What is known without an input (shapes, bounds, parts of weights) is computed while the model is read.
//! - No file, however damaged, makes the import panic, and none asks for more memory or time than its weights explain.
//! - Symbolic batch dimensions become 1: the IR describes one inference.

mod build;
mod emit;
mod error;
pub mod graph;
mod grid;
mod guard;
#[cfg(test)]
mod hostile;
mod node;
mod norms;
mod operators;
mod proto;
pub mod reference;
mod rows;
mod scopes;
mod simplify;
mod source;
mod tensor;
mod translate;
pub mod write;

pub use error::{ImportError, Refused, UnsupportedNode, refused};
pub use operators::supported;
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

/// Name and rank, where it is stated, of every input that a user gives: all that is read of the file.
///
/// # Errors
/// When it is no ONNX file.
pub fn inputs(bytes: &[u8]) -> Result<Vec<InputInfo>, ImportError> {
    proto::inputs(bytes)
}

/// The texts that a file names, and which inputs and outputs are texts: they are computed with as places in the list, and the place
/// after the last is any other text.
///
/// # Errors
/// When it is no ONNX file.
pub fn texts(bytes: &[u8]) -> Result<Texts, ImportError> {
    proto::texts(bytes)
}

/// What a file says of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// All that categories, keys and classes are, sorted.
    pub all: Vec<String>,
    /// Names of the inputs that are texts.
    pub inputs: Vec<String>,
    /// Names of the outputs that are.
    pub outputs: Vec<String>,
}

/// What a file says of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputInfo {
    /// Its name.
    pub name: String,
    /// How many axes it has, where that is stated.
    pub rank: Option<usize>,
    /// Whether its elements are integers or truth values.
    pub integers: bool,
}

/// How often each operator stands in a file, graphs within nodes included: all that is read of it.
///
/// # Errors
/// When it is no ONNX file.
pub fn operators(bytes: &[u8]) -> Result<std::collections::BTreeMap<String, usize>, ImportError> {
    proto::operators(bytes)
}

/// Reads a model into the plain graph: everything the import does before MLIR.
///
/// # Errors
/// See [`ImportError`]; unsupported nodes are all listed.
pub fn read_graph(source: Source, options: &ImportOptions) -> Result<graph::Graph, ImportError> {
    let model = proto::read(source, options)?;
    guard::guarded("reading the model", || {
        let graph = translate::translate(model, operators::find)?;
        simplify::simplify(graph).map_err(|e| ImportError::Build(e.to_string()))
    })
}
