//! What a proving backend offers: keys, proofs, its capabilities and its prices.
//!
//! Invariants: a compiler asks its [`Target`], never a backend's name; a verifier trusts nothing but its key.
use crate::cost::{Cost, Prices};
use crate::field::MODULUS;
use crate::program::Program;
use crate::shape::{Shape, TermShape};
use crate::trace::{Publics, Trace};
use serde::{Deserialize, Serialize};

/// What a backend can express. A Program beyond it is refused before any work is done; a compiler asks, and avoids what it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Order of the field that cells are of.
    pub modulus: u64,
    /// Highest degree of a row constraint.
    pub max_degree: u32,
    /// Smallest table height that is used well, as a power of two: less is padded to it.
    pub min_log_height: u8,
    /// Largest table height, as a power of two.
    pub max_log_height: u8,
    /// Most columns of a table, fixed and witness.
    pub max_columns: u32,
    /// Whether lookups are available.
    pub lookups: bool,
    /// Whether joins of two folds are available.
    pub joins: bool,
    /// Whether witness tensors can be hidden from the verifier.
    pub zero_knowledge: bool,
}

impl Capabilities {
    /// Bits of the radix by which two integers share a cell: the largest r with (2^r − 2)·(2^r + 1) < modulus, so that
    /// a + 2^r·b ≡ 0 has no solution but 0 where neither is beyond 2^r − 2.
    pub fn radix_bits(&self) -> u32 {
        let holds = |r: &u32| ((1u128 << r) - 2) * ((1u128 << r) + 1) < u128::from(self.modulus);
        (1..=32).rev().find(holds).unwrap_or(0)
    }

    /// The height of a table with this many rows, as a power of two.
    pub fn log_height(&self, rows: u64) -> u8 {
        (rows.next_power_of_two().trailing_zeros() as u8).max(self.min_log_height)
    }

    /// Everything of a Program that is beyond this, for people.
    pub fn refusals(&self, shape: &Shape) -> Vec<String> {
        let mut out = vec![];
        for t in &shape.tables {
            let mut refuse = |why: String| out.push(format!("table {:?} {why}", t.name));
            if t.log_height > self.max_log_height {
                refuse(format!(
                    "has 2^{} rows; at most 2^{} are possible",
                    t.log_height, self.max_log_height
                ));
            }
            if t.degree > self.max_degree {
                refuse(format!(
                    "has a constraint of degree {}; at most {} is possible",
                    t.degree, self.max_degree
                ));
            }
            if t.fixed.saturating_add(t.witness) > self.max_columns {
                refuse(format!(
                    "has {} columns; at most {} are possible",
                    t.fixed.saturating_add(t.witness),
                    self.max_columns
                ));
            }
            if t.lookups + t.provides > 0 && !self.lookups {
                refuse("has lookups, which are not available".into());
            }
        }
        if !self.joins && shape.terms.iter().any(|t| matches!(t, TermShape::Join(..))) {
            out.push("two folds are joined, which is not available".into());
        }
        out
    }
}

/// What a compiler asks of a backend.
pub trait Target: std::fmt::Debug + Sync {
    /// Its name, for people and in files.
    fn name(&self) -> &'static str;
    /// What it can express.
    fn capabilities(&self) -> Capabilities;
    /// What it charges.
    fn prices(&self) -> Prices;
    /// What a Program of this shape will cost.
    fn cost(&self, shape: &Shape) -> Cost;

    /// Checks a Program against itself and against what the backend can express.
    ///
    /// # Errors
    /// With everything that is beyond it.
    fn admit(&self, program: &Program) -> Result<(), SetupError> {
        program.validate()?;
        let capabilities = self.capabilities();
        let mut refusals = capabilities.refusals(&Shape::of(program));
        if capabilities.modulus != MODULUS {
            refusals.push(format!(
                "cells are of the field of {MODULUS} elements, not of {}",
                capabilities.modulus
            ));
        }
        if refusals.is_empty() {
            return Ok(());
        }
        Err(SetupError::Unsupported { backend: self.name().into(), reason: refusals.join("; ") })
    }
}

/// Setup could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The Program contradicts itself.
    #[error("the compiled model is invalid: {0}")]
    Program(#[from] crate::validate::ProgramError),
    /// The backend cannot express it.
    #[error("backend {backend} cannot express this model: {reason}")]
    Unsupported {
        /// Backend name.
        backend: String,
        /// Why.
        reason: String,
    },
}

/// Proving could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// Trace and key do not fit.
    #[error("the witness does not fit the proving key: {0}")]
    Shape(String),
    /// A public value is out of range or of the wrong shape.
    #[error("{0}")]
    Publics(String),
    /// Anything inside the proof system.
    #[error("the prover failed: {0}")]
    Internal(String),
}

/// Why a proof is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The proof's shape is not the key's.
    #[error("malformed proof: {0}")]
    Shape(String),
    /// Public values out of range or of wrong shape.
    #[error("the statement is not of this key: {0}")]
    Publics(String),
    /// An opening does not fit its commitment.
    #[error("an opening does not match its commitment: {0}")]
    Opening(String),
    /// A table's constraints do not hold.
    #[error("the constraints of table {0:?} do not hold")]
    Constraints(String),
    /// An equation between terms does not hold.
    #[error("the equation {0:?} does not hold")]
    Equation(String),
    /// The lookups do not balance.
    #[error("the lookups do not balance")]
    Lookups,
    /// The check itself failed: nothing is known about the proof.
    #[error("{0}")]
    Internal(String),
}

/// What an accepted proof says, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Bits of security in the regime the key was made for.
    pub security_bits: f64,
    /// "proven" or "conjectured".
    pub regime: String,
    /// The soundness term that limits.
    pub limited_by: String,
}

/// CPU and wall seconds per phase, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// (phase, CPU s, wall s).
    pub phases: Vec<(String, f64, f64)>,
}

/// A proof system that can prove Programs.
pub trait Backend: Target {
    /// What the prover keeps.
    type ProvingKey;
    /// What the verifier keeps: small.
    type VerifyingKey;
    /// A proof, without the public values.
    type Proof;

    /// Keys for a Program.
    fn setup(&self, program: &Program) -> Result<(Self::ProvingKey, Self::VerifyingKey), SetupError>;
    /// Proves that `trace` satisfies the Program. Consumes the trace.
    fn prove(&self, key: &Self::ProvingKey, trace: Trace) -> Result<(Self::Proof, Timings), ProveError>;
    /// Checks a proof of a statement.
    fn verify(
        &self,
        key: &Self::VerifyingKey,
        publics: &Publics,
        proof: &Self::Proof,
    ) -> Result<Verified, VerifyError>;
}
