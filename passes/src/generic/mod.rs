//! Passes that work on every dialect.

mod check_params;

pub use check_params::CheckParams;
