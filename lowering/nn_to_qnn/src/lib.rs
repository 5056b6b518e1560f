//! Quantizes networks: from nn (float tensors) to qnn (integers), and says how well it went.
//!
//! ```text
//! nn ─nn-calibrate─▶ nn with ranges ─convert-nn-to-qnn─▶ qnn ─evaluate─▶ accuracy, agreement, worst layer
//! ```
//!
//! Invariants:
//! - Quantization is static and symmetric: real = stored·scale, zero is exact.
//! - Scales are numbers of seven digits, so that a module survives being printed and read again.
//! - The sums of every layer are bounded from its actual weights; what could overflow is an error here, not a wrong
//!   proof later.

mod bits;
pub mod calibrate;
mod emit;
pub mod evaluate;
mod families;
mod features;
mod grid;
mod histogram;
mod model;
mod quantize;
mod scales;
mod separate;

pub use bits::{Fidelity, Goal, NnChooseBits, Outcome, choose_bits};
pub use calibrate::{Method, NnCalibrate, attach_samples, calibrate};
pub use evaluate::{Evaluation, evaluate, evaluate_watched};
pub use quantize::{ConvertNnToQnn, Settings, quantize, quantized_name};

/// The passes of this crate.
pub const PASSES: &[&dyn tessera_mlir::pass::Pass] = &[&NnCalibrate, &NnChooseBits, &ConvertNnToQnn];
