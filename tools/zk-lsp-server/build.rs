//! Links MlirLspServerMain, which libMLIR.so does not contain.
fn main() {
    tessera_tblgen::cpp("zk_lsp_main", &["main.cpp"]);
    tessera_tblgen::link_static(&[
        "MLIRLspServerLib",
        "MLIRLspServerSupportLib",
        "LLVMSupportLSP",
        "MLIRPluginsLib",
    ]);
}
