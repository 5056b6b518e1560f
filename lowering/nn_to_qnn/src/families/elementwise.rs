//! Sums, differences and products of two tensors, with broadcasting.
//!
//! A sum carries its precision in the two multipliers of `qnn.add`, which bring both operands to the result's scale
//! times `2^shift`; the requantization that follows has multiplier 1.

use super::{Accumulate, Converted, Family, matmul::product};
use crate::emit::{Emitter, Sums, to_multiplier};
use crate::model::{Model, Role};
use crate::scales::Scales;
use melior::ir::operation::OperationLike;
use tessera_mlir::{Error, Result};
use tessera_nn::{NnOp, ops::Binary};
use tessera_qnn::ops;

pub(super) struct Elementwise;

impl Family for Elementwise {
    fn role(&self) -> Role {
        Role::Sums
    }

    fn sums(&self) -> Option<&dyn Accumulate> {
        Some(self)
    }

    fn bound(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        let (a, b) = (model.ops[op].operands[0], model.ops[op].operands[1]);
        match kind(model, op) {
            Ok(Binary::Mul) => reach(scales, a) * reach(scales, b),
            _ => reach(scales, a) + reach(scales, b),
        }
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let info = &e.model.ops[op];
        let kind = kind(e.model, op)?;
        let (a, b) = (info.operands[0], info.operands[1]);
        let (ia, ib) = (e.scales.interval(a), e.scales.interval(b));
        let (sa, sb) = (e.scales.scale(a), e.scales.scale(b));
        let (out, shift) = (e.scales.target(e.model, op), e.scales.shift(op));
        let (x, y) = (e.get(a)?, e.get(b)?);
        let location = info.op.location();
        if kind == Binary::Mul {
            return Ok(Converted::Sums(Sums {
                value: e.insert(ops::mul(location, x, y))?,
                multiplier: vec![to_multiplier(sa * sb / out, shift)],
                axis: 0,
                unit: vec![sa * sb],
                interval: vec![product(ia, ib)],
            }));
        }
        let lhs = to_multiplier(sa / out, shift);
        let rhs = to_multiplier(sb / out, shift) * if kind == Binary::Sub { -1 } else { 1 };
        let ((al, ah), (bl, bh)) = (product(ia, (lhs, lhs)), product(ib, (rhs, rhs)));
        Ok(Converted::Sums(Sums {
            value: e.insert(ops::add(location, x, y, lhs, rhs))?,
            multiplier: vec![1],
            axis: 0,
            unit: vec![out / 2f64.powi(shift as i32)],
            interval: vec![(al + bl, ah + bh)],
        }))
    }
}

impl Accumulate for Elementwise {
    fn multiplier(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        let (a, b) = (model.ops[op].operands[0], model.ops[op].operands[1]);
        match kind(model, op) {
            Ok(Binary::Mul) => scales.scale(a) * scales.scale(b),
            // Both multipliers of an add take the place of the requantization's.
            _ => scales.scale(a).min(scales.scale(b)),
        }
    }
}

fn kind(model: &Model, op: usize) -> Result<Binary> {
    match model.ops[op].decoded {
        NnOp::Binary { kind, .. } => Ok(kind),
        _ => Err(Error::new("expected an elementwise op")),
    }
}

fn reach(scales: &Scales, value: usize) -> f64 {
    let (lo, hi) = scales.reals(value);
    lo.abs().max(hi.abs())
}
