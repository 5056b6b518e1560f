//! qnn → circuit: the quantized model, exactly, as relations between integers with proven intervals.
//!
//! One op family a file. [`convolution`] lists the ways to check one; it and [`windows`] are the arithmetic, free of IR; the others
//! write the ops; `lower` walks the function.
//!
//! Invariants: a circuit's outputs equal those of the qnn interpreter bit for bit on every input; every interval declared is
//! proven from the actual weights; nothing here knows a backend.

mod argmax;
mod arithmetic;
mod boundary;
mod conv;
pub mod convolution;
mod embedding;
mod emit;
mod layout;
mod lengths;
mod linear;
mod lookup;
mod lower;
mod norm;
mod pool;
mod requantize;
mod softmax;
mod wide;
pub mod windows;

pub use lower::{ConvertQnnToCircuit, lower_module};

/// The passes of this crate.
pub const PASSES: &[&dyn tessera_mlir::pass::Pass] = &[&ConvertQnnToCircuit];
