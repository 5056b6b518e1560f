//! `zk-reduce`: see the library.
fn main() {
    zk_opt::register_all();
    std::process::exit(zk_reduce::run_with(&tessera_passes::context(), std::env::args_os()))
}
