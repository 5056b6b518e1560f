//! The optimizer: equal forms of a function side by side in an e-graph, and the cheapest of them written back.
//!
//! A dialect's op enum, generic over its operands, is the language ([`op`]); rules are text ([`text`]); [`space`] is the e-graph with what is
//! known of each class, [`rewrite`] applies rules to it, [`extract`] chooses by prices, step by step, and [`ilp`] all at once. What is equal, a dialect says in a file of its
//! own ([`circuit`], [`network`]).
//!
//! Source: equality saturation, Tate et al. 2009; the e-graph is that of egg, Willsey et al. 2021.
//!
//! Invariants: what comes out computes what went in, and passes the dialect's verifier; the function that is there is always a
//! candidate; nothing here asks a clock.

pub mod circuit;
pub mod explain;
pub mod extract;
pub mod ilp;
pub mod network;
pub mod op;
pub mod optimize;
pub mod optimize_network;
pub mod rewrite;
pub mod space;
pub mod text;

pub use ilp::Decided;
pub use optimize::{Optimize, Optimized, Request, beside, optimize, rules};
pub use optimize_network::OptimizeNetwork;

/// The passes of this crate.
pub const PASSES: &[&dyn tessera_mlir::pass::Pass] = &[&Optimize, &OptimizeNetwork];
