//! Thresholds: for each row the smallest number that keeps a sum of table values within a limit, as softmax normalizes its rows.
//!
//! Invariant: the table's keys are consecutive; where its values increase the result is a number that keeps the limit or an error,
//! and the relation that rests on it fails.
use crate::context::{Context, Refusal};
use crate::contract::Growing;
use crate::lookup::LookupRelations;
use rayon::prelude::*;
use tessera_api::Step;

/// A checked step.
pub(crate) struct Threshold {
    pub x: usize,
    pub y: usize,
    relation: usize,
    entry: usize,
    limit: i64,
    columns: usize,
    /// 0 where rows sum over all columns.
    causal_rows: usize,
}

impl Threshold {
    pub(crate) fn new(s: &Step, ctx: &mut Context) -> Result<Threshold, Refusal> {
        let Step::Threshold { x, relation, entry, limit, columns, causal_rows, y } = s else {
            return Err("not a threshold".to_string().into());
        };
        let (x, y) = (ctx.tensor(*x)?, ctx.tensor(*y)?);
        let (columns, causal_rows) = (*columns as usize, *causal_rows as usize);
        if x == y {
            return Err(format!("tensor {:?} is both read and written", ctx.tensors[x].name).into());
        }
        let (from, to) = (ctx.tensors[x].len, ctx.tensors[y].len);
        let rows = to.checked_mul(columns).filter(|n| *n == from && *n > 0);
        let causal = causal_rows == 0 || (causal_rows <= columns && to.is_multiple_of(causal_rows));
        if rows.is_none() || !causal {
            return Err(
                format!("{from} elements are not {to} rows of {columns}, {causal_rows} a matrix").into()
            );
        }
        let relation = ctx.relations.function(*relation, *entry)?;
        if ctx.relations.consecutive(relation, *entry as usize).is_none() {
            return Err(format!("{:?} is no table of consecutive keys", ctx.relations.name(relation)).into());
        }
        ctx.budget.operations(from as u128 * 64)?;
        Ok(Threshold { x, y, relation, entry: *entry as usize, limit: *limit, columns, causal_rows })
    }

    /// How many elements of a row are summed over.
    fn counted(&self, row: usize) -> usize {
        match self.causal_rows {
            0 => self.columns,
            rows => row % rows + 1 + self.columns - rows,
        }
    }

    /// Rows that are not done and of which all is known that they sum over; they are done from now on.
    pub(crate) fn ready(&self, x: &Growing, done: &mut [bool]) -> Vec<bool> {
        x.ready(done, |row| row * self.columns..row * self.columns + self.counted(row))
    }

    /// The rows for which `chosen` holds. Errs with the first row that no number suits.
    pub(crate) fn run(
        &self,
        x: &[i64],
        y: &mut [i64],
        relations: &LookupRelations,
        chosen: impl Fn(usize) -> bool + Sync,
    ) -> Result<(), usize> {
        let Some((first, values)) = relations.consecutive(self.relation, self.entry) else { return Err(0) };
        let row = |(i, (row, out)): (usize, (&[i64], &mut i64))| {
            *out = threshold(&row[..self.counted(i)], (first, values), self.limit).ok_or(i)?;
            Ok(())
        };
        let rows = x.par_chunks_exact(self.columns).zip(y.par_iter_mut()).enumerate();
        rows.filter(|(i, _)| chosen(*i)).try_for_each(row)
    }
}

/// The smallest c with Σ T(c − x) ≤ limit, if there is one in 64 bits.
fn threshold(xs: &[i64], (first, values): (i64, &[i64]), limit: i64) -> Option<i64> {
    let last = values.len() as i64 - 1;
    let within = |c: i64| {
        let sum = xs.iter().try_fold(0i128, |sum, x| {
            let key = c.checked_sub(*x)?.checked_sub(first)?;
            let value = *values.get(usize::try_from(key.min(last)).ok()?)?;
            Some(sum + i128::from(value))
        });
        sum.is_some_and(|sum| sum <= i128::from(limit))
    };
    let most = *xs.iter().max()?;
    let mut low = most.checked_add(first)?;
    let mut high = low.checked_add(last)?;
    if !within(high) {
        return None;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if within(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}
