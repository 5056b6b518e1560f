//! Passes over the qnn dialect.
//!
//! Invariant: each keeps what the model computes, bit for bit; but for those that say what its inputs are.

mod absorb_pads;
mod split_attention;
mod take_input;

pub use absorb_pads::AbsorbPads;
pub use split_attention::SplitAttention;
pub use take_input::TakeInput;

/// The passes of this folder.
pub const PASSES: &[&dyn tessera_mlir::pass::Pass] = &[&AbsorbPads, &SplitAttention, &TakeInput];
