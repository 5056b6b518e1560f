//! `qnn.conv` → views, contract, view, bias, as the cheapest [`ConvPlan`] says. The bias of output channel o is added to every
//! element of the channel.

use crate::convolution::{ConvPlan, Convolution, Ways};
use crate::emit::Emit;
use crate::lower::Parameter;
use melior::ir::Value;
use tessera_circuit::semantics::View;
use tessera_mlir::shape::ConvAttrs;
use tessera_mlir::{Error, Result};

/// Lowers x[N, C, H, W] ⋆ w[O, C/groups, KH, KW] + bias[O] to accumulators, in the cheapest way.
pub(crate) fn conv<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    w: &Parameter,
    bias: Option<Value<'c, 'a>>,
    attrs: &ConvAttrs,
    ways: &Ways,
) -> Result<Value<'c, 'a>> {
    let conv = Convolution { x: four(&emit.shape(x)?)?, w: four(&w.shape)?, attrs: attrs.clone() };
    let (_, plan) = ways.cheapest(&conv).map_err(Error::new)?;
    let (stored, data) = plan.weights(&conv, &w.data);
    let weights = emit.weight(&w.name, &stored, &data)?;
    let y = write(emit, x, weights, &plan)?;
    add_bias(emit, y, bias, 1)
}

/// Writes a plan with the weights it stores.
pub(crate) fn write<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    weights: Value<'c, 'a>,
    plan: &ConvPlan,
) -> Result<Value<'c, 'a>> {
    let operand = plan.x_views.iter().try_fold(x, |x, view| emit.view(x, view))?;
    let weights = plan.w_views.iter().try_fold(weights, |w, view| emit.view(w, view))?;
    let result = emit.contract(operand, weights, &plan.spec)?;
    emit.view(result, &plan.y_view)
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
