//! Changing IR: uses, erasing, and greedy rewrite patterns.
//!
//! Invariant: a [`Rewriter`] is the only way a pattern changes IR, so that the driver knows what to visit again.

use crate::{
    Error, Result, context_of, diag,
    hooks::panicked,
    loc,
    natives::{self, Calls, Native, RawNative},
    op::{all_ops, op_name},
    string_ref, text, values,
};
use melior::{
    Context,
    ir::{
        Location, Operation, OperationRef, Value, ValueLike,
        operation::{OperationLike, OperationResult},
    },
};
use mlir_sys::*;
use std::{
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Makes every user of `old` use `new`. Their types must be equal.
pub fn replace_all_uses(old: Value, new: Value) {
    // SAFETY: both values are alive.
    unsafe { mlirValueReplaceAllUsesOfWith(old.to_raw(), new.to_raw()) }
}

/// Erases an op. The reference and the op's results must not be used afterwards.
///
/// # Panics
/// When a result is in use: a mistake of the caller that would otherwise corrupt the IR.
pub fn erase(op: OperationRef) {
    assert!(is_unused(op), "erased an op whose result is in use: {op}");
    values::forget(op);
    // SAFETY: the op is alive, has no uses as just asserted, and is given up by the caller.
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
    // SAFETY: the value is alive; uses and their owners live as long as the IR.
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

/// The first use of a value; null where there is none.
fn first_use(value: Value) -> MlirOpOperand {
    // SAFETY: the value is alive.
    unsafe { mlirValueGetFirstUse(value.to_raw()) }
}

/// Whether a value has exactly one use.
pub fn has_one_use(value: Value) -> bool {
    // without walking the uses: an input may have as many as the model has layers
    let first = first_use(value);
    // SAFETY: the use is not null, as just asked, and alive.
    !first.ptr.is_null() && unsafe { mlirOpOperandGetNextUse(first) }.ptr.is_null()
}

/// Whether no result of an op is in use.
pub fn is_unused(op: OperationRef) -> bool {
    op.results().all(|result| first_use(result.into()).ptr.is_null())
}

/// The op that defines a value; `None` for block arguments.
pub fn defining_op<'c, 'a>(value: Value<'c, 'a>) -> Option<OperationRef<'c, 'a>> {
    let result = OperationResult::try_from(value).ok()?;
    // SAFETY: a result has an op, which lives as long as the IR.
    Some(unsafe { OperationRef::from_raw(mlirOpResultGetOwner(result.to_raw())) })
}

/// Replaces all operands of an op.
pub fn set_operands(op: OperationRef, operands: &[Value]) {
    values::forget(op);
    let raw = operands.iter().map(|value| value.to_raw()).collect::<Vec<_>>();
    // SAFETY: op and operands are alive, and `raw` is as long as it says.
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
        // SAFETY: the rewriter and the op it visits are alive during the pattern; the new op is handed over.
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
        values::forget(op);
        let raw = values.iter().map(|value| value.to_raw()).collect::<Vec<_>>();
        // SAFETY: the rewriter and the op are alive during the pattern, and `raw` is as long as it says.
        unsafe {
            mlirRewriterBaseReplaceOpWithValues(self.base, op.to_raw(), raw.len() as isize, raw.as_ptr())
        }
    }

    /// Erases an op without uses.
    pub fn erase(&self, op: OperationRef) {
        values::forget(op);
        // SAFETY: the rewriter and the op are alive during the pattern.
        unsafe { mlirRewriterBaseEraseOp(self.base, op.to_raw()) }
    }

    /// Changes an op in place: attributes or operands.
    pub fn modify(&self, op: OperationRef<'c, 'a>, change: impl FnOnce(OperationRef<'c, 'a>)) {
        values::forget(op);
        // SAFETY: the rewriter and the op are alive during the pattern.
        unsafe { mlirRewriterBaseStartOpModification(self.base, op.to_raw()) }
        change(op);
        // SAFETY: the rewriter and the op are alive during the pattern.
        unsafe { mlirRewriterBaseFinalizeOpModification(self.base, op.to_raw()) }
    }
}

/// A set of rewrite patterns, applied until nothing changes, together with folding and the removal of dead ops.
///
/// Every application is an event of `tracing` at the level debug, with the pattern's name, the op and its place:
/// `zk-opt --print-patterns` prints them, and so does `TESSERA_LOG=debug tessera compile`.
pub struct Patterns<'c, 'p> {
    context: &'c Context,
    names: Vec<&'static str>,
    rewrites: Vec<Box<Rewrite<'p>>>,
}

/// Changes an op where it matches, and says whether it did.
type Rewrite<'p> = dyn for<'d, 'a> Fn(OperationRef<'d, 'a>, &Rewriter<'d, 'a>) -> Result<bool> + 'p;

impl<'c, 'p> Patterns<'c, 'p> {
    /// An empty set.
    pub fn new(context: &'c Context) -> Self {
        Self { context, names: vec![], rewrites: vec![] }
    }

    /// Adds a pattern, with a name for people. It is tried on every op, matches by the view of a dialect, and returns
    /// whether it changed something; it must leave everything as it was when it did not, or failed.
    pub fn add<F>(mut self, name: &'static str, pattern: F) -> Self
    where
        F: for<'d, 'a> Fn(OperationRef<'d, 'a>, &Rewriter<'d, 'a>) -> Result<bool> + 'p,
    {
        self.names.push(name);
        self.rewrites.push(Box::new(pattern));
        self
    }

    /// Applies the patterns to everything inside an op.
    ///
    /// # Errors
    /// The first error of a pattern, or that the patterns did not come to an end.
    pub fn apply(self, root: OperationRef<'c, '_>) -> Result<()> {
        let names = self.names.iter().map(|name| string_ref(name)).collect::<Vec<_>>();
        let (most, endless) = (most(root), endless("the rewrite patterns", root));
        let mut run = Run { rewrites: &self.rewrites, error: None };
        values::forget_all();
        // SAFETY: the root is alive, `names` is as long as it says and outlives the call, and `run` is what `rewrite_one` expects.
        let (ended, diagnostics) = diag::collect(self.context, || unsafe {
            let run = (&raw mut run).cast();
            tesseraApplyPatterns(
                root.to_raw(),
                names.as_ptr(),
                names.len() as isize,
                most,
                run,
                rewrite_one,
                listener(),
            )
        });
        match run.error {
            Some(error) => Err(error),
            None if ended => Ok(()),
            None if diagnostics.errors.is_empty() => Err(endless.or_at(root.location())),
            None => Err(diagnostics.into_error("")),
        }
    }
}

/// One application of a set: its patterns, and the first error.
struct Run<'s, 'p> {
    rewrites: &'s [Box<Rewrite<'p>>],
    error: Option<Error>,
}

unsafe extern "C" fn rewrite_one(
    run: *mut c_void,
    index: isize,
    op: MlirOperation,
    rewriter: MlirPatternRewriter,
) -> bool {
    // SAFETY: the caller passes on the `Run` that it was given, and nothing else borrows it meanwhile.
    let run = unsafe { &mut *run.cast::<Run>() };
    if run.error.is_some() {
        return false;
    }
    // the driver folds and erases dead ops between patterns, and does not say which
    values::forget_all();
    // SAFETY: the driver visits an op that is alive.
    let root = unsafe { OperationRef::from_raw(op) };
    // SAFETY: the driver's rewriter lives as long as the visit.
    let rewriter = Rewriter { base: unsafe { mlirPatternRewriterAsBase(rewriter) }, root };
    let location = root.location();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        tessera_cancel::point();
        run.rewrites[index as usize](root, &rewriter)
    }));
    outcome.unwrap_or_else(|panic| Err(panicked(&*panic))).unwrap_or_else(|error| {
        run.error = Some(error.or_at(location));
        false
    })
}

/// Who is told every application of a pattern: the log, where it listens.
fn listener() -> Option<Applied> {
    tracing::enabled!(tracing::Level::DEBUG).then_some(log_application as Applied)
}

unsafe extern "C" fn log_application(pattern: MlirStringRef, op: MlirStringRef, location: MlirLocation) {
    // SAFETY: the location is of a context that is alive.
    let location = unsafe { Location::from_raw(location) };
    // SAFETY: both strings are readable during the call.
    let (pattern, op) = unsafe { (text(pattern), text(op)) };
    // MLIR keeps no names of PDL patterns
    let pattern = if pattern.is_empty() { "of a file".to_owned() } else { pattern };
    tracing::debug!("pattern {pattern} on {op} at {}", loc::describe(location));
}

/// The most rewrites in one sweep over the ops inside an op: plenty for patterns that come to an end, and few enough that those
/// which make room for themselves for ever stop within seconds. MLIR makes at most ten sweeps.
fn most(root: OperationRef) -> i64 {
    10_000 + 20 * all_ops(root).len() as i64
}

/// The error of patterns that do not come to an end.
fn endless(whose: &str, root: OperationRef) -> Error {
    let most = 10 * most(root);
    Error::new(format!(
        "{whose} did not come to an end within {most} rewrites: one may make room for itself, or two may undo each other"
    ))
}

/// Applies the rewrite patterns of a file to everything inside an op, with folding, until nothing changes. The source is a
/// module of `pdl.pattern` ops, which may call `natives`.
///
/// # Errors
/// What is wrong with the source, the first error of a native, or that the patterns did not come to an end or made IR that is
/// not valid.
pub fn apply_pdl(root: OperationRef, source: &str, file_name: &str, natives: &[Native]) -> Result<()> {
    let context = context_of(root.location());
    let patterns = crate::parse(context, source, file_name)?;
    if !all_ops(patterns.as_operation()).iter().any(|op| op_name(*op) == "pdl.pattern") {
        return Err(Error::new(format!("{file_name}: expected pdl.pattern ops, found none")));
    }
    let endless = endless(&format!("the patterns of {file_name}"), root);
    let mut calls = Calls::new(natives);
    let most = most(root);
    values::forget_all();
    // it is the C++ side's from here on
    let patterns = std::mem::ManuallyDrop::new(patterns);
    let (applied, diagnostics) = diag::collect(context, || {
        let declared = calls.declared();
        // SAFETY: the root is alive, the patterns are handed over, `declared` is as long as it says, and `calls` is what `natives::call` expects.
        unsafe {
            tesseraApplyPdl(
                root.to_raw(),
                patterns.to_raw(),
                most,
                declared.as_ptr(),
                declared.len() as isize,
                (&raw mut calls).cast(),
                natives::call,
                listener(),
            )
        }
    });
    match calls.error() {
        Some(error) => Err(error.context(file_name)),
        None if applied => Ok(()),
        None if diagnostics.errors.is_empty() => Err(endless.or_at(root.location())),
        None => Err(diagnostics.into_error("")),
    }
}

type RewriteOne = unsafe extern "C" fn(*mut c_void, isize, MlirOperation, MlirPatternRewriter) -> bool;
type Applied = unsafe extern "C" fn(MlirStringRef, MlirStringRef, MlirLocation);

unsafe extern "C" {
    fn tesseraApplyPatterns(
        root: MlirOperation,
        names: *const MlirStringRef,
        count: isize,
        most: i64,
        patterns: *mut c_void,
        rewrite: RewriteOne,
        applied: Option<Applied>,
    ) -> bool;
    fn tesseraApplyPdl(
        root: MlirOperation,
        patterns: MlirModule,
        most: i64,
        natives: *const RawNative,
        count: isize,
        calls: *mut c_void,
        call: natives::Call,
        applied: Option<Applied>,
    ) -> bool;
}
