//! Locations: ops carry the names of the ONNX nodes they came from; a [`Place`] is a location that outlives the context.

use crate::context_of;
use melior::{Context, ir::Location};
use mlir_sys::{MlirAttribute, mlirLocationFusedGet};
use std::{
    fmt::{self, Display, Formatter, Write},
    ptr,
};

/// Where in a model or a file a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The location in MLIR's own syntax, such as `loc("conv1")`.
    pub text: String,
    /// The name of the ONNX node, when the location carries one.
    pub node: Option<String>,
    /// File, line and column (both from 1; 0 for the file as a whole), when the location carries them.
    pub file: Option<(String, usize, usize)>,
}

impl Place {
    /// Reads a location.
    pub fn new(location: Location) -> Self {
        Self { text: printed(&location), node: node_name(location), file: file(location) }
    }
}

impl Display for Place {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        match (&self.node, &self.file) {
            (Some(node), _) => write!(formatter, "node {node:?}"),
            (None, Some((file, 0, _))) => write!(formatter, "{file}"),
            (None, Some((file, line, column))) => write!(formatter, "{file}:{line}:{column}"),
            (None, None) if self.text.contains("unknown") => write!(formatter, "unknown location"),
            (None, None) => write!(formatter, "{}", self.text),
        }
    }
}

/// The location of an ONNX node, printed as `loc("conv1")`.
pub fn node<'c>(context: &'c Context, name: &str) -> Location<'c> {
    Location::name(context, name, Location::unknown(context))
}

/// The first node name found in a location, looking into fused and call-site locations.
pub fn node_name(location: Location) -> Option<String> {
    if location.is_name() {
        return crate::attrs::text(location.name_value().as_string_ref().to_raw());
    }
    parts(location).into_iter().find_map(node_name)
}

/// File, line and column of a location, looking inside it.
pub fn file(location: Location) -> Option<(String, usize, usize)> {
    if location.is_file_line_col_range() {
        let name = crate::attrs::text(location.file_line_col_range_filename().as_string_ref().to_raw())?;
        return Some((
            name,
            location.file_line_col_range_start_line(),
            location.file_line_col_range_start_column(),
        ));
    }
    parts(location).into_iter().find_map(file)
}

/// How a message names a location: `node "conv1"`, `file.mlir:3:5` or `unknown location`.
pub fn describe(location: Location) -> String {
    Place::new(location).to_string()
}

/// One location for an op that replaces several.
pub fn fused<'c>(locations: &[Location<'c>]) -> Option<Location<'c>> {
    let first = *locations.first()?;
    if locations.iter().all(|&location| location == first) {
        return Some(first);
    }
    let context = context_of(first);
    // A fused location without metadata; melior asks for one.
    let raw = locations.iter().map(|location| location.to_raw()).collect::<Vec<_>>();
    let none = MlirAttribute { ptr: ptr::null() };
    // SAFETY: the locations are of the context, which is alive, and `raw` is as long as it says; null is no metadata.
    Some(unsafe {
        Location::from_raw(mlirLocationFusedGet(context.to_raw(), raw.len() as isize, raw.as_ptr(), none))
    })
}

fn parts(location: Location) -> Vec<Location> {
    if location.is_name() {
        vec![location.name_child_location()]
    } else if location.is_call_site() {
        vec![location.call_site_callee(), location.call_site_caller()]
    } else if location.is_fused() {
        (0..location.fused_num_locations()).map(|index| location.fused_location(index)).collect()
    } else {
        vec![]
    }
}

/// What MLIR prints of something, up to the first bytes that are no text: `to_string` would panic there, and a panic inside a
/// handler that C++ calls ends the process.
pub(crate) fn printed(value: &impl Display) -> String {
    let mut text = String::new();
    if write!(text, "{value}").is_err() {
        text.push('\u{fffd}');
    }
    text
}
