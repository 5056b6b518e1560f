//! Wrong use and bad files: what a user reads, and the exit code.
//!
//! The texts are one snapshot, with the paths of the test taken out.
use crate::support::*;
use std::path::Path;

/// A conversation: the command, its exit code, what it says on stderr.
pub fn conversation(dir: &Path, replace: &[(&str, &str)], args: &[&str]) -> String {
    let ran = tessera_in(dir, args);
    let mut text =
        format!("$ tessera {}\n[exit code {}]\n{}", args.join(" "), ran.code.unwrap_or(-1), ran.err);
    assert!(!ran.err.contains("panicked"), "{text}");
    for (from, to) in replace {
        text = text.replace(from, to);
    }
    text.trim_end().to_string()
}

#[test]
fn every_error_says_what_was_expected_found_where_and_what_to_do() {
    let (lenet, digits) = (compiled("fmnist_lenet", 1), compiled("digits_mlp", 1));
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    for (m, name) in [(&lenet, "lenet"), (&digits, "digits")] {
        for extension in ["tess", "pk", "vk"] {
            std::fs::copy(m.file(extension), d.join(format!("{name}.{extension}"))).expect("a copy");
        }
    }
    for f in ["fmnist_lenet.onnx", "../onnx/refused/several.onnx"] {
        let from = models().join(f);
        std::fs::copy(&from, d.join(from.file_name().expect("a name"))).expect("a copy");
    }
    let (all, n) = images("fmnist_lenet");
    let one = all[..n].to_vec();
    npy(d, "good.npy", &[1, 1, 28, 28], one.clone());
    npy(d, "two.npy", &[2, 28, 28], all[..2 * n].to_vec());
    npy(d, "wide.npy", &[1, 1, 28, 27], one[..28 * 27].to_vec());
    let mut nan = one.clone();
    nan[100] = f32::NAN;
    npy(d, "nan.npy", &[1, 1, 28, 28], nan);
    npy(d, "labels_float.npy", &[1], vec![9.0]);
    let good = std::fs::read(d.join("good.npy")).expect("the file");
    std::fs::write(d.join("cut.npy"), &good[..good.len() - 5]).expect("a file");
    std::fs::write(d.join("complex.npy"), raw_npy("<c8", "(1, 1, 28, 28)", 784 * 8)).expect("a file");
    std::fs::write(d.join("text.onnx"), "not a model").expect("a file");
    let onnx = std::fs::read(d.join("fmnist_lenet.onnx")).expect("the model");
    std::fs::write(d.join("cut.onnx"), &onnx[..onnx.len() / 2]).expect("a file");
    ok(d, &["prove", "lenet.tess", "--input", "good.npy", "-o", "lenet.proof"]);
    let changed = |from: &str, to: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut b = std::fs::read(d.join(from)).expect("the file");
        change(&mut b);
        std::fs::write(d.join(to), b).expect("a file");
    };
    changed("lenet.proof", "cut.proof", &|b| b.truncate(b.len() / 2));
    changed("lenet.proof", "flipped.proof", &|b| {
        let at = b.len() / 2;
        b[at] ^= 1;
    });
    changed("lenet.vk", "cut.vk", &|b| b.truncate(40));
    changed("lenet.tess", "flipped.tess", &|b| b[60] ^= 1);
    changed("lenet.tess", "future.tess", &|b| b[8] = 9);

    let digests: Vec<(String, String)> = ["lenet", "digits"]
        .iter()
        .flat_map(|m| {
            let vk = ok(d, &["inspect", &format!("{m}.vk")]);
            let text = |what: &str| vk[what].as_str().expect("a digest").to_string();
            // errors show the first 64 bits
            [("belongs_to", "program"), ("digest", "key")]
                .map(|(f, what)| (text(f)[..16].to_owned(), format!("{{{m} {what}}}")))
        })
        .collect();
    let replace: Vec<(&str, &str)> = digests.iter().map(|(a, b)| (&a[..], &b[..])).collect();

    let cases: &[&[&str]] = &[
        // data
        &["prove", "lenet.tess", "--input", "wide.npy", "-o", "o.proof"],
        &["prove", "lenet.tess", "--input", "nan.npy", "-o", "o.proof"],
        &["prove", "lenet.tess", "--input", "complex.npy", "-o", "o.proof"],
        &["prove", "lenet.tess", "--input", "cut.npy", "-o", "o.proof"],
        &["prove", "lenet.tess", "--input", "missing.npy", "-o", "o.proof"],
        &["prove", "lenet.tess", "--input", "two.npy", "-o", "o.proof"],
        &["prove", "lenet.tess", "--input", "two.npy", "--index", "2", "-o", "o.proof"],
        &["prove", "lenet.tess", "--input", "lenet.vk", "-o", "o.proof"],
        &["prove", "lenet.tess", "--input", "good.npy", "-o", "missing/o.proof"],
        &["eval", "lenet.tess", "--input", "good.npy", "--labels", "labels_float.npy"],
        // models
        &["compile", "several.onnx", "--calibration", "good.npy"],
        &["compile", "text.onnx", "--calibration", "good.npy"],
        &["compile", "cut.onnx", "--calibration", "good.npy"],
        &["compile", "missing.onnx", "--calibration", "good.npy"],
        &["compile", "fmnist_lenet.onnx", "--calibration", "wide.npy"],
        &["compile", "fmnist_lenet.onnx", "--calibration", "good.npy", "--batch", "0"],
        &["compile", "fmnist_lenet.onnx", "--calibration", "good.npy", "--scale", "bright"],
        // our files
        &["prove", "flipped.tess", "--input", "good.npy", "-o", "o.proof"],
        &["prove", "future.tess", "--input", "good.npy", "-o", "o.proof"],
        &["prove", "lenet.vk", "--input", "good.npy", "-o", "o.proof"],
        &["prove", "lenet.tess", "--key", "digits.pk", "--input", "good.npy", "-o", "o.proof"],
        &["verify", "lenet.proof", "--key", "digits.vk"],
        &["verify", "lenet.proof", "--key", "cut.vk"],
        &["verify", "lenet.proof", "--key", "lenet.pk"],
        &["verify", "cut.proof", "--key", "lenet.vk"],
        &["verify", "flipped.proof", "--key", "lenet.vk"],
        &["verify", "good.npy", "--key", "lenet.vk"],
        &["verify", "missing.proof", "--key", "lenet.vk"],
        &["verify", "lenet.proof", "--key", "lenet.vk", "--input", "two.npy", "--index", "1"],
        &["inspect", "several.onnx"],
        // use
        &["verify", "lenet.proof"],
        &["prove"],
        &["transmogrify"],
    ];
    let said: Vec<String> = cases.iter().map(|c| conversation(d, &replace, c)).collect();
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn exit_codes_tell_a_false_proof_from_a_bad_file() {
    let m = compiled("digits_mlp", 1);
    let other = compiled("fmnist_lenet", 1);
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    let (all, n) = images("digits_mlp");
    let x = npy(d, "x.npy", &[64], all[..n].to_vec());
    let tess = m.file("tess");
    ok(d, &["prove", &tess.to_string_lossy(), "--input", &x.to_string_lossy(), "-o", "p.proof"]);
    let code = |args: &[&str]| tessera_in(d, args).code;
    let (vk, other) = (m.file("vk"), other.file("vk"));
    let (vk, other) = (vk.to_string_lossy(), other.to_string_lossy());
    assert_eq!(code(&["verify", "p.proof", "--key", &vk]), Some(0));
    assert_eq!(code(&["verify", "p.proof", "--key", &other]), Some(1));
    assert_eq!(code(&["verify", "none.proof", "--key", &vk]), Some(2));
    assert_eq!(code(&["verify", "p.proof"]), Some(2));
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["--version"]), Some(0));
}

#[test]
fn errors_are_json_when_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let ran = tessera_in(dir.path(), &["verify", "none.proof", "--key", "none.vk", "--json"]);
    assert_eq!(ran.code, Some(2));
    let problem = &ran.json()["error"]["problems"][0];
    assert!(problem["message"].as_str().is_some_and(|m| m.contains("none.vk")), "{}", ran.out);
}
