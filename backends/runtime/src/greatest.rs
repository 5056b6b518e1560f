//! The greatest element of each row, and where it stands.
use crate::context::{Context, Refusal};
use rayon::prelude::*;
use tessera_api::plan::TensorId;

/// A checked step.
pub(crate) struct Greatest {
    pub x: usize,
    columns: usize,
    /// Where the elements and their positions go.
    pub to: [usize; 2],
}

impl Greatest {
    pub(crate) fn new(
        x: TensorId,
        columns: u32,
        to: [TensorId; 2],
        ctx: &mut Context,
    ) -> Result<Greatest, Refusal> {
        let (x, columns) = (ctx.tensor(x)?, columns as usize);
        let to = [ctx.tensor(to[0])?, ctx.tensor(to[1])?];
        if to.contains(&x) || to[0] == to[1] {
            return Err("the operand and the two results are one tensor".to_string().into());
        }
        let from = ctx.tensors[x].len;
        for rows in to.map(|t| ctx.tensors[t].len) {
            if columns == 0 || rows.checked_mul(columns) != Some(from) {
                return Err(format!("{from} elements are not {rows} rows of {columns}").into());
            }
        }
        ctx.budget.operations(from as u128)?;
        Ok(Greatest { x, columns, to })
    }

    /// The rows for which `chosen` holds.
    pub(crate) fn run(&self, x: &[i64], outs: &mut [Vec<i64>], chosen: impl Fn(usize) -> bool + Sync) {
        let [greatest, at] = outs else { return };
        let rows = x.par_chunks_exact(self.columns).zip(greatest.par_iter_mut().zip(at.par_iter_mut()));
        let rows = rows.enumerate().filter(|(i, _)| chosen(*i));
        rows.for_each(|(_, (row, (greatest, at)))| {
            (*greatest, *at) = (row[0], 0);
            for (j, v) in (0..).zip(row) {
                if v > greatest {
                    (*greatest, *at) = (*v, j);
                }
            }
        });
    }
}
