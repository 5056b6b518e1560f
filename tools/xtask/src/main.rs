//! Not written yet.
fn main() {
    eprintln!("not built yet");
    std::process::exit(2);
}
