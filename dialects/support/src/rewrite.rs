//! Changing IR: uses, erasing, and greedy rewrite patterns.
//!
//! Invariant: a [`Rewriter`] is the only way a pattern changes IR, so that the driver knows what to visit again.

use crate::{Error, Result, context_of, diag, func::op_name, hooks::panicked};
use melior::{
    Context, GreedyRewriteDriverConfig, RewritePatternSet, apply_patterns_and_fold_greedily_with_op,
    create_op_rewrite_pattern,
    ir::{
        BlockLike, Operation, OperationRef, Value, ValueLike,
        operation::{OperationLike, OperationResult},
    },
};
use mlir_sys::*;
use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

/// Makes every user of `old` use `new`. Their types must be equal.
pub fn replace_all_uses(old: Value, new: Value) {
    unsafe { mlirValueReplaceAllUsesOfWith(old.to_raw(), new.to_raw()) }
}

/// Erases an op. The reference and the op's results must not be used afterwards.
///
/// # Panics
/// When a result is in use: a mistake of the caller that would otherwise corrupt the IR.
pub fn erase(op: OperationRef) {
    assert!(is_unused(op), "erased an op whose result is in use: {op}");
    unsafe {
        mlirOperationRemoveFromParent(op.to_raw());
        mlirOperationDestroy(op.to_raw());
    }
}

/// Replaces the results of an op and erases it.
pub fn replace(op: OperationRef, values: &[Value]) {
    for (result, &value) in op.results().zip(values) {
        replace_all_uses(result.into(), value);
    }
    erase(op);
}

/// The users of a value, with the number of the operand.
pub fn users<'c, 'a>(value: Value<'c, 'a>) -> Vec<(OperationRef<'c, 'a>, usize)> {
    let mut users = vec![];
    unsafe {
        let mut next = mlirValueGetFirstUse(value.to_raw());
        while !next.ptr.is_null() {
            let op = OperationRef::from_raw(mlirOpOperandGetOwner(next));
            users.push((op, mlirOpOperandGetOperandNumber(next) as usize));
            next = mlirOpOperandGetNextUse(next);
        }
    }
    users
}

/// Whether a value has exactly one use.
pub fn has_one_use(value: Value) -> bool {
    // without walking the uses: an input may have as many as the model has layers
    let first = unsafe { mlirValueGetFirstUse(value.to_raw()) };
    !first.ptr.is_null() && unsafe { mlirOpOperandGetNextUse(first) }.ptr.is_null()
}

/// Whether no result of an op is in use.
pub fn is_unused(op: OperationRef) -> bool {
    op.results().all(|result| unsafe { mlirValueGetFirstUse(result.to_raw()) }.ptr.is_null())
}

/// The op that defines a value; `None` for block arguments.
pub fn defining_op<'c, 'a>(value: Value<'c, 'a>) -> Option<OperationRef<'c, 'a>> {
    let result = OperationResult::try_from(value).ok()?;
    Some(unsafe { OperationRef::from_raw(mlirOpResultGetOwner(result.to_raw())) })
}

/// Replaces all operands of an op.
pub fn set_operands(op: OperationRef, operands: &[Value]) {
    let raw = operands.iter().map(|value| value.to_raw()).collect::<Vec<_>>();
    unsafe { mlirOperationSetOperands(op.to_raw(), raw.len() as isize, raw.as_ptr()) }
}

/// Changes IR inside a pattern.
pub struct Rewriter<'c, 'a> {
    base: MlirRewriterBase,
    root: OperationRef<'c, 'a>,
}

impl<'c, 'a> Rewriter<'c, 'a> {
    /// The context.
    pub fn context(&self) -> &'c Context {
        context_of(self.root.location())
    }

    /// Inserts an op before the matched one.
    pub fn insert(&self, op: Operation<'c>) -> OperationRef<'c, 'a> {
        unsafe {
            mlirRewriterBaseSetInsertionPointBefore(self.base, self.root.to_raw());
            OperationRef::from_raw(mlirRewriterBaseInsert(self.base, op.into_raw()))
        }
    }

    /// Inserts a freshly built op before the matched one and returns its first result.
    ///
    /// # Errors
    /// The error of building it.
    pub fn value(&self, op: Result<Operation<'c>>) -> Result<Value<'c, 'a>> {
        Ok(self.insert(op?).result(0)?.into())
    }

    /// Replaces an op by values of the same types and erases it.
    pub fn replace(&self, op: OperationRef, values: &[Value]) {
        let raw = values.iter().map(|value| value.to_raw()).collect::<Vec<_>>();
        unsafe {
            mlirRewriterBaseReplaceOpWithValues(self.base, op.to_raw(), raw.len() as isize, raw.as_ptr())
        }
    }

    /// Erases an op without uses.
    pub fn erase(&self, op: OperationRef) {
        unsafe { mlirRewriterBaseEraseOp(self.base, op.to_raw()) }
    }

    /// Changes an op in place: attributes or operands.
    pub fn modify(&self, op: OperationRef<'c, 'a>, change: impl FnOnce(OperationRef<'c, 'a>)) {
        unsafe { mlirRewriterBaseStartOpModification(self.base, op.to_raw()) }
        change(op);
        unsafe { mlirRewriterBaseFinalizeOpModification(self.base, op.to_raw()) }
    }
}

/// A set of rewrite patterns, applied until nothing changes, together with folding and the removal of dead ops.
pub struct Patterns<'c> {
    context: &'c Context,
    set: RewritePatternSet<'c>,
    error: Rc<RefCell<Option<Error>>>,
}

impl<'c> Patterns<'c> {
    /// An empty set.
    pub fn new(context: &'c Context) -> Self {
        Self { context, set: RewritePatternSet::new(context), error: Rc::default() }
    }

    /// Adds a pattern for ops of a name. It returns whether it changed something; it must leave everything as it
    /// was when it did not, or failed.
    pub fn add<F>(self, root: &str, pattern: F) -> Self
    where
        F: for<'d, 'a> Fn(OperationRef<'d, 'a>, &Rewriter<'d, 'a>) -> Result<bool> + 'static,
    {
        let error = self.error.clone();
        let callback = move |_, op: MlirOperation, rewriter: MlirPatternRewriter| {
            if error.borrow().is_some() {
                return false;
            }
            let root = unsafe { OperationRef::from_raw(op) };
            let rewriter = Rewriter { base: unsafe { mlirPatternRewriterAsBase(rewriter) }, root };
            let location = root.location();
            match catch_unwind(AssertUnwindSafe(|| pattern(root, &rewriter))) {
                Ok(Ok(changed)) => changed,
                Ok(Err(found)) => {
                    *error.borrow_mut() = Some(found.or_at(location));
                    false
                }
                Err(panic) => {
                    *error.borrow_mut() = Some(panicked(&*panic).or_at(location));
                    false
                }
            }
        };
        self.set.add(create_op_rewrite_pattern(root, 1, self.context, callback, &[]));
        self
    }

    /// Applies the patterns to everything inside an op.
    ///
    /// # Errors
    /// The first error of a pattern, or that the patterns did not come to an end.
    pub fn apply(self, root: OperationRef<'c, '_>) -> Result<()> {
        let config = GreedyRewriteDriverConfig::new();
        let (outcome, diagnostics) = diag::collect(self.context, || {
            apply_patterns_and_fold_greedily_with_op(root, self.set.freeze(), &config)
        });
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        outcome.map_err(|_| {
            diagnostics
                .into_error("the rewrite patterns did not come to an end: two of them may undo each other")
                .or_at(root.location())
        })
    }
}

/// Applies the rewrite patterns of a file to everything inside an op, with folding, until nothing changes. The source is a
/// module of `pdl.pattern` ops.
///
/// # Errors
/// What is wrong with the source, or that the patterns did not come to an end or made IR that is not valid.
pub fn apply_pdl(root: OperationRef, source: &str, file_name: &str) -> Result<()> {
    let context = context_of(root.location());
    let patterns = crate::parse(context, source, file_name)?;
    if !all_ops(patterns.as_operation()).iter().any(|op| op_name(*op) == "pdl.pattern") {
        return Err(Error::new(format!("{file_name}: expected pdl.pattern ops, found none")));
    }
    // it is the C++ side's from here on
    let patterns = std::mem::ManuallyDrop::new(patterns);
    let (applied, diagnostics) =
        diag::collect(context, || unsafe { tesseraApplyPdl(root.to_raw(), patterns.to_raw()) });
    if applied {
        return Ok(());
    }
    Err(diagnostics.into_error(format!("the patterns of {file_name} did not come to an end")))
}

unsafe extern "C" {
    fn tesseraApplyPdl(root: MlirOperation, patterns: MlirModule) -> bool;
}

/// All ops inside an op, in order, itself not included.
pub fn all_ops<'c, 'a>(op: OperationRef<'c, 'a>) -> Vec<OperationRef<'c, 'a>> {
    let mut ops = vec![];
    for region in op.regions() {
        let mut block = melior::ir::RegionLike::first_block(&region);
        while let Some(current) = block {
            let mut next = current.first_operation();
            while let Some(op) = next {
                ops.push(op);
                ops.extend(all_ops(op));
                next = op.next_in_block();
            }
            block = current.next_in_region();
        }
    }
    ops
}
