//! Products of two activations.

use super::softmax::TOTAL;
use super::{Accumulate, Converted, Family, good_multiplier};
use crate::emit::{Emitter, Sums, to_multiplier};
use crate::model::{Model, Role, Source};
use crate::scales::Scales;
use melior::ir::operation::OperationLike;
use tessera_mlir::Result;
use tessera_nn::NnOp;
use tessera_qnn::ops;

pub(super) struct MatMul;

impl Family for MatMul {
    fn role(&self) -> Role {
        Role::Sums
    }

    fn sums(&self) -> Option<&dyn Accumulate> {
        Some(self)
    }

    fn bound(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        let (a, b) = (model.ops[op].operands[0], model.ops[op].operands[1]);
        let (lo, hi) = sums(model, scales, op);
        lo.abs().max(hi.abs()) as f64 * scales.scale(a) * scales.scale(b)
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let info = &e.model.ops[op];
        let (a, b) = (info.operands[0], info.operands[1]);
        let unit = unit(e.model, e.scales, op);
        let interval = sums(e.model, e.scales, op);
        let (a, b) = (e.get(a)?, e.get(b)?);
        let value = e.insert(ops::matmul(info.op.location(), a, b))?;
        let factor = unit / e.scales.target(e.model, op);
        let multiplier = to_multiplier(factor, e.scales.shift(e.model, op));
        Ok(Converted::Sums(Sums::of_one(value, multiplier, unit, interval)))
    }
}

impl Accumulate for MatMul {
    fn multiplier(&self, model: &Model, scales: &Scales, op: usize, wide: bool) -> f64 {
        unit(model, scales, op) / good_multiplier(wide)
    }
}

fn unit(model: &Model, scales: &Scales, op: usize) -> f64 {
    scales.scale(model.ops[op].operands[0]) * scales.scale(model.ops[op].operands[1])
}

/// Whether rows of a value are shares of a softmax.
fn shares(model: &Model, value: usize) -> bool {
    let Source::Op(op) = model.values[value].source else { return false };
    let rows = |v: usize| model.values[v].shape.last();
    match model.ops[op].decoded {
        NnOp::Softmax { .. } => true,
        NnOp::Reshape { .. } => {
            let x = model.ops[op].operands[0];
            rows(x) == rows(value) && shares(model, x)
        }
        _ => false,
    }
}

/// Least and greatest sum of products of stored integers.
fn sums(model: &Model, scales: &Scales, op: usize) -> (i128, i128) {
    let (a, b) = (model.ops[op].operands[0], model.ops[op].operands[1]);
    let depth = model.values[a].shape.last().copied().unwrap_or(0) as i128;
    if shares(model, a) {
        // the shares of a row are positive and have a total
        let (lo, hi) = scales.interval(b);
        return (i128::from(TOTAL * lo.min(0)), i128::from(TOTAL * hi.max(0)));
    }
    let (lo, hi) = product(scales.interval(a), scales.interval(b));
    (lo * depth, hi * depth)
}

/// Least and greatest product of two values.
pub(super) fn product(a: (i64, i64), b: (i64, i64)) -> (i128, i128) {
    let all = [a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1];
    (all.iter().copied().min().unwrap_or(0).into(), all.iter().copied().max().unwrap_or(0).into())
}
