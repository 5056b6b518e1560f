//! The import of ONNX models and their quantization, on real files.
//!
//! The files under `models/` and `refused/` are written by `make_models.py`, those of `learned/` by the one there.

mod cached;
mod damage;
mod functions;
mod learned;
mod local;
mod numerics;
mod quantized;
mod random;
mod refused;
mod suite;
mod transformers;

use melior::{Context, ir::Module};
use ndarray::{ArrayD, IxDyn};
use std::path::{Path, PathBuf};
use tessera_import_onnx::ImportOptions;
use tessera_mlir::params::Params;

fn here() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/onnx"))
}

/// The files of a folder, sorted.
fn onnx_files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(here().join(folder))
        .expect("the folder of models exists")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no models in {folder}");
    files
}

fn context() -> Context {
    tessera_mlir::context(&[tessera_nn::dialect(), tessera_qnn::dialect()])
}

fn import<'c>(context: &'c Context, path: &Path) -> (Module<'c>, Params) {
    tessera_import_onnx::import(context, path.into(), &ImportOptions::default())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn import_bytes<'c>(context: &'c Context, bytes: &[u8]) -> (Module<'c>, Params) {
    tessera_import_onnx::import(context, bytes.into(), &ImportOptions::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

/// Numbers in -1..1 from a linear congruential generator.
fn noise(shape: &[usize], seed: u64) -> ArrayD<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    ArrayD::from_shape_fn(IxDyn(shape), |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    })
}
