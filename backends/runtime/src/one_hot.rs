//! A one at the position that each element says, among zeros.
use crate::context::{Context, Refusal};
use rayon::prelude::*;
use tessera_api::plan::TensorId;

/// A checked step.
pub(crate) struct OneHot {
    pub x: usize,
    columns: usize,
    pub y: usize,
}

impl OneHot {
    pub(crate) fn new(x: TensorId, columns: u32, y: TensorId, ctx: &mut Context) -> Result<OneHot, Refusal> {
        let (x, columns, y) = (ctx.tensor(x)?, columns as usize, ctx.tensor(y)?);
        if x == y {
            return Err("the operand and the result are one tensor".to_string().into());
        }
        let (from, to) = (ctx.tensors[x].len, ctx.tensors[y].len);
        if columns == 0 || from.checked_mul(columns) != Some(to) {
            return Err(format!("{to} elements are not {from} rows of {columns}").into());
        }
        ctx.budget.operations(to as u128)?;
        Ok(OneHot { x, columns, y })
    }

    /// The rows for which `chosen` holds. Elements that say no position have no one.
    pub(crate) fn run(&self, x: &[i64], y: &mut [i64], chosen: impl Fn(usize) -> bool + Sync) {
        let rows = y.par_chunks_exact_mut(self.columns).zip(x.par_iter()).enumerate();
        rows.filter(|(i, _)| chosen(*i)).for_each(|(_, (row, v))| {
            row.fill(0);
            if let Some(one) = usize::try_from(*v).ok().and_then(|v| row.get_mut(v)) {
                *one = 1;
            }
        });
    }
}
