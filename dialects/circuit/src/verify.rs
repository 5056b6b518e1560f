//! Verifiers of the circuit dialect, called from C++ after parsing and after every pass.
//!
//! What holds for a verified op:
//! - it decodes into a [`CircuitOp`], and its results have the shapes that [`CircuitOp::infer`] gives;
//! - a result's declared interval contains the inferred one, so that intervals stay true whatever is edited. Only
//!   contractions, affine forms and products may declare a tighter one that meets the inferred one: their operands go
//!   together (weights and biases by channel, the two sides of a maximum) in ways that types do not say.
//!   `circuit-intervals` proves such intervals; even so the inferred one must lie within half the field;
//! - a split's low part is exactly `[0, 2^shift)`, and putting the parts together again cannot wrap the field;
//! - a lookup's operand lies in the table's domain, and its result contains the table's values there;
//! - a view reads inside its operand;
//! - a weight's parameter has integers of the same extents.

use crate::ops::{CircuitOp, CircuitType, result_type};
use crate::semantics::Interval;
use melior::ir::{AttributeLike, OperationRef, Type, operation::OperationLike};
use mlir_sys::{MlirLogicalResult, MlirOperation, mlirTypeAttrGetValue};
use tessera_mlir::{
    Error, Result,
    func::op_name,
    hooks, shape,
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

impl<V: PartialEq> CircuitOp<V> {
    /// Checks everything that can be said of an op by itself, given the types of its operands and those that its results declare.
    ///
    /// # Errors
    /// What does not fit, as the invariants of this file say.
    pub fn check(&self, type_of: impl Fn(&V) -> Result<CircuitType>, declared: &[CircuitType]) -> Result<()> {
        let inferred = self.infer(&type_of)?;
        if inferred.len() != declared.len() {
            return Err(Error::new(format!("expected {} results, found {}", inferred.len(), declared.len())));
        }
        match self {
            CircuitOp::Constant { values, ty } if values.len() != 1 && values.len() != ty.len() => {
                return Err(Error::new(format!(
                    "values: expected 1, or {} for {}, found {}",
                    ty.len(),
                    shape::show(&ty.shape),
                    values.len()
                )));
            }
            CircuitOp::Split { shift, .. } => {
                let (high, low) = (declared[0].interval(), declared[1].interval());
                if low != inferred[1].interval() {
                    return Err(Error::new(format!(
                        "low part: expected the interval {} of {shift} bits, found {low}",
                        inferred[1].interval()
                    )));
                }
                let together = high.scale(1i128 << shift) + low;
                if !together.fits_field() {
                    return Err(Error::new(format!(
                        "high part: {high} shifted by {shift} bits reaches {together}, outside half the field: the split \
                         would not be unique"
                    )));
                }
            }
            CircuitOp::Table { function, .. } => function.check().map_err(Error::new)?,
            CircuitOp::Output { name, .. } | CircuitOp::Input { name, .. } if name.is_empty() => {
                return Err(Error::new("name: expected a name, found an empty one"));
            }
            CircuitOp::AssertZero { x } => {
                let interval = type_of(x)?.interval();
                if !interval.holds(0) {
                    return Err(Error::new(format!(
                        "the operand lies in {interval} and is never 0: nothing satisfies this"
                    )));
                }
            }
            CircuitOp::Constant { .. }
            | CircuitOp::Output { .. }
            | CircuitOp::Input { .. }
            | CircuitOp::Weight { .. }
            | CircuitOp::Contract { .. }
            | CircuitOp::Affine { .. }
            | CircuitOp::Mul { .. }
            | CircuitOp::Max { .. }
            | CircuitOp::Lookup { .. }
            | CircuitOp::View { .. }
            | CircuitOp::Concat { .. } => {}
        }
        let correlated = self.is_correlated();
        let mut errors = vec![];
        for (index, (inferred, declared)) in inferred.iter().zip(declared).enumerate() {
            if inferred.shape != declared.shape {
                errors.push(Error::new(format!(
                    "result {index}: expected the shape {} that follows from operands and attributes, found {}",
                    shape::show(&inferred.shape),
                    shape::show(&declared.shape)
                )));
            } else if correlated && !inferred.interval().meets(declared.interval()) {
                errors.push(Error::new(format!(
                    "result {index}: expected an interval that meets {}, which follows from the operands, found {}",
                    inferred.interval(),
                    declared.interval()
                )));
            } else if !correlated && !declared.interval().contains(inferred.interval()) {
                errors.push(Error::new(format!(
                    "result {index}: expected an interval that contains {}, which follows from the operands, found {}",
                    inferred.interval(),
                    declared.interval()
                )));
            }
        }
        Error::all(errors)
    }
}

fn verify_symbol(op: OperationRef, symbol: Option<OperationRef>) -> Result<()> {
    match CircuitOp::decode(op)? {
        Some(CircuitOp::Lookup { x, table, interval: (lo, hi) }) => {
            let function = match symbol.map(|symbol| (symbol, CircuitOp::decode(symbol))) {
                Some((_, Ok(Some(CircuitOp::Table { function, .. })))) => function,
                Some((symbol, _)) => {
                    return Err(Error::new(format!(
                        "@{table}: expected a circuit.table, found {}",
                        op_name(symbol)
                    ))
                    .note_at(symbol.location(), "defined here"));
                }
                None => {
                    return Err(Error::new(format!(
                        "@{table}: expected a circuit.table of this name in the module, found none; define it beside @main"
                    )));
                }
            };
            let (keys, declared) = (CircuitType::of(x)?.interval(), Interval::new(lo, hi));
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
            if !declared.contains(image) {
                return Err(note(Error::new(format!(
                    "result: expected an interval that contains {image}, the table's values on {keys}, found {declared}"
                ))));
            }
            Ok(())
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
