//! Generates and compiles the C++ side of the dialect.
fn main() {
    println!("cargo:rerun-if-changed=assembly.h");
    tessera_tblgen::dialect("circuit");
}
