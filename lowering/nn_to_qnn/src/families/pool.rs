//! Average pooling: the sum of a window, with the division in the requantization.

use super::{Accumulate, Converted, Family, good_multiplier};
use crate::emit::{Emitter, Sums, to_multiplier};
use crate::model::{Model, Role};
use crate::scales::{ROOMY_SHIFT, Scales};
use melior::ir::operation::OperationLike;
use tessera_mlir::shape::PoolAttrs;
use tessera_mlir::{Error, Result};
use tessera_nn::NnOp;
use tessera_qnn::ops;

pub(super) struct AveragePool;

impl Family for AveragePool {
    fn role(&self) -> Role {
        Role::Sums
    }

    fn sums(&self) -> Option<&dyn Accumulate> {
        Some(self)
    }

    fn check(&self, model: &Model, op: usize) -> Result<()> {
        match &model.ops[op].decoded {
            NnOp::AvgPool { attrs, count_include_pad: false, .. } if attrs.pads != [0; 4] => Err(Error::new(
                "average pooling that leaves padding out of the count is not supported with padding: windows at the border \
                 would need another divisor; export with count_include_pad=True",
            )),
            _ => Ok(()),
        }
    }

    fn bound(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        let x = model.ops[op].operands[0];
        let ((lo, hi), (least, most)) = (scales.reals(x), scales.interval(x));
        // of a large window the multiplier is a small number, and rounding it by half counts
        let cells = window(model, op).map_or(1.0, |(_, cells)| cells);
        let sum = cells * most.max(-least) as f64;
        let rounded = sum * 0.5 * scales.target(model, op) / f64::from(1 << ROOMY_SHIFT);
        lo.abs().max(hi.abs()) + rounded
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let model = e.model;
        let info = &model.ops[op];
        let (attrs, cells) = window(model, op)?;
        let unit = unit(model, e.scales, op);
        let (lo, hi) = e.scales.interval(info.operands[0]);
        let x = e.get(info.operands[0])?;
        let value = e.insert(ops::sum_pool(info.op.location(), x, attrs))?;
        let factor = unit / e.scales.target(model, op);
        let interval = (i128::from(lo.min(0)) * cells as i128, i128::from(hi.max(0)) * cells as i128);
        let multiplier = to_multiplier(factor, e.scales.shift(model, op));
        Ok(Converted::Sums(Sums::of_one(value, multiplier, unit, interval)))
    }
}

impl Accumulate for AveragePool {
    fn multiplier(&self, model: &Model, scales: &Scales, op: usize, wide: bool) -> f64 {
        unit(model, scales, op) / good_multiplier(wide)
    }
}

fn unit(model: &Model, scales: &Scales, op: usize) -> f64 {
    let cells = window(model, op).map_or(1.0, |(_, cells)| cells);
    scales.scale(model.ops[op].operands[0]) / cells
}

fn window<'m>(model: &'m Model, op: usize) -> Result<(&'m PoolAttrs, f64)> {
    match &model.ops[op].decoded {
        NnOp::AvgPool { attrs, .. } => Ok((attrs, (attrs.kernel[0] * attrs.kernel[1]) as f64)),
        _ => Err(Error::new("expected an average pooling")),
    }
}
