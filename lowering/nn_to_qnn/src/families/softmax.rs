//! Softmax: scores at a fixed step to shares of a fixed total, by one table that all softmaxes of a model share.
//!
//! The table is `T(k) = round(T₀·exp(−u·k))` for scores in steps of `u`, and the sum of a row is at most
//! `total = round(T₀·exp(u/2))`: the common factor of a row is chosen in steps of `u`, so the sum lies within half a step around
//! `T₀`, up to the rounding of entries. Step and total are the same for all models and lengths.
//!
//! Error against f64, for a share p of a row of n scores that are exact: rounding changes an entry by half, and the sum of a row by
//! n/2 and `T₀·u/2` at most; so `|y/total − p| ≤ p·(u + n/T₀) + 1/T₀`.

use super::{Converted, Family};
use crate::emit::Emitter;
use crate::model::{Model, Role};
use crate::scales::{Format, Scales};
use melior::ir::operation::OperationLike;
use tessera_mlir::functions::Map;
use tessera_mlir::params::ParamData;
use tessera_mlir::types::{Elem, TensorType};
use tessera_mlir::{Error, Result, loc};
use tessera_nn::NnOp;
use tessera_qnn::QnnOp;

/// Scores are stored in steps of 1/256: e^u is then the ratio of neighbours in the table, 1.0039.
pub(crate) const STEP: f64 = 1.0 / 256.0;
/// Greatest score in steps: 112 to each side, so that differences, and what a long row adds, fit 16 bits.
pub(crate) const SCORES: i64 = (1 << 15) - (1 << 12) - 1;
/// T(0), the share of a score that is alone.
pub(crate) const GREATEST: i64 = 1 << 18;
/// What the shares of a row add up to at most: round(2^18·e^(1/512)). A test holds it to that.
pub(crate) const TOTAL: i64 = 262_657;

pub(super) struct Softmax;

/// T(k) for k ≥ −1, as far as it is not 0, and two zeros.
fn table() -> Result<Vec<i32>> {
    let exp = Map::named("exp", &[])?;
    let entry = |k: i32| (GREATEST as f64 * exp.value(-STEP * f64::from(k))).round() as i32;
    Ok((-1..).map(entry).take_while(|&entry| entry > 0).chain([0, 0]).collect())
}

impl Family for Softmax {
    fn role(&self) -> Role {
        Role::Rows
    }

    fn formats(&self) -> (Option<Format>, Option<Format>) {
        (Some(Format::Scores), Some(Format::Shares))
    }

    fn check(&self, model: &Model, op: usize) -> Result<()> {
        let NnOp::Softmax { mask: Some(_), .. } = model.ops[op].decoded else { return Ok(()) };
        let mask = model.floats(model.ops[op].operands[1]);
        match mask.is_some_and(|mask| mask.iter().all(|&m| m == 0.0 || m == 1.0)) {
            true => Ok(()),
            false => Err(Error::new("the mask of a softmax must be a parameter of zeros and ones")),
        }
    }

    fn bound(&self, _: &Model, _: &Scales, _: usize) -> f64 {
        1.0
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let info = &e.model.ops[op];
        let context = e.model.function.context();
        let entries = table()?;
        let ty = TensorType::i32([entries.len()]);
        let table = e.shared("softmax.exp", ty, ParamData::I32(entries.into()))?;
        let mask = match info.operands.get(1) {
            Some(&mask) => {
                let data = e.model.floats(mask).ok_or_else(|| Error::new("expected a constant mask"))?;
                let data: Vec<i32> = data.iter().map(|&m| m as i32).collect();
                let name = e.model.parameter(mask).map_or("mask", |(name, _)| name).to_owned();
                let ty = TensorType { shape: e.model.values[mask].shape.clone(), elem: Elem::Int(32) };
                Some(e.parameter(&name, ty, ParamData::I32(data.into()), loc::node(context, &name))?)
            }
            None => None,
        };
        let (x, to) = (e.get(info.operands[0])?, e.quant(info.result));
        let softmax = QnnOp::Softmax { x, table, mask, total: TOTAL, to };
        Ok(Converted::Value(e.insert(softmax.build(info.op.location()))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_falls_from_above_the_total_to_nothing() {
        let table = table().unwrap();
        assert_eq!(TOTAL, (GREATEST as f64 * (STEP / 2.0).exp()).round() as i64);
        assert!(
            table.is_sorted_by(|a, b| a >= b)
                && i64::from(table[0]) > TOTAL
                && i64::from(table[1]) == GREATEST
        );
        assert_eq!(table[table.len() - 2..], [0, 0]);
        // the keys of a row: from the smallest factor's distance to the greatest score, to the least score
        assert!(2 * SCORES + 2048 < 1 << 16 && table.len() < 1 << 12);
    }
}
