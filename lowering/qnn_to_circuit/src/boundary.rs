//! The model's inputs and outputs: `qnn.quantize` of an argument and `qnn.dequantize` of a result become attributes.
//!
//! A circuit's inputs and outputs are integers. The scale by which a user's real numbers become these integers, and back,
//! stays beside them: the tool quantizes x as clamp(round-half-even(x / scale), lo, hi) and dequantizes y as y·scale.
//!
//! Invariant: an argument is quantized in one way only, and no real number is computed with in between.

use crate::emit::Emit;
use melior::ir::{OperationRef, Value, operation::OperationLike};
use tessera_circuit::ops::{self, CircuitType, Visibility};
use tessera_circuit::ports;
use tessera_mlir::types::{self, Elem, Quant};
use tessera_mlir::{Error, Result, rewrite};
use tessera_qnn::QnnOp;

/// The input for a function's argument, or `None` where nothing uses the argument.
pub(crate) fn input<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    argument: Value<'c, 'a>,
    name: &str,
) -> Result<Option<Value<'c, 'a>>> {
    let ty = types::of(argument)?;
    let quant = match ty.elem {
        Elem::Quant(quant) => Some(quant),
        Elem::F32 => quantization(argument, name)?,
        Elem::Int(_) => return indices(emit, argument, ty.shape, name),
    };
    let Some(quant) = quant else { return Ok(None) };
    let ty = CircuitType::new(ty.shape, quant.min, quant.max);
    let op = emit.op(ops::input(emit.location, name, Visibility::Public, &ty))?;
    describe(op, &quant)?;
    Ok(Some(op.result(0).map_err(Error::from)?.into()))
}

/// The input of indices: rows of the smallest table that they choose from.
fn indices<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    argument: Value<'c, 'a>,
    shape: Vec<usize>,
    name: &str,
) -> Result<Option<Value<'c, 'a>>> {
    let Some(rows) = rows(argument)? else { return Ok(None) };
    let ty = CircuitType::new(shape, 0, rows as i64 - 1);
    let op = emit.op(ops::input(emit.location, name, Visibility::Public, &ty))?;
    Ok(Some(op.result(0).map_err(Error::from)?.into()))
}

/// Rows of the smallest table that indices choose from; `None` where nothing uses them.
fn rows(value: Value) -> Result<Option<usize>> {
    let mut least = None;
    for (user, _) in rewrite::users(value) {
        let found = match QnnOp::decode(user)? {
            Some(QnnOp::Embedding { table, .. }) => types::of(table)?.shape.first().copied(),
            Some(QnnOp::Reshape { .. }) => rows(tessera_mlir::func::first_result(user)?)?,
            _ => None,
        };
        least = least.into_iter().chain(found).min();
    }
    Ok(least)
}

/// How an argument of real numbers is quantized; `None` where nothing uses it.
fn quantization(argument: Value, name: &str) -> Result<Option<Quant>> {
    let mut found: Option<Quant> = None;
    // Uses are listed latest first.
    for (user, _) in rewrite::users(argument).into_iter().rev() {
        let Some(QnnOp::Quantize { to, .. }) = QnnOp::decode(user)? else {
            return Err(Error::at(
                user.location(),
                format!("input {name:?} is used as real numbers: quantize it first"),
            ));
        };
        match &found {
            Some(other) if *other != to => {
                return Err(Error::at(
                    user.location(),
                    format!("input {name:?} is quantized in two ways: use one scale"),
                ));
            }
            _ => found = Some(to),
        }
    }
    Ok(found)
}

/// Writes the output for a returned value: `lowered` is the circuit's value of what is returned or dequantized.
pub(crate) fn output<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    lowered: Value<'c, 'a>,
    quant: Option<&Quant>,
    name: &str,
) -> Result<()> {
    let op = emit.op(ops::output(emit.location, lowered, name, Visibility::Public))?;
    match quant {
        Some(quant) => describe(op, quant),
        None => Ok(()),
    }
}

fn describe(op: OperationRef, quant: &Quant) -> Result<()> {
    let Some(scale) = quant.scale() else {
        return Err(Error::new("expected one scale for the tensor, found one per channel"));
    };
    ports::describe(op, scale, (quant.min, quant.max));
    Ok(())
}
