//! `qnn.conv` → views, contract, crop, bias.
//!
//! Equation: [`Polyphase`]. The bias of output channel o is added to every element of the channel.

use crate::emit::Emit;
use crate::lower::Parameter;
use crate::polyphase::Polyphase;
use melior::ir::Value;
use tessera_circuit::semantics::View;
use tessera_mlir::shape::ConvAttrs;
use tessera_mlir::{Error, Result};

/// Lowers x[N, C, H, W] ⋆ w[O, C/groups, KH, KW] + bias[O] to accumulators.
pub(crate) fn conv<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    w: &Parameter,
    bias: Option<Value<'c, 'a>>,
    attrs: &ConvAttrs,
) -> Result<Value<'c, 'a>> {
    let plan = Polyphase::new(four(&emit.shape(x)?)?, four(&w.shape)?, attrs).map_err(Error::new)?;
    let mut operand = x;
    for view in &plan.x_views {
        operand = emit.view(operand, view)?;
    }
    let weights = emit.weight(&w.name, &plan.w_shape, &plan.weights(&w.values, 0))?;
    let full = emit.contract(operand, weights, &plan.spec)?;
    let y = emit.view(full, &plan.crop)?;
    add_bias(emit, y, bias, 1)
}

/// Adds bias[O] along an axis.
pub(crate) fn add_bias<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    y: Value<'c, 'a>,
    bias: Option<Value<'c, 'a>>,
    axis: usize,
) -> Result<Value<'c, 'a>> {
    let Some(bias) = bias else { return Ok(y) };
    let along = View::along(&emit.shape(y)?, axis);
    let bias = emit.view(bias, &along)?;
    emit.affine(&[(1, y), (1, bias)], 0)
}

/// Four extents.
pub(crate) fn four(shape: &[usize]) -> Result<[usize; 4]> {
    shape.try_into().map_err(|_| Error::new(format!("expected 4 axes, found {}", shape.len())))
}
