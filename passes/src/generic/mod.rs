//! Passes that work on every dialect.

mod apply_patterns;
mod check_params;
mod drop_unused_params;
mod graph;
mod natives;
mod print_graph;

pub use apply_patterns::ApplyPatterns;
pub use check_params::CheckParams;
pub use drop_unused_params::DropUnusedParams;
pub use print_graph::PrintGraph;

/// The passes of this folder.
pub const PASSES: &[&dyn tessera_mlir::pass::Pass] =
    &[&CheckParams, &DropUnusedParams, &ApplyPatterns, &PrintGraph];
