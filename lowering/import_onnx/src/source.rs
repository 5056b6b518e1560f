//! Where a model comes from, and what a user can tell the import about it.

use std::collections::BTreeMap;
use std::path::Path;

/// What a user can tell the import about a model.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Values of symbolic dimensions by name. A symbol that is the first axis of an input is 1 unless given here.
    pub dims: BTreeMap<String, usize>,
    /// Shapes of inputs by name; they replace what the file says.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Values of inputs by name, the same number for every element: such an input is known, and none any more.
    pub set: BTreeMap<String, f64>,
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
