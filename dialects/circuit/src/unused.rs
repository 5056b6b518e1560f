//! Dropping ops that a rewrite left without use.
//!
//! Invariant: inputs, outputs, assertions and ranges are part of the statement and stay; everything else computes a value and may go
//! when nobody uses it. A split goes only when neither part is used: with one part goes the proof of the other.

use crate::ops::CircuitOp;
use melior::ir::{OperationRef, Value, operation::OperationLike};
use std::collections::BTreeSet;
use tessera_mlir::{Result, func::Func, op::all_ops, rewrite};

/// Erases every op of a function whose results nobody uses, and what only those used.
///
/// # Errors
/// When an op does not decode.
pub fn erase_unused(main: Func) -> Result<()> {
    // Users come after what they use.
    for op in main.ops().into_iter().rev() {
        if rewrite::is_unused(op) && CircuitOp::decode(op)?.is_some_and(|op| op.only_computes()) {
            rewrite::erase(op);
        }
    }
    Ok(())
}

/// Erases every table that nothing reads.
///
/// # Errors
/// When an op does not decode.
pub fn erase_unread_tables(module: OperationRef) -> Result<()> {
    let (mut read, mut tables) = (BTreeSet::new(), vec![]);
    for op in all_ops(module) {
        let Some(decoded) = CircuitOp::decode(op)? else { continue };
        read.extend(decoded.tables().into_iter().map(str::to_owned));
        if let CircuitOp::Table { name, .. } = decoded {
            tables.push((name, op));
        }
    }
    tables.into_iter().filter(|(name, _)| !read.contains(name)).for_each(|(_, op)| rewrite::erase(op));
    Ok(())
}

/// Erases what computes a value that nobody uses, and what only that used.
///
/// # Errors
/// When an op does not decode.
pub fn erase_computation(value: Value) -> Result<()> {
    let Some(op) = rewrite::defining_op(value) else { return Ok(()) };
    if rewrite::is_unused(op) && CircuitOp::decode(op)?.is_some_and(|op| op.only_computes()) {
        let operands: Vec<Value> = op.operands().collect();
        rewrite::erase(op);
        for operand in operands {
            erase_computation(operand)?;
        }
    }
    Ok(())
}
