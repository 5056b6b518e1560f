//! What the models of the tests have to reach, and that a proof says exactly what the quantized model computes.
use crate::support::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use tessera::data::bind::Factor;

fn integers(report: &Value) -> Vec<Vec<i64>> {
    let outputs = report["outputs"][0]["integers"].as_array().expect("integers of the first output");
    let row =
        |r: &Value| r.as_array().expect("a row").iter().map(|x| x.as_i64().expect("an integer")).collect();
    outputs.iter().map(row).collect()
}

/// Compile, setup, prove, verify; the proof's output is the interpreter's.
fn end_to_end(onnx: &str, shape: &[usize]) {
    let m = compiled(onnx, 1);
    let dir = tempfile::tempdir().expect("a directory");
    let (all, n) = images(onnx);
    let x = npy(dir.path(), "x.npy", shape, all[7 * n..8 * n].to_vec());
    let (tess, vk) = (m.file("tess"), m.file("vk"));
    let (x, tess, vk) = (x.to_string_lossy(), tess.to_string_lossy(), vk.to_string_lossy());
    let proved = ok(dir.path(), &["prove", &tess, "--input", &x, "-o", "out.proof"]);
    // the parts are within the whole
    let wall = |part: &str| proved[part]["wall_s"].as_f64().unwrap_or_else(|| panic!("{part}: {proved}"));
    let parts: f64 = ["read", "witness", "prove", "write"].map(wall).iter().sum();
    assert!(wall("whole") >= parts && wall("read") > 0.0, "{proved}");
    let verified = ok(dir.path(), &["verify", "out.proof", "--key", &vk, "--input", &x]);
    assert_eq!(verified["verified"], true);
    assert_eq!(integers(&proved), integers(&verified));
    assert!(verified["security"]["security_bits"].as_f64().expect("bits") >= 100.0);
    assert_eq!(verified["security"]["regime"], "proven");
    for level in ["qnn", "circuit", "program"] {
        let ran = ok(dir.path(), &["run", &tess, "--input", &x, "--level", level]);
        assert_eq!(integers(&ran), integers(&proved), "level {level}");
    }

    // the same proof is not about another image
    let other = npy(dir.path(), "other.npy", shape, all[8 * n..9 * n].to_vec());
    let ran = tessera_in(
        dir.path(),
        &["verify", "out.proof", "--key", &vk, "--input", &other.to_string_lossy(), "--json"],
    );
    assert_eq!((ran.code, &ran.json()["verified"]), (Some(1), &Value::Bool(false)), "{}", ran.err);
}

#[test]
fn lenet_from_onnx_to_verified() {
    end_to_end("fmnist_lenet", &[1, 1, 28, 28]);
}

#[test]
fn lenet_of_the_dynamo_exporter_from_onnx_to_verified() {
    end_to_end("fmnist_lenet.dynamo", &[1, 28, 28]);
}

#[test]
fn digits_from_onnx_to_verified() {
    end_to_end("digits_mlp", &[1, 64]);
}

fn accuracy(onnx: &str, float: f64, quantized: f64) {
    let m = compiled(onnx, 1);
    let data = calibration(onnx).0;
    let data = data.to_string_lossy();
    let images = format!("{data}:images_u8");
    let tess = m.file("tess");
    let r = ok(&m.dir, &["eval", &tess.to_string_lossy(), "--input", &images, "--labels", &data]);
    let number =
        |part: &str, what: &str| r[part][what].as_f64().unwrap_or_else(|| panic!("{part}.{what}: {r}"));
    assert!(number("float", "accuracy") >= float, "{r}");
    assert!(number("quantized", "accuracy") >= quantized, "{r}");
    assert!(r["agreement"].as_f64().expect("agreement") >= 0.97, "{r}");
    assert!(number("cosine", "mean") >= 0.99 && number("cosine", "min") <= number("cosine", "mean"), "{r}");
    assert!(r["worst_layer"]["name"].is_string(), "{r}");
}

#[test]
fn quantized_lenet_is_as_good_as_asked() {
    accuracy("fmnist_lenet", 0.902, 0.900);
}

#[test]
fn quantized_lenet_of_the_dynamo_exporter_is_as_good_as_asked() {
    accuracy("fmnist_lenet.dynamo", 0.902, 0.900);
}

#[test]
fn quantized_digits_are_as_good_as_asked() {
    accuracy("digits_mlp", 0.98, 0.98);
}

#[test]
fn twenty_proofs_say_what_the_integer_interpreter_says() {
    let m = compiled("fmnist_lenet", 1);
    let dir = tempfile::tempdir().expect("a directory");
    let (all, n) = images("fmnist_lenet");
    let picked = pick(20, all.len() / n);
    let values: Vec<f32> = picked.iter().flat_map(|i| all[i * n..(i + 1) * n].to_vec()).collect();
    let x = npy(dir.path(), "x.npy", &[20, 1, 28, 28], values);
    let (tess, vk, x) = (m.file("tess"), m.file("vk"), x.to_string_lossy().into_owned());
    let (tess, vk) = (tess.to_string_lossy(), vk.to_string_lossy());
    let expected = integers(&ok(dir.path(), &["run", &tess, "--input", &x, "--level", "qnn"]));
    assert_eq!(expected.len(), 20);
    for (i, row) in expected.iter().enumerate() {
        let index = i.to_string();
        let proved = ok(dir.path(), &["prove", &tess, "--input", &x, "--index", &index, "-o", "one.proof"]);
        let verified =
            ok(dir.path(), &["verify", "one.proof", "--key", &vk, "--input", &x, "--index", &index]);
        assert_eq!(integers(&proved), [row.clone()], "image {}", picked[i]);
        assert_eq!(integers(&verified), [row.clone()], "image {}", picked[i]);
    }
}

#[test]
fn one_proof_covers_a_batch_and_fills_it_up() {
    let m = compiled("fmnist_lenet", 20);
    let dir = tempfile::tempdir().expect("a directory");
    let (all, n) = images("fmnist_lenet");
    let x = npy(dir.path(), "x.npy", &[17, 28, 28], all[..17 * n].to_vec());
    let (tess, vk, x) = (m.file("tess"), m.file("vk"), x.to_string_lossy().into_owned());
    let (tess, vk) = (tess.to_string_lossy(), vk.to_string_lossy());
    let proved = ok(dir.path(), &["prove", &tess, "--input", &x, "-o", "b.proof"]);
    let verified = ok(dir.path(), &["verify", "b.proof", "--key", &vk, "--input", &x]);
    let ran = ok(dir.path(), &["run", &tess, "--input", &x, "--level", "qnn"]);
    assert_eq!((&proved["inferences"], &proved["padding"]), (&17.into(), &3.into()));
    assert_eq!(integers(&proved), integers(&ran));
    assert_eq!(integers(&verified), integers(&ran));
    // fewer inputs than it counts, and more: the outputs of others are not said to be of these
    for given in [16, 18] {
        let other = npy(dir.path(), "other.npy", &[given, 28, 28], all[..given * n].to_vec());
        let args = ["verify", "b.proof", "--key", &vk, "--input", &other.to_string_lossy()];
        let refused = tessera_in(dir.path(), &args);
        assert!(
            refused.code == Some(1) && refused.err.contains("another number of inputs"),
            "{}",
            refused.err
        );
    }
}

#[test]
fn integers_are_scaled_as_the_model_was_compiled() {
    let m = compiled("fmnist_lenet", 1);
    let dir = tempfile::tempdir().expect("a directory");
    let images_u8 = format!("{}:images_u8", calibration("fmnist_lenet").0.display());
    let (all, n) = images("fmnist_lenet");
    let x = npy(dir.path(), "x.npy", &[1, 28, 28], all[3 * n..4 * n].to_vec());
    let tess = m.file("tess");
    let tess = tess.to_string_lossy();
    let bytes = ok(dir.path(), &["run", &tess, "--input", &images_u8, "--index", "3"]);
    let floats = ok(dir.path(), &["run", &tess, "--input", &x.to_string_lossy()]);
    assert_eq!(integers(&bytes), integers(&floats));
    assert!("1/255".parse::<Factor>().is_ok());
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let dir = tempfile::tempdir().expect("a directory");
    let model = models().join("digits_mlp.onnx");
    let (data, scale) = calibration("digits_mlp");
    let compile = |out: &str| {
        let args =
            ["compile", &model.to_string_lossy(), "--calibration", &data.to_string_lossy(), "--scale", scale];
        ok(dir.path(), &[&args[..], &["-o", out]].concat());
        std::fs::read(dir.path().join(out)).expect("a model")
    };
    assert!(compile("a.tess") == compile("b.tess"), "the same model compiled to different bytes");
}

#[test]
fn every_level_can_be_printed_and_every_pass_leaves_its_ir() {
    let dir = tempfile::tempdir().expect("a directory");
    let model = models().join("digits_mlp.onnx");
    let (data, scale) = calibration("digits_mlp");
    let args =
        ["compile", &model.to_string_lossy(), "--calibration", &data.to_string_lossy(), "--scale", scale];
    for (level, says) in [("nn", "nn.linear"), ("qnn", "qnn.requantize"), ("circuit", "circuit.contract")] {
        let ran = tessera_in(dir.path(), &[&args[..], &["--emit", level]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains(says), "{level}: {}", ran.out);
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("the directory").count(), 0, "--emit writes nothing");
    ok(dir.path(), &[&args[..], &["-o", "d.tess", "--dump-ir", "ir"]].concat());
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("text")
    };
    let dumped: BTreeSet<String> =
        std::fs::read_dir(dir.path().join("ir")).expect("the directory").map(name).collect();
    let passes = zk_opt::pipeline::default_pipeline().matches(',').count() + 1;
    assert_eq!(
        dumped.iter().filter(|n| n.starts_with(|c: char| c.is_ascii_digit())).count(),
        passes + 1,
        "{dumped:?}"
    );
    let rest = [
        "nn.mlir",
        "qnn.mlir",
        "circuit.mlir",
        "digits_mlp.safetensors",
        "digits_mlp.samples.safetensors",
        "program.txt",
    ];
    assert!(rest.iter().all(|f| dumped.contains(*f)), "{dumped:?}");
}

#[test]
fn a_model_compiled_from_ir_says_what_it_does_not_know() {
    let dir = tempfile::tempdir().expect("a directory");
    let (d, digits) = (dir.path(), compiled("digits_mlp", 1));
    let model = models().join("digits_mlp.onnx");
    let (data, scale) = calibration("digits_mlp");
    let onnx =
        ["compile", &model.to_string_lossy(), "--calibration", &data.to_string_lossy(), "--scale", scale];
    ok(d, &[&onnx[..], &["-o", "a.tess", "--dump-ir", "ir"]].concat());
    let from_ir = ok(d, &["compile", "ir/circuit.mlir", "-o", "b.tess"]);
    assert_eq!(from_ir["metadata"]["calibration"]["method"], "as in the IR");
    // the levels above are not in the file, and the Program is the same: keys and proofs are
    let eval = tessera_in(
        d,
        &["run", "b.tess", "--input", &data.to_string_lossy(), "--scale", scale, "--level", "nn"],
    );
    assert_eq!(eval.code, Some(2));
    assert!(eval.err.contains("carries no IR of the level \"nn\""), "{}", eval.err);
    ok(d, &["setup", "b.tess"]);
    assert_eq!(
        ok(d, &["inspect", "b.vk"])["belongs_to"],
        ok(d, &["inspect", &digits.file("vk").to_string_lossy()])["belongs_to"]
    );
}

#[test]
fn mistakes_with_pipelines_and_ir_say_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    for f in ["digits_mlp.onnx", "digits_test.npz"] {
        std::fs::copy(models().join(f), d.join(f)).expect("a copy");
    }
    let onnx = ["compile", "digits_mlp.onnx", "--calibration", "digits_test.npz", "--scale", "1/16"];
    ok(d, &[&onnx[..], &["-o", "a.tess", "--dump-ir", "ir"]].concat());
    std::fs::create_dir(d.join("alone")).expect("a directory");
    std::fs::copy(d.join("ir/qnn.mlir"), d.join("alone/qnn.mlir")).expect("a copy");
    std::fs::write(d.join("broken.mlir"), "func.func @main( {").expect("a file");
    std::fs::write(d.join("empty.mlir"), "").expect("a file");
    std::fs::write(d.join("binary.mlir"), [0xff, 0xfe]).expect("a file");
    let cases: [&[&str]; 10] = [
        &["compile", "digits_mlp.onnx"],
        &[&onnx[..], &["--pass-pipeline=builtin.module(canonicalise,cse,convert-nn-to-qn)"]].concat(),
        &[&onnx[..], &["--pass-pipeline=builtin.module(canonicalize,nn-calibrate,convert-nn-to-qnn)"]]
            .concat(),
        &[&onnx[..], &["--pass-pipeline=builtin.module(nn-calibrate{method=mean})"]].concat(),
        &[&onnx[..], &["--pass-pipeline=canonicalize", "--percentile", "99"]].concat(),
        &["compile", "ir/qnn.mlir", "--calibration", "digits_test.npz", "--scale", "1/16"],
        &["compile", "ir/circuit.mlir", "--emit", "nn"],
        &["compile", "alone/qnn.mlir"],
        &["compile", "broken.mlir"],
        &["compile", "empty.mlir"],
    ];
    let mut texts: Vec<String> = cases.iter().map(|args| crate::errors::conversation(d, &[], args)).collect();
    texts.push(crate::errors::conversation(d, &[], &["compile", "binary.mlir"]));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn inspect_describes_each_file() {
    let m = compiled("digits_mlp", 1);
    let dir = tempfile::tempdir().expect("a directory");
    let (all, n) = images("digits_mlp");
    let x = npy(dir.path(), "x.npy", &[1, 64], all[..n].to_vec());
    let tess = m.file("tess");
    ok(dir.path(), &["prove", &tess.to_string_lossy(), "--input", &x.to_string_lossy(), "-o", "d.proof"]);
    let kind = |path: &Path| ok(dir.path(), &["inspect", &path.to_string_lossy()])["kind"].clone();
    assert_eq!(kind(&tess), "model");
    assert_eq!(kind(&m.file("pk")), "proving key");
    assert_eq!(kind(&m.file("vk")), "verifying key");
    assert_eq!(kind(&dir.path().join("d.proof")), "proof");
    assert_eq!(kind(&x), "arrays");
    let r = ok(dir.path(), &["inspect", &tess.to_string_lossy()]);
    assert_eq!(r["model"]["batch"], 1);
    assert!(r["program"]["tables"].as_array().is_some_and(|t| !t.is_empty()), "{r}");
    assert!(r["prediction"]["prove_cpu_s"].as_f64().is_some_and(|s| s > 0.0), "{r}");
}

/// Where the usual keys take more, others are chosen, and what proofs have then is within the limit.
#[test]
fn limits_are_kept_or_refused_with_a_number() {
    let dir = tempfile::tempdir().unwrap();
    let model = models().join("digits_mlp.onnx").to_string_lossy().into_owned();
    let (data, scale) = calibration("digits_mlp");
    let data = data.to_string_lossy().into_owned();
    let compile = ["compile", &model, "--calibration", &data, "--scale", scale, "-o", "m.tess"];
    let with = |limits: &[&str]| ok(dir.path(), &[&compile[..], limits].concat());
    assert!(with(&["--max-proof-size", "1MiB", "--max-memory", "1GiB"])["setup_optimize"].is_null());
    let goal = with(&["--max-proof-size", "250KiB"])["setup_optimize"].as_str().unwrap().to_owned();
    ok(dir.path(), &["setup", "m.tess", "--optimize", &goal]);
    let proof = ok(dir.path(), &["prove", "m.tess", "--input", &data, "--index", "0", "-o", "m.proof"]);
    assert!(proof["proof_bytes"].as_u64().unwrap() < 250 << 10, "{proof}");
    let ran = tessera_in(dir.path(), &[&compile[..], &["--max-proof-size", "10KiB"]].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("a proof of 10.0 KiB at most") && ran.err.contains("at least"), "{}", ran.err);
    // what is left out changes what a proof costs, and nothing that is proven
    let cells = |limits: &[&str]| with(limits)["program"]["tables"].to_string();
    assert_ne!(cells(&["--without", "limbs"]), cells(&[]));
    let ran = tessera_in(dir.path(), &[&compile[..], &["--without", "nothing"]].concat());
    assert!(ran.code == Some(2) && ran.err.contains("egraph, ilp, search, all"), "{}", ran.err);
}

#[test]
fn the_demo_says_verified() {
    let dir = tempfile::tempdir().expect("a directory");
    let ran = tessera_in(dir.path(), &["demo", "--index", "1", "--keep", "kept"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for word in ["verified", "rejected", "Pullover", "What was proven", "@@"] {
        assert!(ran.out.contains(word), "the demo does not show {word:?}:\n{}", ran.out);
    }
    assert!(dir.path().join("kept/image.proof").exists());
    assert_eq!(ok(dir.path(), &["demo"])["verified"], true);
}
