//! The circuit dialect: relations between integer tensors with proven intervals.
//!
//! Invariants:
//! - Op and attribute names are spelled in [`ops`] alone.
//! - This crate knows no other dialect of ours.

mod contract;
mod fold;
mod interval;
pub mod ops;
mod table;
pub mod types;
mod verify;
mod view;

use melior::dialect::DialectHandle;
use mlir_sys::MlirDialectHandle;

pub use ops::CircuitOp;

unsafe extern "C" {
    fn mlirGetDialectHandle__circuit__() -> MlirDialectHandle;
}

/// The dialect, to be handed to [`tessera_mlir::context`].
pub fn dialect() -> DialectHandle {
    unsafe { DialectHandle::from_raw(mlirGetDialectHandle__circuit__()) }
}
