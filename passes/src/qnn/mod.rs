//! Passes over the qnn dialect.
//!
//! Invariant: each keeps what the model computes, bit for bit.

mod absorb_pads;

pub use absorb_pads::AbsorbPads;

/// The passes of this folder.
pub const PASSES: &[&dyn tessera_mlir::pass::Pass] = &[&AbsorbPads];
