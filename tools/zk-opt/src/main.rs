//! `zk-opt`: runs passes on a file of IR. It is `mlir-opt` with Tessera's dialects and passes, so
//! `--pass-pipeline`, `--split-input-file`, `--verify-diagnostics`, `--mlir-print-ir-after-all` and the rest are MLIR's.

use mlir_sys::MlirDialectRegistry;
use std::{
    ffi::{CString, c_char, c_int},
    process::exit,
};

unsafe extern "C" {
    fn zkOptMain(argc: c_int, argv: *mut *mut c_char, registry: MlirDialectRegistry) -> c_int;
}

fn main() {
    tessera_passes::register_all();
    let registry = tessera_passes::registry();
    // An argument with a NUL byte cannot come from a command line.
    let arguments = std::env::args_os()
        .filter_map(|argument| CString::new(argument.into_encoded_bytes()).ok())
        .collect::<Vec<_>>();
    let mut argv = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect::<Vec<_>>();
    exit(unsafe { zkOptMain(argv.len() as c_int, argv.as_mut_ptr(), registry.to_raw()) })
}
