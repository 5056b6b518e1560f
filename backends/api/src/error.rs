//! What is wrong with a Program.
use crate::seq::SeqError;

/// A Program that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// An index points nowhere.
    #[error("{what} {index} does not exist")]
    Missing {
        /// Kind of thing.
        what: String,
        /// Its index.
        index: i64,
    },
    /// A layout is malformed.
    #[error(transparent)]
    Layout(#[from] SeqError),
    /// Anything else.
    #[error("{0}")]
    Invalid(String),
}

impl ProgramError {
    pub(crate) fn missing(what: &str, index: impl TryInto<i64>) -> ProgramError {
        ProgramError::Missing { what: what.into(), index: index.try_into().unwrap_or(i64::MAX) }
    }
}
