//! What can be wrong with an ONNX file, told completely: every unsupported node, every bad tensor, not the first.

use std::fmt;
use std::path::PathBuf;

/// Why a node cannot be translated.
pub(crate) type Reason = String;

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
    /// The graph has nodes that no operator of the import translates.
    #[error("{}", unsupported_text(.0))]
    Unsupported(Vec<UnsupportedNode>),
    /// The model is inconsistent: weights that are not finite, tensors whose data do not fit their shape, ...
    #[error("the model is not valid:{}", list(.0))]
    Invalid(Vec<String>),
    /// Inputs whose shape is not known.
    #[error("the shape of every input must be known; give a value for:{}", list(.0))]
    UnknownShape(Vec<String>),
    /// The reader that tests compare with (tract) refused the graph.
    #[error("the ONNX reader refused the model while {stage}: {message}")]
    Reader {
        /// What it was doing.
        stage: &'static str,
        /// What it said.
        message: String,
    },
    /// The import failed on the graph in a way that it should not: a defect. Please report it.
    #[error("the import failed unexpectedly while {stage} (a defect, or a damaged file): {message}")]
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

/// A node of the ONNX graph that the import does not accept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnsupportedNode {
    /// Name of the ONNX node (its first output where it has no name).
    pub name: String,
    /// ONNX operator, with its domain if that is not the standard one.
    pub op: String,
    /// What about it is not supported, and what to do where something can be done.
    pub reason: String,
}

/// Nodes that are refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<'n> {
    /// ONNX operator.
    pub op: &'n str,
    /// What about it is not supported.
    pub reason: &'n str,
    /// The nodes' names.
    pub names: Vec<&'n str>,
}

impl Refused<'_> {
    /// Names for a message: the first few, and how many more.
    pub fn nodes(&self) -> String {
        const NAMED: usize = 4;
        let listed = self.names.iter().take(NAMED).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
        match self.names.len().checked_sub(NAMED + 1) {
            Some(more) => format!("{listed} and {} more", more + 1),
            None => listed,
        }
    }
}

/// Refused nodes by operator and reason, in the order of the graph.
pub fn refused(nodes: &[UnsupportedNode]) -> Vec<Refused<'_>> {
    let mut groups: Vec<Refused> = vec![];
    for UnsupportedNode { name, op, reason } in nodes {
        match groups.iter_mut().find(|g| (g.op, g.reason) == (op, reason)) {
            Some(group) => group.names.push(name),
            None => groups.push(Refused { op, reason, names: vec![name] }),
        }
    }
    groups
}

fn unsupported_text(nodes: &[UnsupportedNode]) -> String {
    let mut text = match nodes.len() {
        1 => "1 node of the graph is not supported:".to_owned(),
        n => format!("{n} nodes of the graph are not supported:"),
    };
    for group in refused(nodes) {
        text += &format!("\n  - {} ({}): {}", group.op, group.nodes(), group.reason);
    }
    text
}

impl fmt::Display for UnsupportedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" ({}): {}", self.name, self.op, self.reason)
    }
}
