//! The qnn dialect: the quantized model, exactly.
//!
//! Invariants:
//! - Op and attribute names are spelled in [`ops`] alone.
//! - This crate knows no other dialect of ours.

mod fold;
pub mod interp;
pub mod ops;
mod rows;
mod verify;

use melior::dialect::DialectHandle;
use mlir_sys::MlirDialectHandle;

pub use ops::QnnOp;

unsafe extern "C" {
    fn mlirGetDialectHandle__qnn__() -> MlirDialectHandle;
}

/// The dialect, to be handed to [`tessera_mlir::context`].
pub fn dialect() -> DialectHandle {
    // SAFETY: the handle is a constant of the C++ side.
    unsafe { DialectHandle::from_raw(mlirGetDialectHandle__qnn__()) }
}
