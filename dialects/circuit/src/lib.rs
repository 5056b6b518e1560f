//! The circuit dialect: relations between integer tensors with proven intervals.
//!
//! Invariants:
//! - Op and attribute names are spelled in [`ops`] alone, those of discardable attributes in [`ports`].
//! - What an op means is written once, in [`semantics`], and everything else calls it.
//! - This crate knows no other dialect of ours.

pub mod analysis;
mod assembly;
pub mod cost;
mod fold;
pub mod graph;
mod hint;
pub mod interp;
mod maximum;
pub mod ops;
pub mod ports;
pub mod proof;
pub mod publish;
mod rules;
pub mod semantics;
pub mod types;
pub mod unused;
mod verify;

use melior::dialect::DialectHandle;
use mlir_sys::MlirDialectHandle;

pub use ops::CircuitOp;

unsafe extern "C" {
    fn mlirGetDialectHandle__circuit__() -> MlirDialectHandle;
}

/// The dialect, to be handed to [`tessera_mlir::context`].
pub fn dialect() -> DialectHandle {
    // SAFETY: the handle is a constant of the C++ side.
    unsafe { DialectHandle::from_raw(mlirGetDialectHandle__circuit__()) }
}
