//! `zk-lsp-server`: the language server for files of IR. It is `mlir-lsp-server` with Tessera's dialects: hover, go to
//! definition, and diagnostics of the parser and the verifiers while typing.

use mlir_sys::MlirDialectRegistry;
use std::{
    ffi::{CString, c_char, c_int},
    process::exit,
};

unsafe extern "C" {
    fn zkLspServerMain(argc: c_int, argv: *mut *mut c_char, registry: MlirDialectRegistry) -> c_int;
}

fn main() {
    let registry = tessera_passes::registry();
    // An argument with a NUL byte cannot come from a command line.
    let arguments = std::env::args_os()
        .filter_map(|argument| CString::new(argument.into_encoded_bytes()).ok())
        .collect::<Vec<_>>();
    let mut argv = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect::<Vec<_>>();
    exit(unsafe { zkLspServerMain(argv.len() as c_int, argv.as_mut_ptr(), registry.to_raw()) })
}
