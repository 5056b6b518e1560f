//! What several circuit passes need: dropping ops that a rewrite left unused, and views of views as one.

use melior::ir::{OperationRef, Value, operation::OperationLike};
use tessera_circuit::ops::CircuitOp;
use tessera_circuit::semantics::View;
use tessera_mlir::{Result, func::Func, rewrite};

/// Erases ops of `main` that compute something nobody uses. Inputs, outputs and assertions stay.
pub(super) fn erase_unused(main: Func) -> Result<()> {
    for op in main.ops().into_iter().rev() {
        let keeps = match CircuitOp::view(op)? {
            Some(CircuitOp::Input { .. } | CircuitOp::Output { .. } | CircuitOp::AssertZero { .. })
            | None => true,
            Some(_) => !rewrite::is_unused(op),
        };
        if !keeps {
            rewrite::erase(op);
        }
    }
    Ok(())
}

/// Erases what computes a value that nobody uses, and what only that used.
pub(super) fn erase_dead(value: Value) -> Result<()> {
    let Some(op) = rewrite::defining_op(value) else { return Ok(()) };
    if rewrite::is_unused(op) && !matches!(CircuitOp::view(op)?, Some(CircuitOp::Input { .. }) | None) {
        let operands: Vec<Value> = op.operands().collect();
        rewrite::erase(op);
        for operand in operands {
            erase_dead(operand)?;
        }
    }
    Ok(())
}

/// The view an op is, with what it views.
pub(super) fn view_of<'c, 'a>(op: OperationRef<'c, 'a>) -> Result<Option<(Value<'c, 'a>, View)>> {
    match CircuitOp::view(op)? {
        Some(CircuitOp::View { x, view }) => Ok(Some((x, view))),
        _ => Ok(None),
    }
}

/// `view` of `x` as a view of something further up, as far as views of views are single views.
pub(super) fn compose<'c: 'a, 'a>(x: Value<'c, 'a>, view: &View) -> Result<(Value<'c, 'a>, View)> {
    let (mut x, mut view) = (x, view.clone());
    while let Some(op) = rewrite::defining_op(x)
        && let Some((inner_x, inner)) = view_of(op)?
        && let Some(whole) = view.after(&inner)
    {
        (x, view) = (inner_x, whole);
    }
    Ok((x, view))
}
