//! `qnn.softmax` → a hint for the factor of each row, one lookup a pair, and two sums that make the factor unique.
//!
//! With T the table, and c the factor of a row as a distance from its scores x:
//!
//! ```text
//! key = c − x            a key of the table, so c is an integer and not below the greatest score
//! y, y' = T(key), T(key − 1)     one lookup
//! Σ y ≤ total < Σ y'             two ranges
//! ```
//!
//! # Correctness
//! T does not increase, so Σ T(c − x) does not increase in c: exactly one integer c has it at most `total` while c − 1 has it above. Keys
//! are range-checked as integers, and scores are integers, so c is none but an integer. A position that the mask leaves out has the last
//! key of the table, where T is 0, whatever c is; of a row some position counts (the interpreter's condition, checked here).

use crate::emit::Emit;
use crate::lower::Parameter;
use melior::ir::Value;
use tessera_circuit::ops::Hint;
use tessera_circuit::semantics::{ContractSpec, Interval, ResultIndex, TableFunction, View};
use tessera_mlir::params::ParamData;
use tessera_mlir::{Error, Result, shape};

/// Keys of the table: 0..2^16.
const KEYS: i64 = 1 << 16;
/// A range for differences of sums and the total.
const DIFFERENCE: Interval = Interval { lo: 0, hi: (1 << 32) - 1 };

/// Lowers a softmax of scores along the last axis.
pub(crate) fn softmax<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    table: &Parameter,
    mask: Option<&Parameter>,
    total: i64,
) -> Result<Value<'c, 'a>> {
    let entries = table.data.to_i64s()?;
    let falls = entries.is_sorted_by(|a, b| a >= b) && entries.len() >= 3 && entries.ends_with(&[0, 0]);
    if !falls || entries[0] <= total || entries[1] > total || entries.len() as i64 > KEYS {
        return Err(Error::new(format!(
            "the table of a softmax falls from above {total} by at most {total} to two zeros, within {KEYS} entries; the one found does not"
        )));
    }
    let extents = emit.shape(x)?;
    let (rows, n) = shape::last_axis(&extents)?;
    let rows = rows.to_vec();
    let scores = emit.hull(x)?;
    // so far above the greatest score does a row of equal scores put c
    let above = entries[1..]
        .iter()
        .position(|&entry| entry.saturating_mul(n as i64) <= total)
        .unwrap_or(entries.len());
    let reach = scores.hi + above as i128 - scores.lo;
    if reach >= KEYS.into() {
        return Err(Error::new(format!(
            "scores within {scores} may be {reach} apart, which is more than the {KEYS} keys of the table"
        )));
    }
    // as many as there are keys, so that both have one table of numbers
    let factors = Interval { lo: scores.lo, hi: scores.lo + i128::from(KEYS - 1) };
    let of = |offset: usize| {
        let padded = (0..KEYS as usize).map(|k| entries.get(k + offset).copied().unwrap_or(0));
        TableFunction::Values { lo: 0, values: padded.collect() }
    };
    // T(k) = entries[k + 1]
    let (exp, before) = (of(1), of(0));
    let exp_name = emit.table(&table.name, &exp)?;
    let counts = mask.map(|mask| counting(mask, &extents)).transpose()?;
    let (causal, hinted) = match &counts {
        None => (false, x),
        Some(counts) if is_causal(counts, &extents) => (true, x),
        Some(counts) => {
            // out of the way of what counts: T is 0 so far below
            let far = i64::try_from(scores.lo).unwrap_or(i64::MIN) - KEYS;
            let kept = masked(emit, x, counts, &extents)?;
            let left_out = emit.weight("mask.left_out", &extents, &pick(counts, 0, far))?;
            (false, emit.affine(&[(1, kept), (1, left_out)], 0)?)
        }
    };
    let hint = Hint::Threshold { table: exp_name, limit: total, causal };
    let c = emit.hint(hinted, &hint, &[factors])?[0];
    let c = emit.view(c, &View::reshape([&rows[..], &[1]].concat()))?;
    let c = emit.broadcast(c, &extents)?;
    let keys = match &counts {
        None => emit.affine(&[(1, c), (-1, x)], 0)?,
        Some(counts) => {
            let below_last = emit.affine(&[(1, c), (-1, x)], 1 - KEYS)?;
            let kept = masked(emit, below_last, counts, &extents)?;
            emit.affine(&[(1, kept)], KEYS - 1)?
        }
    };
    let keys = emit.range(keys, Interval { lo: 0, hi: (KEYS - 1).into() })?;
    let before_name = format!("{}.before", table.name);
    let both = emit.lookups(keys, &[(&table.name, &exp), (&before_name, &before)])?;
    let [y, y_before] = both[..] else { return Err(Error::new("expected two results of a lookup")) };
    let sum = row_sums(emit, y)?;
    let sum_before = row_sums(emit, y_before)?;
    let below = emit.affine(&[(-1, sum)], total)?;
    let over = emit.affine(&[(1, sum_before)], -total - 1)?;
    emit.range(below, DIFFERENCE)?;
    emit.range(over, DIFFERENCE)?;
    Ok(y)
}

/// Sums along the last axis.
pub(crate) fn row_sums<'c, 'a>(emit: &mut Emit<'c, 'a>, x: Value<'c, 'a>) -> Result<Value<'c, 'a>> {
    let extents = emit.shape(x)?;
    let (rows, n) = shape::last_axis(&extents)?;
    let ones = emit.constant(&vec![1; n])?;
    let rank = rows.len();
    let results = (0..rank).map(ResultIndex::One).collect();
    let spec = ContractSpec::new(rank + 1, (0..=rank).collect(), vec![rank], results, &extents, &[n]);
    emit.contract(x, ones, &spec.map_err(Error::new)?)
}

/// Which positions of a tensor count.
fn counting(mask: &Parameter, extents: &[usize]) -> Result<Vec<bool>> {
    let data = mask.data.to_i64s()?;
    let mask =
        ndarray::ArrayD::from_shape_vec(mask.shape.clone(), data).map_err(|e| Error::new(e.to_string()))?;
    let counts = tessera_mlir::compute::rows::counting(extents, Some(&mask), 1)?;
    counts.ok_or_else(|| Error::new("expected a mask"))
}

/// Whether of row i of r the positions j ≤ i + n − r count.
fn is_causal(counts: &[bool], extents: &[usize]) -> bool {
    let &[.., r, n] = extents else { return false };
    r <= n
        && counts.chunks_exact(n).enumerate().all(|(row, counts)| {
            counts.iter().enumerate().all(|(j, &counts)| counts == (j <= row % r + n - r))
        })
}

/// x where it counts, 0 elsewhere.
fn masked<'c, 'a>(
    emit: &mut Emit<'c, 'a>,
    x: Value<'c, 'a>,
    counts: &[bool],
    extents: &[usize],
) -> Result<Value<'c, 'a>> {
    let mask = emit.weight("mask", extents, &pick(counts, 1, 0))?;
    emit.mul(x, mask)
}

/// One number where a position counts, another elsewhere.
fn pick(counts: &[bool], yes: i64, no: i64) -> ParamData {
    ParamData::I64(counts.iter().map(|&counts| if counts { yes } else { no }).collect())
}
