//! Writes the list of backends from the dependencies, so that a new one is one line in one place.
use std::fmt::Write;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=Cargo.toml");
    let manifest = std::fs::read_to_string("Cargo.toml").expect("cargo runs this beside the manifest");
    let lines = manifest.lines().skip_while(|l| *l != "[dependencies]").skip(1);
    let names = lines.take_while(|l| !l.starts_with('[')).filter_map(|l| l.split(['.', ' ', '=']).next());
    let mut list = String::from("&[");
    for name in names.filter(|n| !n.is_empty() && !n.starts_with('#') && *n != "tessera-api") {
        let _ = write!(list, "&{}::BACKEND, ", name.replace('-', "_"));
    }
    let out = std::env::var("OUT_DIR").expect("cargo says where");
    std::fs::write(Path::new(&out).join("all.rs"), list + "]").expect("the folder is there");
}
