//! `qnn.max_pool` and `qnn.sum_pool`.
//!
//! The lane t of a pooling is a strided view that reads position t of every window ([`windows`]). The maximum is a balanced
//! tree over the lanes of max(a, b) = b + relu(a - b); the sum is one affine form of them, or a contract with ones:
//!
//! - few lanes of disjoint windows: y = Σ_t lane_t. Elementwise work can follow the lanes (`circuit-hoist-views`).
//! - many lanes of disjoint windows: y[n,c,u,v] = Σ_kl x[n,c,u,v,k,l]·1 over the unfolded windows.
//! - overlapping or padded windows: the full convolution with a kernel of ones, each channel by itself.

use crate::conv::{four, write};
use crate::convolution::{Convolution, transform};
use crate::emit::Emit;
use crate::windows;
use melior::ir::Value;
use tessera_circuit::semantics::{ContractSpec, ResultIndex, View};
use tessera_mlir::params::ParamData;
use tessera_mlir::shape::{self, ConvAttrs, PoolAttrs};
use tessera_mlir::{Error, Result};

/// Up to this many lanes, a sum over disjoint windows is an affine form and a maximum is taken in one go.
const FEW_LANES: usize = 16;
/// The largest extent of a window.
const MOST_LANES: usize = 4096;

/// Lowers the maximum over windows of x[N, C, H, W]. Padding is never the maximum.
pub(crate) fn max_pool<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    attrs: &PoolAttrs,
) -> Result<Value<'c, 'a>> {
    // A padded lane reads zero, which must not win: shift the values to start at zero, and back at the end.
    let low = emit.hull(x)?.lo.min(0);
    let shift = if windows::padded(attrs) { i64::try_from(low).unwrap_or(0) } else { 0 };
    let x = emit.affine(&[(1, x)], -shift)?;
    let y = maxima(emit, x, attrs)?;
    emit.affine(&[(1, y)], shift)
}

/// The maximum over windows, in which padding counts as zero.
fn maxima<'c, 'a>(emit: &mut Emit<'c, 'a>, x: Value<'c, 'a>, attrs: &PoolAttrs) -> Result<Value<'c, 'a>> {
    let shape = four(&emit.shape(x)?)?;
    let y = four(&shape::pool(&shape, attrs)?)?;
    // Where windows overlap, rows and columns one after the other need fewer maxima, and where they are large, fewer lanes:
    // max over KH x KW = max over KH x 1 of max over 1 x KW.
    let [kh, kw] = attrs.kernel;
    let few = kh.checked_mul(kw).is_some_and(|lanes| lanes <= FEW_LANES);
    if kh > 1 && kw > 1 && !(few && windows::disjoint(attrs, y)) {
        let [top, left, bottom, right] = attrs.pads;
        let columns =
            PoolAttrs { kernel: [1, kw], strides: [1, attrs.strides[1]], pads: [0, left, 0, right] };
        let rows = PoolAttrs { kernel: [kh, 1], strides: [attrs.strides[0], 1], pads: [top, 0, bottom, 0] };
        let narrowed = maxima(emit, x, &columns)?;
        return maxima(emit, narrowed, &rows);
    }
    let mut lanes =
        windows::lanes(shape, attrs, y).iter().map(|lane| emit.view(x, lane)).collect::<Result<Vec<_>>>()?;
    while lanes.len() > 1 {
        lanes = lanes
            .chunks(2)
            .map(|pair| match *pair {
                [a, b] => emit.max(a, b),
                _ => Ok(pair[0]),
            })
            .collect::<Result<_>>()?;
    }
    Ok(lanes[0])
}

/// Lowers the sum over windows of x[N, C, H, W] to accumulators.
pub(crate) fn sum_pool<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    attrs: &PoolAttrs,
) -> Result<Value<'c, 'a>> {
    let shape = four(&emit.shape(x)?)?;
    let y = four(&shape::pool(&shape, attrs)?)?;
    let [kh, kw] = attrs.kernel;
    if kh.max(kw) > MOST_LANES {
        return Err(Error::new(format!(
            "a window of {kh}x{kw} is too large: expected at most {MOST_LANES} either way"
        )));
    }
    if !windows::disjoint(attrs, y) || windows::padded(attrs) {
        return by_convolution(emit, x, shape, attrs);
    }
    if kh * kw <= FEW_LANES {
        let lanes = windows::lanes(shape, attrs, y)
            .iter()
            .map(|lane| Ok((1, emit.view(x, lane)?)))
            .collect::<Result<Vec<_>>>()?;
        return emit.affine(&lanes, 0);
    }
    let unfolded = emit.view(x, &windows::unfolded(shape, attrs, y))?;
    let ones = emit.ones(&[kh, kw], &ones(kh * kw))?;
    let spec = ContractSpec::new(
        6,
        vec![0, 1, 2, 3, 4, 5],
        vec![4, 5],
        (0..4).map(ResultIndex::One).collect(),
        &emit.shape(unfolded)?,
        &[kh, kw],
    )
    .map_err(Error::new)?;
    emit.contract(unfolded, ones, &spec)
}

/// Every channel by itself is an image of its own: N·C images of one channel.
fn by_convolution<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    [n, c, h, w]: [usize; 4],
    attrs: &PoolAttrs,
) -> Result<Value<'c, 'a>> {
    let [kh, kw] = attrs.kernel;
    let attrs = ConvAttrs { strides: attrs.strides, pads: attrs.pads, dilations: [1, 1], groups: 1 };
    let conv = Convolution { x: [n * c, 1, h, w], w: [1, 1, kh, kw], attrs };
    let plan = transform::plan(&conv).map_err(Error::new)?;
    let images = emit.view(x, &View::reshape(conv.x.to_vec()))?;
    let (stored, data) = plan.weights(&conv, &ones(kh * kw));
    let ones = emit.ones(&stored, &data)?;
    let y = write(emit, images, ones, &plan)?;
    let [_, _, u, v] = four(&plan.y_view.shape)?;
    emit.view(y, &View::reshape(vec![n, c, u, v]))
}

fn ones(n: usize) -> ParamData {
    ParamData::I8(vec![1; n].into())
}
