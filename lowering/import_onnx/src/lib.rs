//! Imports ONNX models into the `nn` dialect: the only crate that knows ONNX and its reader, tract.
//!
//! ```text
//! bytes ─proto─▶ checked protobuf ─reader─▶ decluttered graph ─translate, simplify─▶ Graph ─emit─▶ nn module, weights
//! ```
//!
//! Invariants:
//! - Nothing is accepted because the reader takes it, only because [`accept::SUPPORTED`] lists it; a model with other
//!   nodes is refused with all of them listed.
//! - No file, however damaged, makes the import panic: a panic of the reader ends as [`ImportError::Crash`].
//! - Symbolic batch dimensions become 1: the IR describes one inference.

pub mod accept;
mod build;
mod einsum;
mod emit;
mod error;
pub mod graph;
#[cfg(test)]
mod hostile;
mod limits;
mod names;
mod proto;
mod reader;
pub mod reference;
mod simplify;
mod translate;
mod windows;
pub mod write;

pub use error::{ImportError, UnsupportedNode};

use melior::{Context, ir::Module};
use std::collections::BTreeMap;
use std::path::Path;
use tessera_mlir::params::Params;

/// What a user can tell the import about a model.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Values of symbolic dimensions by name. A symbol that is the first axis of an input is 1 unless given here.
    pub dims: BTreeMap<String, usize>,
    /// Shapes of inputs by name; they replace what the file says.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Registers the weights under this name (such as `lenet.safetensors`) and attaches it to the module. Without it
    /// the caller does so before passes that need weights run.
    pub weights: Option<String>,
    /// Told of every file of external weights before it is read.
    pub reads: Option<fn(&Path)>,
}

/// A model as bytes or as a file. External weights are found beside a file only.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A path to an `.onnx` file.
    Path(&'a Path),
    /// The contents of an `.onnx` file.
    Bytes(&'a [u8]),
    /// The contents of an `.onnx` file, and its path.
    File(&'a [u8], &'a Path),
}

impl<'a> From<&'a Path> for Source<'a> {
    fn from(path: &'a Path) -> Self {
        Source::Path(path)
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Source::Bytes(bytes)
    }
}

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
    with_proto(source, options, |mut model| {
        reader::guarded("reading the model", || {
            let typed = reader::decluttered(&model)?;
            let Some(onnx) = model.graph.as_mut() else {
                return Err(ImportError::NotOnnx("the file holds no graph".into()));
            };
            // the reader has copied them
            proto::forget_data(onnx);
            let graph = translate::translate(&typed, names::Names::new(onnx))?;
            simplify::simplify(graph).map_err(|e| ImportError::Build(e.to_string()))
        })
    })
}

fn with_proto<T>(
    source: Source,
    options: &ImportOptions,
    f: impl FnOnce(tract_onnx::pb::ModelProto) -> Result<T, ImportError>,
) -> Result<T, ImportError> {
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
    f(reader::guarded("decoding the file", || proto::load(bytes, directory, options))?)
}
