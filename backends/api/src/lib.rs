//! What a compiled model is, as plain data: the contract between the compiler and every proving backend.
//!
//! A [`Program`] is a relation: tables of cells over the Goldilocks field, row constraints, lookups, and *folds*
//! (polynomials in a few variables whose coefficients are table cells) tied together by equations. A
//! [`WitnessPlan`] says how an honest prover fills the tables. A [`Backend`] turns a Program into keys and proofs.
//!
//! Invariants: nothing in this crate knows MLIR, ONNX or a proof system; every type is serializable and has one
//! canonical byte form, so that its digest can be absorbed by a transcript; nothing allocates by a length read from
//! a file before that length was checked.
pub mod backend;
pub mod blob;
pub mod commitment;
pub mod container;
pub mod cost;
mod error;
pub mod field;
pub mod matrix;
pub mod plan;
pub mod poseidon2;
pub mod program;
pub mod seq;
pub mod shape;
pub mod spec;
pub mod trace;
pub mod validate;

pub use backend::{
    Backend, Capabilities, CheckError, Epoch, Goal, Keys, Offer, ProveError, Prover, Regime, Security,
    SetupError, Sizes, Target, Timings, Verified, Verifier, VerifyError, proven_of,
};
pub use blob::Blob;
pub use bytes::Bytes;
pub use container::{Container, Digest, FileError, FileKind, Section};
pub use cost::{Cost, GroupCost, Prices};
pub use error::ProgramError;
pub use matrix::{Block, Matrix};
pub use plan::{ContractLoop, Factor, RowOp, RowStep, Step, WitnessPlan};
pub use program::*;
pub use seq::{Run, Seq};
pub use shape::{FoldShape, Shape, TableShape, TermShape};
pub use spec::TargetSpec;
pub use trace::{Publics, Trace};
