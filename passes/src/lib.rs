//! Passes, by the dialect they work on, and the one list of them.
//!
//! Invariants:
//! - A pass is a unit struct in a file of its own and stands in [`PASSES`]; nothing is registered by being linked.
//! - A pass leaves valid IR; its example is run by a test.

pub mod circuit;
pub mod generic;
pub mod nn;
pub mod qnn;
pub mod registry;

pub use registry::{PASSES, context, register_all, registry, render_docs};
