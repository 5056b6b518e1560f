//! All passes of Tessera in one list, and the driver that runs them on files of IR.
//!
//! Invariant: a tool that knows passes by name takes them from here, so that no two tools differ.

use mlir_sys::MlirDialectRegistry;
use std::ffi::{CString, OsString, c_char, c_int};
use tessera_mlir::pass::{self, Pass};

/// The lists of passes, from the outermost level to the innermost.
pub const PASSES: &[&[&dyn Pass]] =
    &[tessera_nn_to_qnn::PASSES, tessera_qnn_to_circuit::PASSES, tessera_passes::PASSES];

/// Registers every pass, and MLIR's generic ones, for textual pipelines.
pub fn register_all() {
    tessera_passes::register_all();
    PASSES.iter().for_each(|passes| pass::register(passes));
}

/// Runs `mlir-opt`'s driver with Tessera's dialects and passes; returns the exit status.
///
/// It reads the process's command line into global state of LLVM, so it can be called once.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    register_all();
    let registry = tessera_passes::registry();
    // An argument with a NUL byte cannot come from a command line.
    let arguments = arguments
        .into_iter()
        .filter_map(|argument| CString::new(argument.into_encoded_bytes()).ok())
        .collect::<Vec<_>>();
    let mut argv = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect::<Vec<_>>();
    unsafe { zkOptMain(argv.len() as c_int, argv.as_mut_ptr(), registry.to_raw()) }
}

unsafe extern "C" {
    fn zkOptMain(argc: c_int, argv: *mut *mut c_char, registry: MlirDialectRegistry) -> c_int;
}
