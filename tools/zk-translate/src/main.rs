//! The `zk-translate` binary; everything is in the library.
fn main() -> std::process::ExitCode {
    zk_translate::main()
}
