//! Passes over the nn dialect.

mod next_tokens;

pub use next_tokens::NextTokens;

/// The passes of this folder.
pub const PASSES: &[&dyn tessera_mlir::pass::Pass] = &[&NextTokens];
