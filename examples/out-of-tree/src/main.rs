//! `example-opt`: Tessera's driver with the dialect and the pass of this crate.
fn main() {
    std::process::exit(zk_opt::run_with(&tessera_out_of_tree::registry(), std::env::args_os()))
}
