//! `zk-opt`: runs passes on a file of IR. It is `mlir-opt` with Tessera's dialects and passes; `zk-opt --help` begins with what
//! differs.

fn main() {
    std::process::exit(zk_opt::run(std::env::args_os()))
}
