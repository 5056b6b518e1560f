//! `zk-reduce`: makes a file of IR small while a script still finds it interesting, such as one that exits 1 where a pass
//! goes wrong. It is `mlir-reduce` with Tessera's dialects and passes.
//!
//! ```sh
//! zk-reduce big.mlir --reduction-tree='traversal-mode=0 test=interesting.sh' -o small.mlir
//! ```

use melior::Context;
use mlir_sys::MlirContext;
use std::ffi::{CString, OsString, c_char, c_int};

/// Reduces; returns the exit status. `context` knows the dialects, and passes are registered already.
///
/// It reads the process's command line into global state of LLVM, so it can be called once.
pub fn run_with(context: &Context, arguments: impl IntoIterator<Item = OsString>) -> i32 {
    // An argument with a NUL byte cannot come from a command line.
    let arguments = arguments
        .into_iter()
        .filter_map(|argument| CString::new(argument.into_encoded_bytes()).ok())
        .collect::<Vec<_>>();
    let mut argv = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect::<Vec<_>>();
    // SAFETY: `argv` has `argc` C strings, which `arguments` keeps alive with the context until the driver ends.
    unsafe { zkReduceMain(argv.len() as c_int, argv.as_mut_ptr(), context.to_raw()) }
}

unsafe extern "C" {
    fn zkReduceMain(argc: c_int, argv: *mut *mut c_char, context: MlirContext) -> c_int;
}
