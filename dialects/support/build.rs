//! Compiles the pass bridge.
fn main() {
    tessera_tblgen::cpp("tessera_bridge", &["cpp/bridge.cpp"]);
}
