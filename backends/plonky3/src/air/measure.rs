//! Counts that soundness depends on, taken while compiling; part of the verifying key.
use serde::{Deserialize, Serialize};

/// Numerators of the soundness error terms, each over the size of the extension field, and shapes for FRI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Σ over equations of the total degree in the fold variables, plus one for each variable that must not be zero.
    pub fold_degree: u64,
    /// Fractions over all rows of all tables.
    pub fractions: u64,
    /// Longest lookup tuple, its bus tag included.
    pub tuple: u64,
    /// Σ over copied segment lists of their length.
    pub copied: u64,
    /// Constraints batched by one challenge, over all groups.
    pub constraints: u64,
    /// (column, point) pairs batched into FRI.
    pub openings: u64,
}
