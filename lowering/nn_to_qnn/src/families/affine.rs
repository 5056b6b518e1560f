//! Functions that are a·x + c, as a negation is: no table, but a multiplier and a bias of the sums that they become. What brings a value to
//! a grid is one of them, up to the rounding.

use super::{Accumulate, Converted, Family, good_multiplier};
use crate::emit::{Emitter, Sums, to_multiplier};
use crate::grid::Grid;
use crate::model::{Model, Role};
use crate::scales::Scales;
use tessera_mlir::functions::Map;
use tessera_mlir::{Error, Result};
use tessera_nn::NnOp;

pub(super) struct Affine;

/// a and c of a function that is a·x + c everywhere, but for a grid that it is rounded to.
pub(super) fn factors(f: &Map) -> Option<(f64, f64)> {
    if Grid::of(f).is_some() {
        return Some((1.0, 0.0));
    }
    match f.pieces()?[..] {
        [all] if all.slope != 0.0 && f.clamp().is_none() => Some((all.slope, all.intercept)),
        _ => None,
    }
}

fn function(model: &Model, op: usize) -> Result<(f64, f64)> {
    match &model.ops[op].decoded {
        NnOp::Map { f, .. } => factors(f),
        _ => None,
    }
    .ok_or_else(|| Error::new("expected a function a·x + c"))
}

/// The real number that a stored unit of the operand stands for in the result.
fn unit(model: &Model, scales: &Scales, op: usize) -> f64 {
    function(model, op).map_or(0.0, |(slope, _)| slope * scales.scale(model.ops[op].operands[0]))
}

impl Family for Affine {
    fn role(&self) -> Role {
        Role::Sums
    }

    fn sums(&self) -> Option<&dyn Accumulate> {
        Some(self)
    }

    fn bound(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        let Ok((slope, intercept)) = function(model, op) else { return 0.0 };
        let (lo, hi) = scales.reals(model.ops[op].operands[0]);
        slope.abs() * lo.abs().max(hi.abs()) + intercept.abs()
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let (x, (_, intercept)) = (e.model.ops[op].operands[0], function(e.model, op)?);
        if e.model.ops[op].role == Role::Moves {
            return e.get(x).map(Converted::Value);
        }
        let unit = unit(e.model, e.scales, op);
        let (lo, hi) = e.scales.interval(x);
        let multiplier = to_multiplier(unit / e.scales.target(e.model, op), e.scales.shift(e.model, op));
        let sums = Sums::of_one(e.get(x)?, multiplier, unit, (lo.into(), hi.into()));
        let bias = if intercept == 0.0 { vec![] } else { vec![intercept] };
        Ok(Converted::Sums(Sums { bias, ..sums }))
    }
}

impl Accumulate for Affine {
    fn multiplier(&self, model: &Model, scales: &Scales, op: usize, wide: bool) -> f64 {
        unit(model, scales, op).abs() / good_multiplier(wide)
    }
}
