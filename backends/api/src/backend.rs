//! What a proving backend offers: keys, proofs, its capabilities and its prices.
//!
//! Invariants: passes ask [`Capabilities`], never a backend's name; a verifier trusts nothing but its key.
use crate::program::Program;
use crate::trace::{Publics, Trace};
use serde::{Deserialize, Serialize};

/// What a backend can express.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Highest degree of a row constraint.
    pub max_degree: u32,
    /// Largest table height, as a power of two.
    pub max_log_height: u32,
    /// Whether lookups are available.
    pub lookups: bool,
    /// Whether joins of two folds are available.
    pub joins: bool,
    /// Whether witness tensors can be hidden from the verifier.
    pub zero_knowledge: bool,
}

/// What a Program costs a prover, by kind. Counts, except where said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Cells committed at setup.
    pub fixed_cells: u64,
    /// Cells committed in the first round.
    pub witness_cells: u64,
    /// Extension-field cells of later rounds.
    pub extension_cells: u64,
    /// Lookups made, padding included.
    pub lookups: u64,
    /// Rows lost to power-of-two heights.
    pub padding_rows: u64,
    /// Columns opened (a share of proof size).
    pub opened_columns: u64,
}

/// Nanoseconds of one core for one unit of each kind in [`Cost`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// Per fixed cell.
    pub fixed_cell: f64,
    /// Per witness cell.
    pub witness_cell: f64,
    /// Per extension cell.
    pub extension_cell: f64,
    /// Per lookup.
    pub lookup: f64,
    /// Per opened column and proof, in bytes of proof.
    pub column_bytes: f64,
}

impl Prices {
    /// Predicted proving time in seconds of one core.
    pub fn seconds(&self, c: &Cost) -> f64 {
        1e-9 * (self.fixed_cell * c.fixed_cells as f64
            + self.witness_cell * c.witness_cells as f64
            + self.extension_cell * c.extension_cells as f64
            + self.lookup * c.lookups as f64)
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
pub trait Backend {
    /// What the prover keeps.
    type ProvingKey;
    /// What the verifier keeps: small.
    type VerifyingKey;
    /// A proof, without the public values.
    type Proof;

    /// For people.
    fn name(&self) -> &'static str;
    /// What it can express.
    fn capabilities(&self) -> Capabilities;
    /// What it charges, measured or by default.
    fn prices(&self) -> Prices;
    /// What a Program will cost.
    fn cost(&self, program: &Program) -> Result<Cost, SetupError>;
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
