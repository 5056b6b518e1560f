//! What can be wrong with an ONNX file, told completely: every unsupported node, every bad tensor, not the first.

use crate::accept::{self, UnsupportedNode};
use std::fmt;
use std::path::PathBuf;

/// Why a model was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file, or a file of external weights it names, could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are no ONNX model.
    #[error("not an ONNX model: {0}")]
    NotOnnx(String),
    /// The graph has nodes outside the accepted list.
    #[error("{}", unsupported_text(.0))]
    Unsupported(Vec<UnsupportedNode>),
    /// The model is inconsistent: weights that are not finite, tensors whose data do not fit their shape, ...
    #[error("the model is not valid:{}", list(.0))]
    Invalid(Vec<String>),
    /// Inputs whose shape is not known.
    #[error("the shape of every input must be known; give a value for:{}", list(.0))]
    UnknownShape(Vec<String>),
    /// The ONNX reader (tract) refused the graph.
    #[error("the ONNX reader refused the model while {stage}: {message}")]
    Reader {
        /// What it was doing.
        stage: &'static str,
        /// What it said.
        message: String,
    },
    /// The ONNX reader (tract) crashed on the graph. This says nothing good about the model; please report it.
    #[error(
        "the ONNX reader failed unexpectedly while {stage} (a defect of the reader or a damaged file): {message}"
    )]
    Crash {
        /// What it was doing.
        stage: &'static str,
        /// The message of the panic.
        message: String,
    },
    /// The reader runs on a thread of its own, which the system does not give.
    #[error("the ONNX reader cannot be started: {0}")]
    Threads(std::io::Error),
    /// The graph could not be written as IR.
    #[error("building the nn module: {0}")]
    Build(String),
}

fn list(items: &[String]) -> String {
    items.iter().map(|i| format!("\n  - {i}")).collect()
}

fn unsupported_text(nodes: &[UnsupportedNode]) -> String {
    let mut text = match nodes.len() {
        1 => "1 node of the graph is not supported:".to_owned(),
        n => format!("{n} nodes of the graph are not supported:"),
    };
    for node in nodes {
        text += &format!("\n  - {node}");
    }
    text += "\nsupported operators: ";
    text += &accept::supported().join(", ");
    text
}

impl fmt::Display for UnsupportedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" ({}): {}", self.name, self.op, self.reason)
    }
}
