//! Transformers as torch exports them: texts of several lengths, images in patches, a decoder layer.
use crate::support::*;
use ndarray::ArrayD;
use ndarray_npy::{NpzReader, NpzWriter};
use std::fs::File;
use std::path::{Path, PathBuf};
use tessera::data::{DataFile, Numbers};

/// The models of the folder, which `make_models.py` there writes.
fn exported() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(models().join("attention")).unwrap();
    let files = entries.map(|e| e.unwrap().path());
    let mut models: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == "onnx")).collect();
    models.sort();
    models
}

/// A model of the folder, and its data.
fn files(name: &str) -> (String, String) {
    let of = |extension: &str| models().join("attention").join(format!("{name}.{extension}"));
    (of("onnx").to_string_lossy().into_owned(), of("npz").to_string_lossy().into_owned())
}

/// Rows of an array of a file, a case each.
fn rows(file: &Path, name: Option<&str>) -> Vec<Vec<f64>> {
    let file = DataFile::read(file).unwrap();
    let (_, array) = file.arrays.iter().find(|(n, _)| name.is_none() || n.as_deref() == name).unwrap();
    let values: Vec<f64> = match &array.numbers {
        Numbers::F32(v) => v.iter().map(|v| f64::from(*v)).collect(),
        Numbers::F64(v) => v.clone(),
        Numbers::I64(v, _) => v.iter().map(|v| *v as f64).collect(),
        Numbers::Text(_) => panic!("arrays are numbers"),
    };
    values.chunks(values.len() / array.shape[0]).map(<[f64]>::to_vec).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn reals_are_torchs_and_integers_follow() {
    let models = exported();
    assert!(models.len() >= 11);
    for onnx in models {
        let dir = tempfile::tempdir().unwrap();
        let (d, data) = (dir.path(), onnx.with_extension("npz"));
        let (name, onnx, data) = (onnx.display(), onnx.to_string_lossy(), data.to_string_lossy());
        ok(d, &["compile", &onnx, "--calibration", &data, "-o", "m.tess"]);
        let expected = rows(Path::new(&*data), Some("expected"));
        let run = |level: &str| {
            ok(d, &["run", "m.tess", "--input", &data, "--level", level, "-o", "y.npz"]);
            rows(&d.join("y.npz"), Some("y"))
        };
        for (real, expected) in run("nn").iter().zip(&expected) {
            let off = real.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-4, "{name}: {off}");
        }
        for (integers, expected) in run("qnn").iter().zip(&expected) {
            let cosine = cosine(integers, expected);
            assert!(cosine >= 0.9999, "{name}: {cosine}");
        }
    }
}

/// A mask that calibration never used leaves out what it hides all the same.
#[test]
fn a_mask_that_calibration_did_not_use_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let (d, (onnx, data)) = (dir.path(), files("mask_inverted"));
    let mut given = NpzReader::new(File::open(&data).unwrap()).unwrap();
    let x: ArrayD<f32> = given.by_name("x").unwrap();
    let mut mask: ArrayD<i64> = given.by_name("mask").unwrap();
    mask.fill(1);
    let mut ones = NpzWriter::new(File::create(d.join("ones.npz")).unwrap());
    ones.add_array("x", &x).unwrap();
    ones.add_array("mask", &mask).unwrap();
    ones.finish().unwrap();
    ok(d, &["compile", &onnx, "--calibration", "ones.npz", "-o", "m.tess"]);
    ok(d, &["run", "m.tess", "--input", &data, "--level", "qnn", "-o", "y.npz"]);
    let expected = rows(Path::new(&data), Some("expected"));
    for (integers, expected) in rows(&d.join("y.npz"), Some("y")).iter().zip(&expected) {
        // outputs beyond those of calibration are clamped
        let cosine = cosine(integers, expected);
        assert!(cosine >= 0.99, "{cosine}");
    }
}

#[test]
fn a_text_classifier_is_proven() {
    let dir = tempfile::tempdir().unwrap();
    let (d, (onnx, data)) = (dir.path(), files("bert"));
    ok(d, &["compile", &onnx, "--calibration", &data, "-o", "m.tess"]);
    ok(d, &["setup", "m.tess"]);
    ok(d, &["prove", "m.tess", "--input", &data, "--index", "3", "-o", "m.proof"]);
    let report = ok(d, &["verify", "m.proof", "--key", "m.vk"]);
    ok(d, &["run", "m.tess", "--input", &data, "--level", "qnn", "-o", "y.npz"]);
    let found: Vec<f64> = serde_json::from_value(report["outputs"][0]["values"][0].clone()).unwrap();
    let expected = &rows(&d.join("y.npz"), Some("y"))[3];
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
}
