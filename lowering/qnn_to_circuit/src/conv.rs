//! `qnn.conv` → views, contract, crop, bias.
//!
//! Equations: [`Polyphase`] in the transform domain, [`Direct`] tap by tap; [`Method`] says which. The bias of output channel o
//! is added to every element of the channel.

use crate::direct::Direct;
use crate::emit::Emit;
use crate::lower::Parameter;
use crate::polyphase::Polyphase;
use melior::ir::Value;
use tessera_circuit::semantics::View;
use tessera_mlir::shape::ConvAttrs;
use tessera_mlir::{Error, Result};

/// How convolutions are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Whichever commits fewer cells, layer by layer.
    #[default]
    Auto,
    /// As products of polynomials: full convolutions, borders included.
    Transform,
    /// As matrix products of unfolded windows.
    Direct,
}

impl Method {
    /// The values of the pass option `convolution`, in the order of the variants.
    pub const NAMES: &'static [&'static str] = &["auto", "transform", "direct"];

    /// The method of that name.
    pub fn named(name: &str) -> Option<Method> {
        let at = Method::NAMES.iter().position(|n| *n == name)?;
        [Method::Auto, Method::Transform, Method::Direct].get(at).copied()
    }

    /// Whether a convolution is checked tap by tap: always where it is asked for, by cells committed where it is not.
    fn is_direct(self, transform: &Polyphase, direct: &Result<Direct, String>) -> bool {
        match (self, direct) {
            (Method::Transform, _) | (Method::Auto, Err(_)) => false,
            (Method::Direct, _) => true,
            (Method::Auto, Ok(direct)) => {
                let operand = transform.operand_len();
                let full: usize = transform.spec.result_shape().iter().product();
                // a border is a cell that nothing reads, half a cell where two channels share one
                let borders = (full - full.min(transform.crop.len())) / 2;
                direct.cells() < operand + borders
            }
        }
    }
}

/// Lowers x[N, C, H, W] ⋆ w[O, C/groups, KH, KW] + bias[O] to accumulators.
pub(crate) fn conv<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    w: &Parameter,
    bias: Option<Value<'c, 'a>>,
    attrs: &ConvAttrs,
    method: Method,
) -> Result<Value<'c, 'a>> {
    let (x_shape, w_shape) = (four(&emit.shape(x)?)?, four(&w.shape)?);
    let plan = Polyphase::new(x_shape, w_shape, attrs).map_err(Error::new)?;
    let direct = Direct::new(x_shape, w_shape, attrs);
    if method.is_direct(&plan, &direct) {
        let plan = direct.map_err(Error::new)?;
        let mut operand = x;
        for view in &plan.x_views {
            operand = emit.view(operand, view)?;
        }
        let weights = emit.weight(&w.name, &plan.w_shape, &w.data)?;
        let mut y = emit.contract(operand, weights, &plan.spec)?;
        if let Some(view) = &plan.reshape {
            y = emit.view(y, view)?;
        }
        return add_bias(emit, y, bias, 1);
    }
    let mut operand = x;
    for view in &plan.x_views {
        operand = emit.view(operand, view)?;
    }
    let weights = emit.weight(&w.name, &plan.w_shape, &plan.weights(&w.data))?;
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
