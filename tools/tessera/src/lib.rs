//! The `tessera` command: compile, setup, prove, verify, run, eval, inspect, demo, bench.
//!
//! Invariants: results go to stdout and everything else to stderr; `--json` makes stdout one JSON value; exit codes
//! are 0, 1 for a rejected proof, 2 for wrong use or a bad file; only modules behind the feature `compiler` know MLIR.
pub mod cli;
pub mod data;
pub mod failure;
pub mod files;
pub mod infer;
pub mod measure;
pub mod model;
pub mod screen;
pub mod show;
pub mod statement;
