//! Running a textual pipeline on a module, with errors as Rust values.
//!
//! Invariant: the module is verified before the first pass and after each one, unless the caller asks otherwise.

use crate::{Error, Result, context_of, diag, register_upstream_passes, string_ref, text};
use melior::{
    ir::{
        Module,
        operation::{OperationLike, OperationPrintingFlags},
    },
    pass::{PassIrPrintingOptions, PassManager},
};
use mlir_sys::{MlirStringRef, mlirParsePassPipeline, mlirPassManagerEnableTiming};
use std::{
    ffi::c_void,
    path::{Path, PathBuf},
};

/// How a pipeline runs.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// A folder to print the IR into after each pass, one file a pass.
    pub print_after_all: Option<&'a Path>,
    /// Whether to verify between passes.
    pub verify: bool,
    /// Whether to print the time of each pass to standard error.
    pub timing: bool,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self { print_after_all: None, verify: true, timing: false }
    }
}

/// Runs a pipeline such as `builtin.module(canonicalize,cse)`.
///
/// # Errors
/// When the pipeline does not parse, or with every diagnostic of the pass or verifier that failed.
pub fn run(module: &mut Module, pipeline: &str, settings: &Settings) -> Result<()> {
    register_upstream_passes();
    let context = context_of(module.as_operation().location());
    let manager = PassManager::new(context);
    let mut message = String::new();
    let parsed = unsafe {
        mlirParsePassPipeline(
            manager.as_operation_pass_manager().to_raw(),
            string_ref(pipeline),
            Some(append),
            (&raw mut message).cast(),
        )
    };
    if parsed.value == 0 {
        return Err(Error::new(format!("the pipeline '{pipeline}' is refused: {}", message.trim())));
    }
    manager.enable_verifier(settings.verify);
    if settings.timing {
        unsafe { mlirPassManagerEnableTiming(manager.to_raw()) }
    }
    if let Some(folder) = settings.print_after_all {
        manager.enable_ir_printing(&PassIrPrintingOptions {
            before_all: false,
            after_all: true,
            module_scope: true,
            on_change: false,
            on_failure: false,
            flags: OperationPrintingFlags::new(),
            tree_printing_path: PathBuf::from(folder),
        });
    }
    let (outcome, diagnostics) = diag::collect(context, || manager.run(module));
    outcome.map_err(|_| diagnostics.into_error(format!("the pipeline '{pipeline}' failed")))
}

unsafe extern "C" fn append(part: MlirStringRef, target: *mut c_void) {
    unsafe { (*target.cast::<String>()).push_str(&text(part)) }
}
