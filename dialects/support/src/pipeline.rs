//! Running a textual pipeline on a module, with errors as Rust values.
//!
//! Invariant: the module is verified before the first pass and after each one, unless the caller asks otherwise.

use crate::{Error, Result, context_of, diag, hooks::panicked, register_upstream_passes, string_ref, text};
use melior::{
    ir::{Module, OperationRef, operation::OperationLike},
    pass::PassManager,
};
use mlir_sys::{
    MlirOperation, MlirPassManager, MlirStringRef, mlirParsePassPipeline, mlirPassManagerEnableTiming,
};
use std::{
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// How a pipeline runs.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether to verify between passes.
    pub verify: bool,
    /// Whether to print the time of each pass to standard error.
    pub timing: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { verify: true, timing: false }
    }
}

/// Runs a pipeline such as `builtin.module(canonicalize,cse)`.
///
/// # Errors
/// When the pipeline does not parse, or with every diagnostic of the pass or verifier that failed.
pub fn run(module: &mut Module, pipeline: &str, settings: &Settings) -> Result<()> {
    run_observed(module, pipeline, settings, |_, _| Ok(()))
}

/// As [`run`]; `observe` is told the name of every pass that succeeded and the whole module after it.
///
/// # Errors
/// As [`run`], else the first error of `observe`, which is not called again after it.
pub fn run_observed(
    module: &mut Module,
    pipeline: &str,
    settings: &Settings,
    mut observe: impl FnMut(&str, OperationRef) -> Result<()>,
) -> Result<()> {
    register_upstream_passes();
    let context = context_of(module.as_operation().location());
    let manager = PassManager::new(context);
    let mut message = String::new();
    // SAFETY: the manager is alive; `append` gets the `String` that it expects, during the call alone.
    let parsed = unsafe {
        mlirParsePassPipeline(
            manager.as_operation_pass_manager().to_raw(),
            string_ref(pipeline),
            Some(append),
            (&raw mut message).cast(),
        )
    };
    if parsed.value == 0 {
        let error = Error::new(format!("the pipeline '{pipeline}' is refused: {}", message.trim()));
        return Err(unknown_passes(pipeline)
            .into_iter()
            .fold(error, |error, name| error.note(format!("no pass is called '{name}'"))));
    }
    manager.enable_verifier(settings.verify);
    if settings.timing {
        // SAFETY: the manager is alive.
        unsafe { mlirPassManagerEnableTiming(manager.to_raw()) }
    }
    let mut observer = Observer { observe: &mut observe, error: None };
    // SAFETY: the observer lives in this function, which runs the manager to its end.
    unsafe { tesseraObservePasses(manager.to_raw(), (&raw mut observer).cast(), observed) }
    let (outcome, diagnostics) = diag::collect(context, || manager.run(module));
    outcome.map_err(|_| diagnostics.into_error(format!("the pipeline '{pipeline}' failed")))?;
    observer.error.map_or(Ok(()), Err)
}

/// The names in a pipeline that stand where a pass is expected and are no pass, in order.
pub fn unknown_passes(pipeline: &str) -> Vec<String> {
    register_upstream_passes();
    let mut names = vec![];
    let mut rest = pipeline;
    while let Some(end) = rest.find([',', '(', ')', '{']) {
        // what stands before a parenthesis is an op that passes are anchored on
        if !rest[end..].starts_with('(') {
            names.push(&rest[..end]);
        }
        rest = &rest[end..];
        if rest.starts_with('{') {
            rest = rest.find('}').map_or("", |end| &rest[end..]);
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    names.push(rest);
    let names = names.into_iter().map(str::trim).filter(|name| !name.is_empty());
    // SAFETY: the name is read during the call.
    names.filter(|name| !unsafe { tesseraIsPass(string_ref(name)) }).map(str::to_owned).collect()
}

type Observe<'a> = &'a mut dyn FnMut(&str, OperationRef) -> Result<()>;

struct Observer<'a> {
    observe: Observe<'a>,
    error: Option<Error>,
}

unsafe extern "C" fn observed(target: *mut c_void, pass: MlirStringRef, module: MlirOperation) {
    // SAFETY: `target` is the observer that `run_observed` passed on, which nothing else borrows while passes run.
    let observer = unsafe { &mut *target.cast::<Observer>() };
    if observer.error.is_some() {
        return;
    }
    // SAFETY: the op is alive, since a pass has just run on it.
    let module = unsafe { OperationRef::from_raw(module) };
    // SAFETY: the name is readable during the call.
    let outcome = catch_unwind(AssertUnwindSafe(|| (observer.observe)(&unsafe { text(pass) }, module)));
    observer.error = outcome.unwrap_or_else(|panic| Err(panicked(&*panic))).err();
}

unsafe extern "C" fn append(part: MlirStringRef, target: *mut c_void) {
    // SAFETY: `target` is the `String` that `run_observed` passes on, which nothing else borrows during the call; `part` is readable.
    unsafe { (*target.cast::<String>()).push_str(&text(part)) }
}

unsafe extern "C" {
    fn tesseraObservePasses(
        manager: MlirPassManager,
        target: *mut c_void,
        observe: unsafe extern "C" fn(*mut c_void, MlirStringRef, MlirOperation),
    );
    fn tesseraIsPass(name: MlirStringRef) -> bool;
}
