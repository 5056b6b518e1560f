//! What dialects need to have their verifiers and folders in Rust: the C++ file of a dialect calls an
//! `extern "C"` function, which hands its work to [`verify`] or [`fold`] here.
//!
//! Invariant: nothing unwinds into C++. A panic becomes a diagnostic at the op.

use crate::{Error, Result, diag};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use mlir_sys::{MlirLogicalResult, MlirOperation, MlirValue};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a verifier. Messages without a place are put at the op, with its name in front.
///
/// # Safety
/// `raw` must be a valid op.
pub unsafe fn verify(
    raw: MlirOperation,
    verifier: impl FnOnce(OperationRef) -> Result<()>,
) -> MlirLogicalResult {
    // SAFETY: the caller gives an op that is alive during the call.
    let op = unsafe { OperationRef::from_raw(raw) };
    let outcome =
        catch_unwind(AssertUnwindSafe(|| verifier(op))).unwrap_or_else(|panic| Err(panicked(&*panic)));
    if let Err(error) = outcome {
        diag::emit(op.location(), &error.or_at_op(op));
        return MlirLogicalResult { value: 0 };
    }
    MlirLogicalResult { value: 1 }
}

/// What folding an op came to.
pub enum Fold<'c, 'a> {
    /// Nothing to do.
    None,
    /// The op was changed in place: other operands or attributes, same result.
    InPlace,
    /// The op's one result equals this value.
    To(Value<'c, 'a>),
}

/// Runs a folder of an op with one result: returns 0, 1 or 2 as in [`Fold`] and writes the value for 2.
/// An error means that the op does not decode, which is the verifier's to say: nothing is folded.
///
/// # Safety
/// `raw` must be a valid op and `value` valid for writing.
pub unsafe fn fold(
    raw: MlirOperation,
    value: *mut MlirValue,
    folder: impl for<'c, 'a> FnOnce(OperationRef<'c, 'a>) -> Result<Fold<'c, 'a>>,
) -> i32 {
    // SAFETY: the caller gives an op that is alive during the call.
    let op = unsafe { OperationRef::from_raw(raw) };
    match catch_unwind(AssertUnwindSafe(|| folder(op))) {
        Ok(Ok(Fold::InPlace)) => 1,
        Ok(Ok(Fold::To(to))) => {
            // SAFETY: the caller gives a place that can be written.
            unsafe { value.write(to.to_raw()) };
            2
        }
        Ok(Ok(Fold::None) | Err(_)) => 0,
        Err(panic) => {
            diag::emit(op.location(), &panicked(&*panic));
            0
        }
    }
}

/// The error that stands for a panic.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Error::new(format!("internal compiler error: {text}; please report it with the input"))
}
