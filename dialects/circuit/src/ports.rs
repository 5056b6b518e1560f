//! A circuit's inputs and outputs as a tool needs them: names, shapes, scales and storage ranges.
//!
//! Invariant: the scale and storage range of a quantized port are the discardable attributes `circuit.scale` and
//! `circuit.storage`, spelled here alone. A port of plain integers has neither.

use crate::ops::{CircuitOp, CircuitType, Visibility};
use melior::ir::{
    OperationRef, Type, Value,
    attribute::FloatAttribute,
    operation::{OperationLike, OperationResult},
};
use tessera_mlir::{Error, Result, attrs, context_of, func::Func};

const SCALE: &str = "circuit.scale";
const STORAGE: &str = "circuit.storage";

/// How integers of a port stand for real numbers: q stands for q·scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// Real step of one.
    pub scale: f64,
    /// Least integer.
    pub min: i64,
    /// Greatest integer.
    pub max: i64,
}

/// An input or output.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// What the model calls it.
    pub name: String,
    /// Whether the verifier knows it.
    pub visibility: Visibility,
    /// Extents and interval.
    pub ty: CircuitType,
    /// `None` for plain integers.
    pub scaling: Option<Scaling>,
}

/// Notes the scale and storage range of a `circuit.input` or `circuit.output`.
pub fn describe(op: OperationRef, scale: f64, (min, max): (i64, i64)) {
    let context = context_of(op.location());
    attrs::set(op, SCALE, FloatAttribute::new(context, Type::float64(context), scale).into());
    attrs::set(op, STORAGE, attrs::i64s(context, &[min, max]));
}

/// The inputs and the outputs of `@main`, each in order.
///
/// # Errors
/// When an op or an attribute does not decode.
pub fn ports(module: OperationRef) -> Result<(Vec<Port>, Vec<Port>)> {
    let (mut inputs, mut outputs) = (vec![], vec![]);
    for op in Func::main(module)?.ops() {
        let (list, name, visibility, value): (_, _, _, Value) = match CircuitOp::decode(op)? {
            Some(CircuitOp::Input { name, visibility, .. }) => {
                (&mut inputs, name, visibility, OperationResult::into(op.result(0)?))
            }
            Some(CircuitOp::Output { x, name, visibility }) => (&mut outputs, name, visibility, x),
            _ => continue,
        };
        list.push(Port { name, visibility, ty: CircuitType::of(value)?, scaling: scaling(op)? });
    }
    Ok((inputs, outputs))
}

fn scaling(op: OperationRef) -> Result<Option<Scaling>> {
    let Ok(scale) = op.attribute(SCALE) else { return Ok(None) };
    let wrong = |what: &str| Error::at(op.location(), what);
    let scale = FloatAttribute::try_from(scale)
        .map(|scale| scale.value())
        .ok()
        .filter(|scale| scale.is_finite() && *scale > 0.0)
        .ok_or_else(|| wrong("attribute 'circuit.scale': expected a positive finite number"))?;
    match attrs::read_i64s(op, STORAGE)?[..] {
        [min, max] if min <= max => Ok(Some(Scaling { scale, min, max })),
        _ => Err(wrong("attribute 'circuit.storage': expected array<i64: least, greatest>")),
    }
}
