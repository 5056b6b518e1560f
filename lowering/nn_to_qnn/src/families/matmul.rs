//! Products of two activations.

use super::{Accumulate, Converted, Family};
use crate::emit::{Emitter, Sums, to_multiplier};
use crate::model::{Model, Role};
use crate::scales::Scales;
use melior::ir::operation::OperationLike;
use tessera_mlir::Result;
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
        let (lo, hi) = product(scales.interval(a), scales.interval(b));
        lo.abs().max(hi.abs()) as f64 * depth(model, op) as f64 * self.multiplier(model, scales, op)
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let info = &e.model.ops[op];
        let (a, b) = (info.operands[0], info.operands[1]);
        let unit = self.multiplier(e.model, e.scales, op);
        let (lo, hi) = product(e.scales.interval(a), e.scales.interval(b));
        let depth = depth(e.model, op) as i128;
        let (a, b) = (e.get(a)?, e.get(b)?);
        let value = e.insert(ops::matmul(info.op.location(), a, b))?;
        let factor = unit / e.scales.scale(e.model.outcome(op));
        Ok(Converted::Sums(Sums {
            value,
            multiplier: vec![to_multiplier(factor, e.scales.shift(op))],
            axis: 0,
            unit: vec![unit],
            interval: vec![(lo * depth, hi * depth)],
        }))
    }
}

impl Accumulate for MatMul {
    fn multiplier(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        scales.scale(model.ops[op].operands[0]) * scales.scale(model.ops[op].operands[1])
    }
}

fn depth(model: &Model, op: usize) -> usize {
    model.values[model.ops[op].operands[0]].shape.last().copied().unwrap_or(0)
}

/// Least and greatest product of two values.
pub(super) fn product(a: (i64, i64), b: (i64, i64)) -> (i128, i128) {
    let all = [a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1];
    (all.iter().copied().min().unwrap_or(0).into(), all.iter().copied().max().unwrap_or(0).into())
}
