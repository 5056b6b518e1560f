//! What every crate on the MLIR side shares: the context, errors, parameters, attributes and types as Rust values,
//! and the bridge by which passes written in Rust get names and options.
//!
//! Invariants:
//! - One context belongs to one thread.
//! - Nothing here knows a dialect of ours; dialects are handed in.
//! - Whatever a user's file can reach returns an [`Error`], never a panic.

pub mod attrs;
pub mod build;
pub mod compute;
pub mod diag;
mod error;
pub mod func;
pub mod functions;
pub mod graph;
pub mod hooks;
pub mod loc;
pub mod natives;
pub mod op;
pub mod params;
pub mod pass;
pub mod pipeline;
pub mod plan;
pub mod rewrite;
pub mod shape;
pub mod splice;
pub mod types;
pub mod values;

pub use error::{Error, Report, Result};
pub use loc::Place;

use melior::{
    Context,
    dialect::{DialectHandle, DialectRegistry},
    ir::{
        Location, Module, OperationRef,
        operation::{OperationLike, OperationPrintingFlags},
    },
};
use mlir_sys::{
    MlirContext, MlirDialectRegistry, MlirModule, MlirStringRef, mlirGetDialectHandle__ml_program__,
    mlirLocationGetContext, mlirRegisterTransformsPasses,
};
use std::{cell::RefCell, sync::Once};

/// A registry with the upstream dialects that Tessera uses, and the given ones.
pub fn registry(dialects: &[DialectHandle]) -> DialectRegistry {
    register_upstream_passes();
    let registry = DialectRegistry::new();
    for handle in [
        DialectHandle::func(),
        DialectHandle::arith(),
        DialectHandle::tensor(),
        // SAFETY: the handle is a constant of MLIR.
        unsafe { DialectHandle::from_raw(mlirGetDialectHandle__ml_program__()) },
        DialectHandle::quant(),
    ]
    .iter()
    .chain(dialects)
    {
        handle.insert_dialect(&registry);
    }
    // A driver loads a dialect when its input names it; what a pass makes must be loaded before the pass runs.
    // SAFETY: the registry is alive.
    unsafe { tesseraAddDependentDialects(registry.to_raw()) };
    registry
}

unsafe extern "C" {
    fn tesseraAddDependentDialects(registry: MlirDialectRegistry);
    fn tesseraRegisterTransformPasses();
}

/// A context in which the upstream dialects of [`registry`] and the given dialects are loaded. It runs on the
/// calling thread alone: results do not depend on the machine, and one context per thread is the rule.
pub fn context(dialects: &[DialectHandle]) -> Context {
    let context = Context::new_with_registry(&registry(dialects), false);
    context.load_all_available_dialects();
    context
}

/// Registers `canonicalize`, `cse`, `symbol-dce`, the other generic passes and `transform-interpreter`, once per process.
pub fn register_upstream_passes() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: called once; it fills a list of the process.
        unsafe { mlirRegisterTransformsPasses() };
        // SAFETY: called once; it fills a list of the process.
        unsafe { tesseraRegisterTransformPasses() };
    });
}

/// Parses and verifies the text of a module. `file_name` is what messages and locations call the source.
///
/// # Errors
/// Every diagnostic of the parser and the verifiers.
pub fn parse<'c>(context: &'c Context, source: &str, file_name: &str) -> Result<Module<'c>> {
    // MLIR's lexer knows the end of its text by the NUL behind it, which a Rust string has not
    let terminated = format!("{source}\0");
    let source = &terminated[..source.len()];
    // SAFETY: the context is alive; both texts are read during the call, and `source` ends in a NUL as the lexer wants.
    let (module, diagnostics) = diag::collect(context, || unsafe {
        Module::from_option_raw(tesseraParseModule(
            context.to_raw(),
            string_ref(source),
            string_ref(file_name),
        ))
    });
    module.ok_or_else(|| diagnostics.into_error(format!("{file_name}: not an MLIR module")))
}

/// Runs every verifier on a module.
///
/// # Errors
/// Every diagnostic of the verifiers.
pub fn verify(module: &Module) -> Result<()> {
    let context = context_of(module.as_operation().location());
    let (valid, diagnostics) = diag::collect(context, || module.as_operation().verify());
    if valid { Ok(()) } else { Err(diagnostics.into_error("the module is not valid")) }
}

/// A module as text, without locations.
pub fn print(module: &Module) -> String {
    module.as_operation().to_string()
}

/// An operation as text with its locations, so that node names survive in a file.
pub fn print_with_locations(operation: OperationRef) -> String {
    operation
        .to_string_with_flags(OperationPrintingFlags::new().enable_debug_info(true, false))
        .unwrap_or_else(|error| error.to_string())
}

/// The context a location belongs to.
///
/// melior's `ContextRef::to_ref` points into the `ContextRef` itself, so what it returns dangles as soon as that
/// temporary is gone. This points to a cell that stays.
pub fn context_of<'c>(location: Location<'c>) -> &'c Context {
    // SAFETY: the location is alive, and so is its context.
    context_from_raw(unsafe { mlirLocationGetContext(location.to_raw()) })
}

pub(crate) fn context_from_raw<'c>(raw: MlirContext) -> &'c Context {
    // A Context is a struct of this one field; it is never dropped through the cell.
    const { assert!(size_of::<Context>() == size_of::<MlirContext>()) };
    thread_local! {
        static CELLS: RefCell<Vec<&'static MlirContext>> = const { RefCell::new(vec![]) };
    }
    let cell: &'static MlirContext = CELLS.with_borrow_mut(|cells| {
        match cells.iter().find(|cell| cell.ptr == raw.ptr) {
            Some(cell) => cell,
            None => {
                // One word for each context of the thread, reused when an address comes back.
                let cell: &'static MlirContext = Box::leak(Box::new(raw));
                cells.push(cell);
                cell
            }
        }
    });
    // SAFETY: the layouts are equal, as asserted, and the cell stays until the process ends; the context outlives 'c by the caller.
    unsafe { &*std::ptr::from_ref(cell).cast::<Context>() }
}

/// Copies a string of MLIR.
///
/// # Safety
/// The string must be valid for reading.
pub unsafe fn text(string: MlirStringRef) -> String {
    if string.length == 0 {
        return String::new();
    }
    // SAFETY: the caller gives a string that can be read.
    let bytes = unsafe { std::slice::from_raw_parts(string.data.cast::<u8>(), string.length) };
    String::from_utf8_lossy(bytes).into_owned()
}

/// Borrows a string for a call into MLIR.
pub fn string_ref(string: &str) -> MlirStringRef {
    MlirStringRef { data: string.as_ptr().cast(), length: string.len() }
}

unsafe extern "C" {
    fn tesseraParseModule(context: MlirContext, source: MlirStringRef, name: MlirStringRef) -> MlirModule;
}
