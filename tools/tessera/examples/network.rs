//! Writes a network of the benchmarks with random weights, and images to calibrate it with, for measurements by hand:
//!
//! `cargo run --release -p tessera --example network -- vgg16 vgg16.onnx` writes the network, and `vgg16.npy` beside it.
use std::path::Path;
use tessera::data::{Array, Numbers, npy};
use tessera::networks;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, path] = &arguments[..] else { return Err("usage: network NAME FILE.onnx".into()) };
    let path = Path::new(path);
    let (onnx, shape): (Vec<u8>, &[usize]) = match &name[..] {
        "vgg16" => (networks::vgg16(), &[3, 32, 32]),
        "resnet18" => (networks::resnet18(), &[3, 32, 32]),
        "mobilenet" => (networks::mobilenet(), &[3, 32, 32]),
        "mlp" => (networks::mlp(), &[784]),
        "encoder" => (networks::encoder(), &[64, 512]),
        // a layer of a language model, which reads 64 tokens
        "block" => {
            let sizes = networks::Gpt { layers: 1, width: 256, heads: 4, vocabulary: 512, positions: 64 };
            let ids = Numbers::I64(networks::texts(TEXTS, sizes.positions, sizes.vocabulary), "int64");
            let ids = Array { shape: vec![TEXTS, sizes.positions], numbers: ids };
            std::fs::write(path.with_extension("npy"), npy::write(&ids))?;
            std::fs::write(path, networks::gpt(sizes))?;
            return Ok(());
        }
        _ => {
            return Err(format!(
                "there is no network {name}: vgg16, resnet18, mobilenet, mlp, encoder, block"
            )
            .into());
        }
    };
    let images =
        Numbers::F32(networks::images(TEXTS, shape).into_iter().map(|v| f32::from(v) / 255.0).collect());
    let images = Array { shape: [&[TEXTS], shape].concat(), numbers: images };
    std::fs::write(path.with_extension("npy"), npy::write(&images))?;
    std::fs::write(path, onnx)?;
    Ok(())
}

/// Images or texts to calibrate with.
const TEXTS: usize = 4;
