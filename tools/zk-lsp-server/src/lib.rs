//! The language server for files of IR: `mlir-lsp-server` with Tessera's dialects. Hover, go to definition, and diagnostics of
//! the parser and the verifiers while typing.

use melior::dialect::DialectRegistry;
use mlir_sys::MlirDialectRegistry;
use std::ffi::{CString, OsString, c_char, c_int};

/// Serves until the editor says to stop; returns the exit status. `registry` holds the dialects it knows.
///
/// It reads the process's command line into global state of LLVM, so it can be called once.
pub fn run_with(registry: &DialectRegistry, arguments: impl IntoIterator<Item = OsString>) -> i32 {
    // An argument with a NUL byte cannot come from a command line.
    let arguments = arguments
        .into_iter()
        .filter_map(|argument| CString::new(argument.into_encoded_bytes()).ok())
        .collect::<Vec<_>>();
    let mut argv = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect::<Vec<_>>();
    // SAFETY: `argv` has `argc` C strings, which `arguments` keeps alive with the registry until the server ends.
    unsafe { zkLspServerMain(argv.len() as c_int, argv.as_mut_ptr(), registry.to_raw()) }
}

unsafe extern "C" {
    fn zkLspServerMain(argc: c_int, argv: *mut *mut c_char, registry: MlirDialectRegistry) -> c_int;
}
