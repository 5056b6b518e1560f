//! `zk-lsp-server`: see the library.
fn main() {
    std::process::exit(zk_lsp_server::run_with(&tessera_passes::registry(), std::env::args_os()))
}
