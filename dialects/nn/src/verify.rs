//! Verifiers of the nn dialect, called from C++ after parsing and after every pass.
//!
//! What holds for a verified op:
//! - it decodes into an [`NnOp`];
//! - its result has the shape that [`NnOp::infer`] gives;
//! - a calibrated range has a low end not above its high end, both finite;
//! - bits are as many as there are formats for.

use crate::ops::{NnOp, result_type};
use melior::ir::{OperationRef, operation::OperationLike};
use mlir_sys::{MlirLogicalResult, MlirOperation};
use tessera_mlir::{
    Error, Result, attrs, hooks, shape,
    types::{self, F64},
};

#[unsafe(no_mangle)]
unsafe extern "C" fn tessera_nn_verify(op: MlirOperation) -> MlirLogicalResult {
    // SAFETY: the generated verifier calls this with an op that is alive.
    unsafe { hooks::verify(op, verify) }
}

fn verify(op: OperationRef) -> Result<()> {
    let Some(decoded) = NnOp::decode(op)? else {
        return Err(Error::new("is not an op of the nn dialect"));
    };
    let inferred = decoded.infer(|value| types::of(*value))?.shape;
    let declared = result_type(op)?.shape;
    if let NnOp::Norm { epsilon: F64(epsilon), .. } = decoded
        && !(epsilon.is_finite() && epsilon >= 0.0)
    {
        return Err(Error::new(format!("epsilon: expected a finite number of at least 0, found {epsilon}")));
    }
    if inferred != declared {
        return Err(Error::new(format!(
            "result: expected the shape {} that follows from operands and attributes, found {}",
            shape::show(&inferred),
            shape::show(&declared)
        )));
    }
    if op.has_attribute(attrs::RANGE) {
        match attrs::range(op) {
            Some((low, high)) if low <= high && low.is_finite() && high.is_finite() => {}
            _ => {
                return Err(Error::new(format!(
                    "attribute '{}': expected array<f64: low, high> with finite low ≤ high",
                    attrs::RANGE
                )));
            }
        }
    }
    for name in [attrs::BITS, attrs::WEIGHT_BITS] {
        if op.has_attribute(name) && attrs::bits(op, name).is_none() {
            return Err(Error::new(format!(
                "attribute '{name}': expected an integer in {}..={}",
                attrs::SOME_BITS.start(),
                attrs::SOME_BITS.end()
            )));
        }
    }
    Ok(())
}
