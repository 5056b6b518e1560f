//! Verifiers of the qnn dialect, called from C++ after parsing and after every pass.
//!
//! What holds for a verified op:
//! - it decodes into a [`QnnOp`], and its result has the type that [`QnnOp::infer`] gives;
//! - activations have one scale; only weights of conv and linear have one per output channel (axis 0);
//! - scales are positive and finite, one for each index of their axis;
//! - a requantize has for each operand one multiplier, or one per channel, below 2³¹ in magnitude and not all 0; no bias, one, or one
//!   per channel, below 2⁶² in magnitude; and clamps into the storage range of its result;
//! - a norm adds at least 2^14 to its sums of squares; totals and multipliers are at least 1 and below 2³¹.

use crate::ops::{MANTISSAS, NormAttrs, QnnOp, RequantizeAttrs, result_type};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use mlir_sys::{MlirLogicalResult, MlirOperation};
use tessera_mlir::{
    Error, Result, hooks, loc, rewrite, shape,
    types::{self, Elem, Quant, TensorType},
};

#[unsafe(no_mangle)]
unsafe extern "C" fn tessera_qnn_verify(op: MlirOperation) -> MlirLogicalResult {
    // SAFETY: the generated verifier calls this with an op that is alive.
    unsafe { hooks::verify(op, verify) }
}

fn verify(op: OperationRef) -> Result<()> {
    let Some(decoded) = QnnOp::decode(op)? else {
        return Err(Error::new("is not an op of the qnn dialect"));
    };
    for (index, value) in decoded.operands().into_iter().enumerate() {
        let weight = index == 1 && matches!(decoded, QnnOp::Conv { .. } | QnnOp::Linear { .. });
        let what = format!("operand {index}");
        types::read(value.r#type())
            .map_err(|error| error.context(&what))
            .and_then(|ty| check_elements(&ty, weight, &what))
            .map_err(|error| defined_at(error, value))?;
    }
    let declared = result_type(op)?;
    check_elements(&declared, false, "result")?;
    let inferred = decoded.infer(|value| types::of(*value))?;
    if inferred.shape != declared.shape {
        return Err(Error::new(format!(
            "result: expected the shape {} that follows from operands and attributes, found {}",
            shape::show(&inferred.shape),
            shape::show(&declared.shape)
        )));
    }
    if inferred.elem != declared.elem {
        return Err(Error::new(format!(
            "result: expected elements {}, found {}; requantize to change a scale",
            show(&inferred.elem),
            show(&declared.elem)
        )));
    }
    match &decoded {
        QnnOp::Requantize { xs, attrs, to } => check_requantize(xs.len(), attrs, to, &declared.shape),
        QnnOp::Norm { attrs, .. } if attrs.epsilon < MANTISSAS.start => Err(Error::new(format!(
            "epsilon: expected at least {}, so that every sum of squares has a mantissa, found {}",
            MANTISSAS.start, attrs.epsilon
        ))),
        QnnOp::Norm { attrs: NormAttrs { mean: Some((multiplier, _)), .. }, .. }
            if !(1..1 << 31).contains(multiplier) =>
        {
            Err(Error::new(format!("mean: expected a multiplier in 1..2^31, found {multiplier}")))
        }
        QnnOp::Softmax { total, .. } if !(1..1 << 31).contains(total) => {
            Err(Error::new(format!("total: expected a number in 1..2^31, found {total}")))
        }
        _ => Ok(()),
    }
}

fn check_elements(ty: &TensorType, weight: bool, what: &str) -> Result<()> {
    let Elem::Quant(quant) = &ty.elem else { return Ok(()) };
    if !quant.scales.iter().all(|scale| scale.is_finite() && *scale > 0.0) {
        return Err(Error::new(format!(
            "{what}: expected scales that are positive and finite, found {:?}",
            quant.scales
        )));
    }
    match quant.axis {
        None => Ok(()),
        Some(0) if weight && ty.shape.first() == Some(&quant.scales.len()) => Ok(()),
        Some(axis) if weight => Err(Error::new(format!(
            "{what}: expected a scale for each of {} output channels (axis 0), found {} on axis {axis}",
            ty.shape.first().unwrap_or(&0),
            quant.scales.len()
        ))),
        Some(axis) => Err(Error::new(format!(
            "{what}: expected one scale for the tensor, found scales on axis {axis}; only weights have them"
        ))),
    }
}

fn check_requantize(operands: usize, attrs: &RequantizeAttrs, to: &Quant, shape: &[usize]) -> Result<()> {
    let mut errors = vec![];
    if attrs.multipliers.len() != operands {
        errors.push(Error::new(format!(
            "multipliers: expected a list for each of {operands} operands, found {}",
            attrs.multipliers.len()
        )));
    }
    let mut list = |what: &str, list: &[i64], limit: i64| {
        match shape.get(attrs.axis) {
            _ if list.len() == 1 => {}
            Some(&channels) if channels == list.len() => {}
            Some(channels) => errors.push(Error::new(format!(
                "{what}: expected 1 value, or {channels} for axis {} of {}, found {}",
                attrs.axis,
                shape::show(shape),
                list.len()
            ))),
            None => errors.push(Error::new(format!(
                "axis: expected less than {} for several values, found {}",
                shape.len(),
                attrs.axis
            ))),
        }
        if let Some(value) = list.iter().find(|value| value.unsigned_abs() >= limit.unsigned_abs()) {
            let bits = limit.ilog2();
            errors.push(Error::new(format!("{what}: expected magnitudes below 2^{bits}, found {value}")));
        }
    };
    for (index, multipliers) in attrs.multipliers.iter().enumerate() {
        list(&format!("multipliers of operand {index}"), multipliers, 1 << 31);
    }
    if !attrs.bias.is_empty() {
        list("bias", &attrs.bias, 1 << 62);
    }
    if let Some(index) = attrs.multipliers.iter().position(|list| list.iter().all(|&m| m == 0)) {
        errors.push(Error::new(format!(
            "multipliers of operand {index}: expected one that is not 0; leave the operand out"
        )));
    }
    if attrs.min > attrs.max || attrs.min < to.min || attrs.max > to.max {
        errors.push(Error::new(format!(
            "clamp: expected a range within the result's {}..={}, found {}..={}",
            to.min, to.max, attrs.min, attrs.max
        )));
    }
    Error::all(errors)
}

fn show(elem: &Elem) -> String {
    match elem {
        Elem::F32 => "f32".into(),
        Elem::Int(bits) => format!("i{bits}"),
        Elem::Quant(Quant { bits, min, max, scales, axis: None }) => {
            format!("i{bits} in {min}..={max} at scale {}", scales[0])
        }
        Elem::Quant(Quant { bits, min, max, scales, axis: Some(axis) }) => {
            format!("i{bits} in {min}..={max} at {} scales on axis {axis}", scales.len())
        }
    }
}

fn defined_at(error: Error, value: Value) -> Error {
    match rewrite::defining_op(value) {
        Some(op) => {
            let node = loc::node_name(op.location()).map_or(String::new(), |name| format!(" ({name:?})"));
            error.note_at(op.location(), format!("the operand is defined here{node}"))
        }
        None => error,
    }
}
