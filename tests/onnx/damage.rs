//! Truncated and bit-flipped files: errors or models, never a panic.

use crate::here;
use proptest::prelude::*;
use tessera_import_onnx::{ImportOptions, Source, read_graph};

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(here().join("models").join(name)).unwrap()
}

#[test]
fn truncated_files_do_not_panic() {
    for name in ["inception.onnx", "shape_arithmetic.onnx"] {
        let bytes = bytes(name);
        for length in (0..bytes.len()).step_by(11) {
            let _ = read_graph(Source::Bytes(&bytes[..length]), &ImportOptions::default());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn flipped_bits_do_not_panic(
        which in 0..4usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8u32), 1..4),
    ) {
        let name = ["resnet_symbolic_batch.onnx", "shape_arithmetic.onnx", "split_concat.onnx", "conv_stride_pad.onnx"][which];
        let mut bytes = bytes(name);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let _ = read_graph(Source::Bytes(&bytes), &ImportOptions::default());
    }
}
