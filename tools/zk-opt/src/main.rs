//! `zk-opt`: runs passes on a file of IR. It is `mlir-opt` with Tessera's dialects and passes, so
//! `--pass-pipeline`, `--split-input-file`, `--verify-diagnostics`, `--mlir-print-ir-after-all` and the rest are MLIR's;
//! `--print-default-pipeline` prints the pipeline that `tessera compile` runs, `--patterns=FILE` applies rewrite patterns
//! written in PDL or PDLL, `--print-patterns` prints which pattern was applied where, and `--pass-statistics` prints what
//! passes count.

fn main() {
    std::process::exit(zk_opt::run(std::env::args_os()))
}
