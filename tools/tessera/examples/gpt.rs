//! Writes a language model of GPT-2's architecture with random weights, and texts to calibrate it with, for measurements by hand:
//!
//! `cargo run --release -p tessera --example gpt -- gpt2_16.onnx 16` writes GPT-2 small for 16 tokens, and `gpt2_16.npy` beside it.
use std::path::Path;
use tessera::data::{Array, Numbers, npy};
use tessera::networks;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(positions)) = (arguments.next(), arguments.next()) else {
        return Err("usage: gpt FILE.onnx POSITIONS [LAYERS]".into());
    };
    let mut sizes = networks::gpt2(positions.parse()?);
    if let Some(layers) = arguments.next() {
        sizes.layers = layers.parse()?;
    }
    const TEXTS: usize = 4;
    let ids = networks::texts(TEXTS, sizes.positions, sizes.vocabulary);
    let array = Array { shape: vec![TEXTS, sizes.positions], numbers: Numbers::I64(ids, "int64") };
    std::fs::write(Path::new(&path).with_extension("npy"), npy::write(&array))?;
    std::fs::write(&path, networks::gpt(sizes))?;
    Ok(())
}
