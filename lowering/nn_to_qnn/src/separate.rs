//! Puts a layer that changes nothing between an op and an operand that the op cannot read as it is stored, or only coarsely: an average
//! over windows of one element, which is rounded to a scale and a format of its own.
//!
//! These are operands
//! - of exact sums, where the operand has the steps of a softmax;
//! - of functions, products and layers, where a normalization reads the operand too, so that it has more bits than they can take;
//! - of softmax, where the operand is stored in another way;
//! - of concatenations, where the operand is read elsewhere and reaches much less far than the result, which has one step for all.
//!
//! Invariant: done once more, nothing changes.

use crate::families;
use crate::model::{Model, Role, Source};
use crate::quantize::Settings;
use crate::scales::{Format, Scales};
use melior::ir::{OperationRef, operation::OperationLike};
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::params::Params;
use tessera_mlir::shape::PoolAttrs;
use tessera_mlir::{Result, attrs, rewrite, types};
use tessera_nn::{NnOp, ops, ops::Binary};

/// A concatenation that reaches so many times as far as an operand leaves it two bits less at least.
const COARSER: f64 = 4.0;
/// Each turn settles at least one op.
const TURNS: usize = 16;

/// Separates the operands of `@main` that have to be.
///
/// # Errors
/// As reading the function.
pub(crate) fn separate(module: OperationRef, weights: &Params, settings: &Settings) -> Result<()> {
    for _ in 0..TURNS {
        let function = Func::main(module)?;
        let model = Model::read(function, weights, settings, |op| families::of(op).role(), families::check)?;
        let edges = edges(&model);
        if edges.is_empty() {
            break;
        }
        for (op, operand, (low, high)) in edges {
            cut(model.ops[op].op, operand, (low, high))?;
        }
    }
    Ok(())
}

/// Operands to separate: the op, the number of the operand, and its range.
fn edges(model: &Model) -> Vec<(usize, usize, (f64, f64))> {
    let formats = Scales::asked(model);
    let fixed = fixed(model);
    let mut edges = vec![];
    for (op, info) in model.ops.iter().enumerate() {
        if info.fused_into.is_some() || info.term_of.is_some() && info.role != Role::Sums {
            continue;
        }
        let wanted = families::of(&info.decoded).formats().0;
        for (number, &x) in info.operands.iter().enumerate() {
            let computed = !matches!(model.values[x].source, Source::Parameter(_));
            let (true, false, Some(range)) = (computed, model.values[x].indices, model.range(x)) else {
                continue;
            };
            if model.term(x).is_some() {
                continue;
            }
            let stored = &formats[x];
            let apart = match info.role {
                Role::Adds => stored.iter().any(is_softmax),
                Role::Rows if number == 0 => match wanted {
                    Some(Format::Open) => stored.iter().any(is_softmax),
                    Some(wanted) => stored.iter().any(|stored| *stored != wanted),
                    None => false,
                },
                Role::Rows => false,
                Role::Table => {
                    stored.iter().any(|s| matches!(s, Format::Open | Format::Shares))
                        || beyond_keys(model, x, &fixed)
                }
                Role::Sums => {
                    stored.contains(&Format::Open) && !adds(&info.decoded) && !separates(&info.decoded)
                }
                Role::Moves => coarse(model, op, x, range),
                Role::Compares => false,
            };
            if apart {
                edges.push((op, number, range));
            }
        }
    }
    // what is not exact any more may leave others as they are
    let exact: Vec<_> = edges.iter().filter(|(op, ..)| model.ops[*op].role == Role::Adds).copied().collect();
    if exact.is_empty() { edges } else { exact }
}

fn is_softmax(format: &Format) -> bool {
    matches!(format, Format::Scores | Format::Shares)
}

fn adds<V>(op: &NnOp<V>) -> bool {
    matches!(op, NnOp::Binary { kind: Binary::Add | Binary::Sub, .. })
}

/// Whether an op is a layer that was put between others.
fn separates<V>(op: &NnOp<V>) -> bool {
    matches!(op, NnOp::AvgPool { attrs, .. } if attrs.kernel == [1, 1])
}

/// Values that have the format of an op that chooses its own.
fn fixed(model: &Model) -> Vec<bool> {
    let mut fixed = vec![false; model.values.len()];
    for info in &model.ops {
        let moved =
            matches!(info.role, Role::Moves | Role::Compares) && info.operands.iter().any(|&x| fixed[x]);
        fixed[info.result] = info.role == Role::Rows || moved;
    }
    fixed
}

/// Whether a normalized row may have an element that no key of a table is for.
fn beyond_keys(model: &Model, x: usize, fixed: &[bool]) -> bool {
    let reach = model.range(x).map_or(0.0, |(low, high)| low.abs().max(high.abs()));
    let longest = (model.ops.iter())
        .filter(|info| matches!(info.decoded, NnOp::Norm { .. }))
        .filter_map(|info| model.values[info.result].shape.last())
        .max();
    fixed[x] && longest.is_some_and(|&n| (n as f64).sqrt() * 2047.0 > reach * 32767.0)
}

/// Whether a concatenation has much larger steps than an operand that is read elsewhere needs.
fn coarse(model: &Model, op: usize, x: usize, (low, high): (f64, f64)) -> bool {
    let info = &model.ops[op];
    let (NnOp::Concat { .. }, Some((least, most))) = (&info.decoded, model.range(info.result)) else {
        return false;
    };
    COARSER * low.abs().max(high.abs()) <= least.abs().max(most.abs()) && shared(model, x)
}

/// Whether something else reads a value, or what it was moved from.
fn shared(model: &Model, x: usize) -> bool {
    let value = &model.values[x];
    if value.users.len() > 1 || value.returned {
        return true;
    }
    match value.source {
        Source::Op(op) if matches!(model.ops[op].role, Role::Moves | Role::Compares) => {
            model.ops[op].activations().iter().any(|&x| shared(model, x))
        }
        Source::Op(_) | Source::Parameter(_) => false,
        Source::Argument(_) => true,
    }
}

/// Puts the layer before an operand.
fn cut(op: OperationRef, number: usize, (low, high): (f64, f64)) -> Result<()> {
    let (cursor, location) = (Cursor::before(op), op.location());
    let mut operands = op.operands().collect::<Vec<_>>();
    let x = operands[number];
    let shape = types::of(x)?.shape;
    let all = shape.iter().product();
    let window = PoolAttrs { kernel: [1, 1], strides: [1, 1], pads: [0; 4] };
    let place = |made| -> Result<_> {
        let value = cursor.value(made)?;
        if let Some(op) = rewrite::defining_op(value) {
            attrs::set_range(op, low, high);
        }
        Ok(value)
    };
    let row = place(ops::reshape(location, x, &[1, 1, 1, all]))?;
    let same = place(ops::avg_pool(location, row, &window, true))?;
    operands[number] = place(ops::reshape(location, same, &shape))?;
    rewrite::set_operands(op, &operands);
    Ok(())
}
