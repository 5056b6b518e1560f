//! Reading views and merging views of views: what several circuit passes need.

use melior::ir::{OperationRef, Value};
use tessera_circuit::ops::CircuitOp;
use tessera_circuit::semantics::View;
use tessera_mlir::{Result, rewrite};

/// The view an op is, with what it views.
pub(super) fn view_of<'c, 'a>(op: OperationRef<'c, 'a>) -> Result<Option<(Value<'c, 'a>, View)>> {
    match CircuitOp::decode(op)? {
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
