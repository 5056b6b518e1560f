//! Links MlirOptMain, which libMLIR.so does not contain.
fn main() {
    tessera_tblgen::cpp("zk_opt_main", &["main.cpp"]);
    tessera_tblgen::link_static(&["MLIROptLib", "MLIRPluginsLib"]);
}
