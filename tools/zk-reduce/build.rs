//! Links mlirReduceMain, which libMLIR.so does not contain.
fn main() {
    tessera_tblgen::cpp("zk_reduce_main", &["main.cpp"]);
    tessera_tblgen::link_static(&["MLIRReduceLib"]);
}
