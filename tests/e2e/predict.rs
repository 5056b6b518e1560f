//! What is said of a model before it is proven, against the files that come out.
use crate::support::*;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;
use tessera_import_onnx::write::{Conv, Writer};

fn number(v: &Value, at: &str) -> f64 {
    v.pointer(at).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at {at}: {v}"))
}

fn size(path: &Path) -> f64 {
    std::fs::metadata(path).expect("a file").len() as f64
}

/// Within so many per cent.
fn near(found: f64, expected: f64, percent: f64, what: &str) {
    assert!((found / expected - 1.0).abs() <= percent / 100.0, "{what}: {found} is said, {expected} it is");
}

/// A model, its file, and a directory with one image of its data as an array.
fn with_image(onnx: &str, shape: &[usize]) -> (Compiled, String, TempDir) {
    let m = compiled(onnx, 1);
    let dir = tempfile::tempdir().expect("a directory");
    let (all, n) = images(onnx);
    npy(dir.path(), "x.npy", shape, all[..n].to_vec());
    let tess = m.file("tess").to_string_lossy().into_owned();
    (m, tess, dir)
}

#[test]
fn files_are_as_large_as_was_said() {
    for (onnx, shape) in [("digits_mlp", &[1, 64][..]), ("fmnist_lenet", &[1, 1, 28, 28])] {
        let (m, tess, dir) = with_image(onnx, shape);
        let d = dir.path();
        ok(d, &["prove", &tess, "--input", "x.npy", "-o", "out.proof"]);
        let said = ok(d, &["inspect", &tess]);
        let said = &said["prediction"];
        near(number(said, "/proving_key_bytes"), size(&m.file("pk")), 0.1, "proving key");
        // sections begin at multiples of 64 bytes, which what is before them moves
        let (key, expected) = (number(said, "/verifying_key_bytes"), size(&m.file("vk")));
        assert!((key - expected).abs() <= 128.0, "verifying key: {key} is said, {expected} it is");
        near(number(said, "/proof_bytes"), size(&d.join("out.proof")), 2.0, "proof");
    }
}

#[test]
fn proving_keeps_to_a_limit_of_memory() {
    let (_, tess, dir) = with_image("fmnist_lenet", &[1, 1, 28, 28]);
    let d = dir.path();
    let said = ok(d, &["inspect", &tess]);
    let at = |what: &str| number(&said, &format!("/prediction/{what}")) as u64;
    let (most, least) = (at("memory_bytes"), at("least_memory_bytes"));
    assert!(least < most, "{said}");
    let prove = |limit: u64, to: &str| {
        tessera_in(d, &["prove", &tess, "--input", "x.npy", "-o", to, "--max-memory", &limit.to_string()])
    };
    let (ample, tight, little) =
        (prove(most, "a.proof"), prove(most - 1, "b.proof"), prove(least / 2, "c.proof"));
    let notes = [&ample, &tight].map(|ran| (ran.code, ran.err.contains("takes more time")));
    assert_eq!(notes, [(Some(0), false), (Some(0), true)], "{}{}", ample.err, tight.err);
    let read = |name: &str| std::fs::read(d.join(name)).expect("a proof");
    assert!(read("a.proof") == read("b.proof"), "the proof is another one");
    assert_eq!((little.code, d.join("c.proof").exists()), (Some(2), false));
    for words in ["more memory than it may", "a limit of", "--max-memory", "help "] {
        assert!(little.err.contains(words), "{words:?} is not said:\n{}", little.err);
    }
}

#[test]
fn a_lean_key_proves_the_same() {
    let (m, tess, dir) = with_image("digits_mlp", &[1, 64]);
    let d = dir.path();
    std::fs::copy(tess, d.join("m.tess")).expect("a copy");
    let said = ok(d, &["inspect", "m.tess"]);
    let setup = ok(d, &["setup", "m.tess", "--lean"]);
    near(number(&said, "/prediction/lean_key_bytes"), number(&setup, "/proving_key_bytes"), 2.0, "lean key");
    assert!(number(&setup, "/proving_key_bytes") < 0.05 * size(&m.file("pk")));
    assert_eq!(std::fs::read(d.join("m.vk")).expect("a key"), std::fs::read(m.file("vk")).expect("a key"));
    ok(d, &["prove", "m.tess", "--input", "x.npy", "-o", "out.proof"]);
    assert_eq!(ok(d, &["verify", "out.proof", "--key", &m.file("vk").to_string_lossy()])["verified"], true);
}

#[test]
fn a_compact_key_proves_the_same() {
    let (m, tess, dir) = with_image("fmnist_lenet", &[1, 1, 28, 28]);
    let d = dir.path();
    std::fs::copy(tess, d.join("m.tess")).expect("a copy");
    ok(
        d,
        &[
            "prove",
            "m.tess",
            "--key",
            &m.file("pk").to_string_lossy(),
            "--input",
            "x.npy",
            "-o",
            "full.proof",
        ],
    );
    let said = ok(d, &["inspect", "m.tess"]);
    let at = |what: &str| number(&said, &format!("/prediction/{what}")) as u64;
    let setup = ok(d, &["setup", "m.tess", "--compact"]);
    assert_eq!(setup["compact"], true);
    // at most so much: cells need fewer bytes than what they are of may
    near(at("compact_key_bytes") as f64, number(&setup, "/proving_key_bytes"), 25.0, "compact key");
    assert!(at("compact_key_bytes") < at("proving_key_bytes") / 2, "{said}");
    let read = |name: &str| std::fs::read(d.join(name)).expect("a file");
    assert_eq!(read("m.vk"), std::fs::read(m.file("vk")).expect("a key"));
    ok(d, &["prove", "m.tess", "--input", "x.npy", "-o", "compact.proof"]);
    assert!(read("full.proof") == read("compact.proof"), "the proof is another one");
    // what it takes to make and to prove with is what decides
    let limited =
        |limit: u64| tessera_in(d, &["setup", "m.tess", "--json", "--max-memory", &limit.to_string()]);
    let most = at("setup_memory_bytes").max(at("memory_bytes"));
    let least = at("compact_setup_memory_bytes");
    assert!(least < at("setup_memory_bytes"), "{said}");
    for (limit, compact) in [(most, false), (most - 1, true), (least, true)] {
        let ran = limited(limit);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(
            ran.out.contains(&format!("\"compact\":{compact}"))
                || ran.out.contains(&format!("\"compact\": {compact}")),
            "{limit}: {}",
            ran.out
        );
    }
    let little = limited(least - 1);
    assert_eq!(little.code, Some(2), "{}", little.out);
    for words in ["takes more memory than it may", "a limit of", "--max-memory", "help "] {
        assert!(little.err.contains(words), "{words:?} is not said:\n{}", little.err);
    }
}

#[test]
fn a_model_is_checked_without_data() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    let lenet = models().join("fmnist_lenet.onnx");
    let r = ok(d, &["check", &lenet.to_string_lossy()]);
    assert_eq!((&r["supported"], &r["operators"]["Conv"]), (&true.into(), &2.into()), "{r}");
    assert_eq!(r["expected"]["parameters"], 61706, "{r}");
    // ranges are those of stand-ins, and decide little
    let said = ok(d, &["inspect", &compiled("fmnist_lenet", 1).file("tess").to_string_lossy()]);
    for what in ["proving_key_bytes", "proof_bytes", "prove_cpu_s"] {
        let of = |v: &Value| number(v, &format!("/{what}"));
        near(of(&r["expected"]), of(&said["prediction"]), 40.0, what);
    }
    let people = tessera_in(d, &["check", &lenet.to_string_lossy()]);
    assert_eq!(people.code, Some(0));
    for words in ["can be proven", "2 Conv", "61,706 parameters", "for proving", "stand-ins"] {
        assert!(people.out.contains(words), "{words:?} is not said:\n{}", people.out);
    }
}

#[test]
fn what_cannot_be_proven_is_told_by_operator() {
    let dir = tempfile::tempdir().expect("a directory");
    let several = Path::new(env!("CARGO_MANIFEST_DIR")).join("onnx/refused/several.onnx");
    let ran = tessera_in(dir.path(), &["check", &several.to_string_lossy(), "--json"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let r = ran.json();
    let refused = r["error"]["report"]["refused"].as_array().unwrap_or_else(|| panic!("{r}"));
    assert!(refused.len() > 1, "{r}");
    for group in refused {
        assert!(group["operator"].is_string() && group["reason"].is_string(), "{group}");
        assert!(group["nodes"].as_array().is_some_and(|n| !n.is_empty()), "{group}");
    }
    let people = tessera_in(dir.path(), &["check", &several.to_string_lossy()]);
    assert_eq!(people.code, Some(2));
    assert!(people.out.contains("cannot be proven"), "{}", people.out);
    for group in refused {
        assert!(people.out.contains(group["operator"].as_str().unwrap_or("?")), "{}", people.out);
    }
}

#[test]
fn an_input_with_a_value_is_part_of_the_model() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    let mut w = Writer::new("scaled");
    let (x, s) = (w.input("x", &[1, 8]), w.input("s", &[1, 8]));
    let y = w.mul(&x, &s);
    let weights: Vec<f32> = (0..32).map(|i| (i % 7) as f32 * 0.1 - 0.3).collect();
    let y = w.linear(&y, 4, &weights, &[0.0; 4]);
    std::fs::write(d.join("scaled.onnx"), w.finish(&y)).expect("a model file");
    let r = ok(d, &["check", "scaled.onnx", "--set", "s=2.5"]);
    let inputs = r["expected"]["inputs"].as_array().unwrap_or_else(|| panic!("{r}"));
    assert_eq!((inputs.len(), &inputs[0]["name"]), (1, &"x".into()), "{r}");
    let ran = tessera_in(d, &["check", "scaled.onnx", "--set", "t=1"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("which is no input; there are \"x\", \"s\""), "{}", ran.err);
    // the value counts
    npy(d, "samples.npy", &[16, 8], (0..128).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect());
    let output = |value: &str| {
        ok(d, &["compile", "scaled.onnx", "--calibration", "samples.npy", "--set", value, "-o", "m.tess"]);
        ok(d, &["run", "m.tess", "--input", "samples.npy", "--index", "3"])
    };
    let (one, two) = (output("s=1"), output("s=2"));
    for i in 0..4 {
        let at = format!("/outputs/0/values/0/{i}");
        assert!((2.0 * number(&one, &at) - number(&two, &at)).abs() < 0.05, "{one} {two}");
    }
}

#[test]
fn a_cost_is_explained_layer_by_layer() {
    let (_, tess, dir) = with_image("fmnist_lenet", &[1, 1, 28, 28]);
    let d = dir.path();
    let ran = tessera_in(d, &["prove", &tess, "--input", "x.npy", "-o", "out.proof", "--json"]);
    std::fs::write(d.join("run.json"), &ran.out).expect("a file");
    let r = ok(d, &["explain", &tess, "--html", "page.html", "--measured", "run.json"]);
    for list in ["layers", "parts"] {
        let parts = r[list].as_array().unwrap_or_else(|| panic!("{r}"));
        let sum = |what: &str| parts.iter().map(|p| number(p, &format!("/{what}"))).sum::<f64>();
        near(sum("seconds"), number(&r, "/prediction/prove_cpu_s"), 0.01, "seconds");
        near(sum("key_bytes"), number(&r, "/prediction/proving_key_bytes"), 0.01, "key");
        near(sum("proof_bytes"), number(&r, "/prediction/proof_bytes"), 0.01, "proof");
    }
    // a convolution has activations and weights, what is made of it has rows of its own
    let parts = r["parts"].as_array().expect("parts");
    let tables = |layer: &str| -> Vec<&str> {
        parts.iter().filter(|p| p["layer"] == layer).filter_map(|p| p["table"].as_str()).collect()
    };
    let (conv, relu) = (tables("/c2/Conv"), tables("/r_1/Relu"));
    assert!(conv.contains(&"activations") && conv.contains(&"weights"), "{r}");
    assert!(relu.iter().any(|t| t.starts_with("elementwise")), "{r}");
    assert_eq!(number(&r, "/measured/proof_bytes"), size(&d.join("out.proof")));
    let page = std::fs::read_to_string(d.join("page.html")).expect("the page");
    assert!(page.contains("<svg") && page.contains("/c2/Conv") && !page.contains("<script"));
    let wrong = tessera_in(d, &["explain", &tess, "--measured", "page.html"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
}

/// Prices of a machine on which any proof takes a minute and rows are free, for whom bytes are dear, as `calibrate-machine` would write them.
const SLOW: &str = r#"{
  "backend": "plonky3",
  "machine": "a slow one",
  "prices": {
    "proof": 6e10, "height": 5e4, "row": 0, "fixed_cell": 15, "summed_cell": 4, "witness_cell": 50, "extension_cell": 110, "lookup": 70,
    "node": 1.5, "path_bytes": 1592, "opening_bytes": 1978, "cell_bytes": 32, "verify": 3e6, "verify_byte": 5.5, "byte": 220
  }
}"#;

#[test]
fn a_model_placed_by_other_prices_is_audited_right() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    std::fs::write(d.join("slow.json"), SLOW).expect("a file");
    let onnx = models().join("digits_mlp.onnx").to_string_lossy().into_owned();
    let (data, scale) = calibration("digits_mlp");
    let data = data.to_string_lossy().into_owned();
    let compile = ["compile", &onnx, "--calibration", &data, "--scale", scale, "--prices", "slow.json", "-o"];
    for to in ["slow.tess", "again.tess"] {
        ok(d, &[&compile[..], &[to]].concat());
    }
    let read = |name: &str| std::fs::read(d.join(name)).expect("a file");
    assert!(read("slow.tess") == read("again.tess"), "equal models, data, options and prices");
    ok(d, &["setup", "slow.tess"]);
    let right = ok(d, &["audit", "slow.tess", "--key", "slow.vk"]);
    // more, narrower rows: another program, whose keys are no others'
    let shipped = compiled("digits_mlp", 1);
    let tess = shipped.file("tess").to_string_lossy().into_owned();
    let own = ok(d, &["audit", &tess, "--key", &shipped.file("vk").to_string_lossy()]);
    assert_ne!(right["program"], own["program"]);
    assert_eq!(tessera_in(d, &["audit", &tess, "--key", "slow.vk"]).code, Some(1));
    let seconds = |tess: &str| number(&ok(d, &["inspect", tess]), "/prediction/prove_cpu_s");
    assert!(seconds("slow.tess") > 50.0 && seconds(&tess) < 1.0, "a model is predicted by its own prices");

    for (name, text, said) in [
        ("cut.json", &SLOW[..200], "this is no file of prices"),
        ("other.json", &SLOW.replace("plonky3", "checker"), "prices of another proof system"),
        ("below.json", &SLOW.replace("\"row\": 0", "\"row\": -1"), "has to be at least 0"),
        ("less.json", &SLOW.replace("\"height\": 5e4,", ""), "missing field `height`"),
    ] {
        std::fs::write(d.join(name), text).expect("a file");
        let options = ["compile", &onnx, "--calibration", &data, "--scale", scale, "--prices", name];
        let ran = tessera_in(d, &options);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(said) && ran.err.contains(name), "{}", ran.err);
    }
}

#[test]
fn a_machine_is_measured_by_proofs_that_hold() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    let r = ok(d, &["calibrate-machine", "--model", "digits_mlp", "--runs", "1", "-o", "here.json"]);
    let points = r["points"].as_array().expect("points");
    assert!(points.len() > 3, "{r}");
    for p in points {
        assert!(number(p, "/prove_s") > 0.0 && number(p, "/verify_s") > 0.0, "{r}");
        let bytes = number(p, "/proof_bytes");
        assert!(bytes > 1e5 && bytes < 1e6, "{r}");
    }
    // what is written is what compile takes
    let onnx = models().join("digits_mlp.onnx").to_string_lossy().into_owned();
    let (data, scale) = calibration("digits_mlp");
    let data = data.to_string_lossy();
    let options = ["--calibration", &data, "--scale", scale, "--prices", "here.json", "-o", "m.tess"];
    ok(d, &[&["compile", &onnx], &options[..]].concat());
    let wrong = tessera_in(d, &["calibrate-machine", "--model", "nothing"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
}

/// Three convolutions of one image, added: by the distributive law they are one.
#[test]
fn a_network_is_proven_in_an_equal_form_that_is_cheaper() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    let mut w = Writer::new("branches");
    let x = w.input("x", &[1, 16, 16, 16]);
    let branch = |w: &mut Writer, seed: usize| {
        let weights: Vec<f32> =
            (0..32 * 16 * 9).map(|i| ((i * 37 + seed * 11) % 17) as f32 / 17.0 - 0.5).collect();
        let biases: Vec<f32> = (0..32).map(|i| (i + seed) as f32 / 80.0).collect();
        w.conv(&x, ([32, 16, 3, 3], &weights), &biases, Conv { stride: 1, pad: 1, groups: 1 })
    };
    let [a, b, c] = [1, 2, 3].map(|seed| branch(&mut w, seed));
    let sum = w.add(&a, &b);
    let sum = w.add(&sum, &c);
    let y = w.relu(&sum);
    std::fs::write(d.join("branches.onnx"), w.finish(&y)).expect("a file");
    let draw = |i: usize| ((i * 29) % 23) as f32 / 11.0 - 1.0;
    npy(d, "x.npy", &[4, 16, 16, 16], (0..4 * 4096).map(draw).collect());
    npy(d, "one.npy", &[1, 16, 16, 16], (0..4096).map(draw).collect());
    let compile = |to: &str, more: &[&str]| {
        let all = ["compile", "branches.onnx", "--calibration", "x.npy", "-o", to];
        let ran = tessera_in(d, &[&all[..], more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.err
    };
    compile("plain.tess", &[]);
    let said = compile("equal.tess", &["--optimize-network"]);
    assert!(said.contains("nn-optimize: predicted"), "{said}");
    let proven = |name: &str| {
        let (tess, vk, proof) = (format!("{name}.tess"), format!("{name}.vk"), format!("{name}.proof"));
        ok(d, &["setup", &tess]);
        let r = ok(d, &["prove", &tess, "--input", "one.npy", "-o", &proof]);
        ok(d, &["verify", &proof, "--key", &vk]);
        let seconds = number(&ok(d, &["inspect", &tess]), "/prediction/prove_cpu_s");
        let outputs = r
            .pointer("/outputs/0/values/0")
            .and_then(Value::as_array)
            .unwrap_or_else(|| panic!("{r}"))
            .clone();
        (seconds, outputs)
    };
    let ((before, plain), (after, equal)) = (proven("plain"), proven("equal"));
    assert!(after < 0.98 * before, "{after} {before}");
    let value = |v: &Value| v.as_f64().expect("a number");
    let most = plain.iter().map(value).fold(0.0, f64::max);
    assert!(most > 0.5 && plain.len() == equal.len());
    let apart = plain.iter().zip(&equal).map(|(a, b)| (value(a) - value(b)).abs()).fold(0.0, f64::max);
    assert!(apart < 0.05 * most, "{apart} of {most}");
}
