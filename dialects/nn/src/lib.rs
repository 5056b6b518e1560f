//! The nn dialect: neural networks on float tensors, as exporters give them.
//!
//! Invariants:
//! - Op and attribute names are spelled in [`ops`] alone.
//! - This crate knows no other dialect of ours.

mod fold;
pub mod graph;
pub mod interp;
pub mod ops;
mod verify;

use melior::dialect::DialectHandle;
use mlir_sys::MlirDialectHandle;

pub use ops::NnOp;

unsafe extern "C" {
    fn mlirGetDialectHandle__nn__() -> MlirDialectHandle;
}

/// The dialect, to be handed to [`tessera_mlir::context`].
pub fn dialect() -> DialectHandle {
    // SAFETY: the handle is a constant of the C++ side.
    unsafe { DialectHandle::from_raw(mlirGetDialectHandle__nn__()) }
}
