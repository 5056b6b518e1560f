//! The dialect `power`: one op, `power.pow`.
//!
//! Invariant: the names of the op and of its attribute are spelled here and in `power.td` alone.

use melior::{
    dialect::DialectHandle,
    ir::{OperationRef, Value},
};
use mlir_sys::{MlirDialectHandle, MlirLogicalResult, MlirOperation};
use tessera_mlir::{Error, Result, attrs, func::need_operand, hooks, op::op_name};

unsafe extern "C" {
    fn mlirGetDialectHandle__power__() -> MlirDialectHandle;
}

/// The dialect, for a registry.
pub fn handle() -> DialectHandle {
    // SAFETY: the handle is a constant of the C++ side.
    unsafe { DialectHandle::from_raw(mlirGetDialectHandle__power__()) }
}

/// `power.pow`: a value and its exponent, at least 1.
#[derive(Clone, Copy)]
pub struct Pow<'c, 'a> {
    /// What is raised.
    pub x: Value<'c, 'a>,
    /// To which power.
    pub exponent: u32,
}

impl<'c, 'a> Pow<'c, 'a> {
    /// Reads an op; `None` for other ops.
    ///
    /// # Errors
    /// When the exponent is not in 1..=64.
    pub fn view(op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        if op_name(op) != "power.pow" {
            return Ok(None);
        }
        let exponent = attrs::read_int(op, "exponent")?;
        match u32::try_from(exponent) {
            Ok(exponent @ 1..=64) => Ok(Some(Self { x: need_operand(op, 0)?, exponent })),
            _ => Err(Error::new(format!("exponent: expected 1..=64, found {exponent}"))),
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn example_power_verify(op: MlirOperation) -> MlirLogicalResult {
    // SAFETY: the generated verifier calls this with an op that is alive.
    unsafe { hooks::verify(op, |op| Pow::view(op).map(|_| ())) }
}
