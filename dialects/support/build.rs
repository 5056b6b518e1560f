//! Compiles the C++ side of passes and patterns.
fn main() {
    tessera_tblgen::cpp("tessera_bridge", &["cpp/bridge.cpp", "cpp/patterns.cpp"]);
}
