//! The verifier alone: reads a verifying key and a proof, checks the statement, and says what is proven.
//!
//! ```no_run
//! # fn main() -> tessera_verify::error::Result<()> {
//! use tessera_verify::{files, key::Policy, report::Report};
//! let key = files::verifying_key("model.vk".as_ref())?;
//! Policy::default().check(&key)?;
//! let proof = files::proof("answer.proof".as_ref(), &key)?;
//! let report = Report::new(&key, &proof)?;
//! println!("{}", report.lines().join("\n"));
//! # Ok(()) }
//! ```
//!
//! Invariants: no MLIR, no import, no placement and no witness is in here; a verifier believes its key and nobody else; what it says in
//! the end is [`report::Report`], of which there is none for a proof that does not hold. Files are read in [`files`], and named in [`command`],
//! alone, so that everything else runs in a browser too.
pub mod claim;
#[cfg(not(target_family = "wasm"))]
pub mod command;
pub mod commitments;
pub mod error;
#[cfg(not(target_family = "wasm"))]
pub mod files;
pub mod key;
pub mod metadata;
pub mod report;
pub mod statement;
pub mod text;
pub mod web;
