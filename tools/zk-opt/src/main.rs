//! `zk-opt`: runs passes on a file of IR. It is `mlir-opt` with Tessera's dialects and passes, so
//! `--pass-pipeline`, `--split-input-file`, `--verify-diagnostics`, `--mlir-print-ir-after-all` and the rest are MLIR's.

fn main() {
    std::process::exit(zk_opt::run(std::env::args_os()))
}
