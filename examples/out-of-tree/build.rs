//! Generates and compiles the C++ side of the dialect.
fn main() {
    tessera_tblgen::dialect("power");
}
