//! Verifiers of the circuit dialect, called from C++ after parsing and after every pass.
//!
//! What holds for a verified op:
//! - it decodes into a [`CircuitOp`], and its results have the shapes that [`CircuitOp::infer`] gives;
//! - a result's declared interval contains the inferred one, so that intervals stay true whatever is edited. Only
//!   contractions, affine forms and products may declare a tighter one that meets the inferred one: their operands go
//!   together (weights and biases by channel, the two sides of a maximum) in ways that types do not say.
//!   `circuit-intervals` proves such intervals; even so the inferred one must lie within half the field;
//! - a split's low part is exactly `[0, 2^shift)`, and putting the parts together again cannot wrap the field;
//! - a lookup's operand lies in each table's domain, and each result contains its table's values there;
//! - an interval that a range or a hint shows has at most 2^20 numbers, or a power of two;
//! - a view reads inside its operand;
//! - a weight's parameter has integers of the same extents.

use crate::ops::{CircuitOp, CircuitType, result_type};
use crate::semantics::{Interval, TableFunction};
use melior::ir::{AttributeLike, OperationRef, Type, operation::OperationLike};
use mlir_sys::{MlirLogicalResult, MlirOperation, mlirTypeAttrGetValue};
use tessera_mlir::{
    Error, Result, hooks,
    op::op_name,
    shape,
    types::{self, Elem},
};

#[unsafe(no_mangle)]
unsafe extern "C" fn tessera_circuit_verify(op: MlirOperation) -> MlirLogicalResult {
    // SAFETY: the generated verifier calls this with an op that is alive.
    unsafe { hooks::verify(op, verify) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tessera_circuit_verify_symbol(
    op: MlirOperation,
    symbol: MlirOperation,
) -> MlirLogicalResult {
    // SAFETY: the generated verifier calls this with an op that is alive, and with the op of its symbol or null.
    unsafe { hooks::verify(op, |op| verify_symbol(op, OperationRef::from_option_raw(symbol))) }
}

fn verify(op: OperationRef) -> Result<()> {
    let Some(decoded) = CircuitOp::decode(op)? else {
        return Err(Error::new("is not an op of the circuit dialect"));
    };
    let declared = op.results().map(|result| CircuitType::of(result.into())).collect::<Result<Vec<_>>>()?;
    decoded.check(|x| CircuitType::of(*x), &declared)
}

fn verify_symbol(op: OperationRef, symbol: Option<OperationRef>) -> Result<()> {
    match CircuitOp::decode(op)? {
        Some(CircuitOp::Lookup { x, tables, intervals }) => {
            // each table is asked about by itself: which of them the symbol is says its name
            let (table, function) = table_of(symbol, &tables)?;
            let keys = CircuitType::of(x)?.interval();
            let note = |error: Error| match symbol {
                Some(symbol) => error.note_at(symbol.location(), "the table is defined here"),
                None => error,
            };
            let image = function.image(keys).ok_or_else(|| {
                note(Error::new(format!(
                    "operand: expected values within the domain {} of @{table}, found {keys}; split the value or \
                     widen the table",
                    function.domain()
                )))
            })?;
            for (_, (lo, hi)) in tables.iter().zip(intervals).filter(|(name, _)| **name == table) {
                let declared = Interval::new(lo, hi);
                if !declared.contains(image) {
                    return Err(note(Error::new(format!(
                        "result: expected an interval that contains {image}, the table's values on {keys}, found {declared}"
                    ))));
                }
            }
            Ok(())
        }
        Some(CircuitOp::Hint { hint, .. }) => {
            let tables: Vec<String> = hint.table().map(str::to_owned).into_iter().collect();
            table_of(symbol, &tables).map(|_| ())
        }
        Some(CircuitOp::Weight { global, .. }) => {
            let Some(symbol) = symbol.filter(|&symbol| op_name(symbol) == "ml_program.global") else {
                return Err(Error::new(format!("@{global}: expected an ml_program.global of this name")));
            };
            let attribute = symbol.attribute("type")?;
            // SAFETY: the attribute `type` of a global is a type attribute, which its own verifier has seen before the symbols are.
            let ty = types::read(unsafe { Type::from_raw(mlirTypeAttrGetValue(attribute.to_raw())) })?;
            let expected = result_type(op)?;
            let fail = |message: String| {
                Err(Error::new(message).note_at(symbol.location(), "the parameter is declared here"))
            };
            if ty.shape != expected.shape {
                return fail(format!(
                    "@{global}: expected the extents {} of the result, found {}",
                    shape::show(&expected.shape),
                    shape::show(&ty.shape)
                ));
            }
            if ty.elem == Elem::F32 {
                return fail(format!("@{global}: expected integers, found f32; quantize the model first"));
            }
            Ok(())
        }
        _ => Err(Error::new(format!("'{}' refers to no symbol", op_name(op)))),
    }
}

/// The name and the function of the table that a symbol is; `tables` are the names that the op has for it.
fn table_of(symbol: Option<OperationRef>, tables: &[String]) -> Result<(String, TableFunction)> {
    let names = || tables.iter().map(|name| format!("@{name}")).collect::<Vec<_>>().join(", ");
    match symbol.map(|symbol| (symbol, CircuitOp::decode(symbol))) {
        Some((_, Ok(Some(CircuitOp::Table { name, function })))) => Ok((name, function)),
        Some((symbol, _)) => {
            Err(Error::new(format!("{}: expected a circuit.table, found {}", names(), op_name(symbol)))
                .note_at(symbol.location(), "defined here"))
        }
        None => Err(Error::new(format!(
            "{}: expected a circuit.table of this name in the module, found none; define it beside @main",
            names()
        ))),
    }
}
