//! What can be wrong with a plan, and what can go wrong while it runs.
use tessera_api::seq::SeqError;
use tessera_api::validate::ProgramError;

/// A plan that does not fit its Program, or asks for more than the limits allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The Program contradicts itself.
    #[error("the compiled model is invalid: {0}")]
    Program(#[from] ProgramError),
    /// One step is wrong.
    #[error("step {step} of the witness plan ({what}): {reason}")]
    Step {
        /// Its position.
        step: usize,
        /// "contract", "rows of conv1", …
        what: String,
        /// What was expected and found.
        reason: String,
    },
    /// A lookup of the Program that no assignment could satisfy, or tables that cannot be searched.
    #[error("{0}")]
    Lookup(String),
    /// The plan as a whole.
    #[error("the witness plan is invalid: {0}")]
    Invalid(String),
    /// Too much memory or work.
    #[error(
        "the witness plan asks for more than {limit} {what}; raise the limit if this model is meant to be so large"
    )]
    Limit {
        /// "elements" or "operations".
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

/// Why a witness could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The plan was refused.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The inputs do not fit the model.
    #[error("{0}")]
    Inputs(String),
    /// An output outside the range the model declares.
    #[error("the model computed an output it does not declare possible: {0}")]
    Outputs(String),
    /// No entry for a key.
    #[error(
        "{origin}: row {row} of table {table:?} looks up {value} in {relation:?}, which has no such entry"
    )]
    Missing {
        /// The model's operation.
        origin: String,
        /// Table name.
        table: String,
        /// Row of the table.
        row: usize,
        /// The tuple, or the key alone.
        value: String,
        /// Name of the lookup relation.
        relation: String,
    },
    /// A row value beyond 64 bits.
    #[error("{origin}: {value} on row {row} of table {table:?} leaves the 64-bit range")]
    Overflow {
        /// The model's operation.
        origin: String,
        /// Table name.
        table: String,
        /// Row of the table.
        row: usize,
        /// What left the range.
        value: String,
    },
    /// No number that keeps a limit.
    #[error(
        "threshold into {tensor:?}: no sum of the table's values is within the limit of element {element}"
    )]
    Threshold {
        /// Name of the result tensor.
        tensor: String,
        /// Flat index.
        element: usize,
    },
    /// A sum of products beyond 64 bits.
    #[error("contraction into {tensor:?}: element {element} leaves the 64-bit range")]
    Accumulator {
        /// Name of the result tensor.
        tensor: String,
        /// Flat index.
        element: usize,
    },
}

impl From<SeqError> for PlanError {
    fn from(e: SeqError) -> PlanError {
        PlanError::Program(e.into())
    }
}
