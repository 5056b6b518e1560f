//! A network with a sigmoid and a GELU, from an ONNX file to a verified proof: as its owner would do it.
use crate::support::*;
use serde_json::Value;
use tessera_import_onnx::write::{Conv, Writer};

/// Numbers in -1..1, the same every time.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// conv, sigmoid, linear, GELU as exporters spell it, linear.
fn network() -> Vec<u8> {
    let mut w = Writer::new("activations");
    let x = w.input("x", &[1, 2, 8, 8]);
    let conv = Conv { stride: 1, pad: 1, groups: 1 };
    let y = w.conv(&x, ([4, 2, 3, 3], &noise(72, 1)), &noise(4, 2), conv);
    let y = w.function("Sigmoid", &y);
    let y = w.flatten(&y);
    let weights: Vec<f32> = noise(32 * 256, 3).iter().map(|v| v * 0.2).collect();
    let y = w.linear(&y, 32, &weights, &noise(32, 4));
    let scaled = w.with_number("Div", &y, std::f32::consts::SQRT_2);
    let erf = w.function("Erf", &scaled);
    let tail = w.with_number("Add", &erf, 1.0);
    let product = w.mul(&y, &tail);
    let y = w.with_number("Mul", &product, 0.5);
    let y = w.linear(&y, 10, &noise(320, 5), &noise(10, 6));
    w.finish(&y)
}

fn numbers(report: &Value, what: &str) -> Vec<f64> {
    let row = report["outputs"][0][what][0].as_array().unwrap_or_else(|| panic!("{what}: {report}"));
    row.iter().map(|v| v.as_f64().expect("a number")).collect()
}

#[test]
fn sigmoid_and_gelu_from_onnx_to_verified() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    std::fs::write(d.join("net.onnx"), network()).expect("a model file");
    npy(d, "samples.npy", &[64, 2, 8, 8], noise(64 * 128, 7));
    npy(d, "x.npy", &[1, 2, 8, 8], noise(128, 8));
    ok(d, &["compile", "net.onnx", "--calibration", "samples.npy", "-o", "net.tess"]);
    ok(d, &["setup", "net.tess"]);
    let proved = ok(d, &["prove", "net.tess", "--input", "x.npy", "-o", "out.proof"]);
    let verified = ok(d, &["verify", "out.proof", "--key", "net.vk", "--input", "x.npy"]);
    assert_eq!(verified["verified"], true);
    assert_eq!(numbers(&proved, "integers"), numbers(&verified, "integers"));
    for level in ["qnn", "circuit", "program"] {
        let ran = ok(d, &["run", "net.tess", "--input", "x.npy", "--level", level]);
        assert_eq!(numbers(&ran, "integers"), numbers(&proved, "integers"), "level {level}");
    }
    let r = ok(d, &["eval", "net.tess", "--input", "samples.npy"]);
    assert!(r["cosine"]["min"].as_f64().is_some_and(|c| c > 0.995), "{r}");
}
