//! Inputs and outputs that are committed to, from their owner to a stranger, and from one proof to the next.
use crate::errors::conversation;
use crate::support::{calibration, models, ok, tessera_in};
use serde_json::Value;
use std::path::Path;
use tessera::opening::Opening;
use zk_opt::pipeline::default_pipeline;

/// Compiles a half of the digits network, with keys.
fn half(d: &Path, name: &str, output: &str, options: &[&str]) {
    let model = models().join(format!("halves/{name}.onnx"));
    ok(d, &[&["compile", &*model.to_string_lossy(), "-o", output], options].concat());
    ok(d, &["setup", output]);
}

/// The first half, whose input and output are committed to, and what it says of all images.
fn features(d: &Path) {
    let (data, scale) = calibration("digits_mlp");
    let data = data.to_string_lossy();
    let seen = ["--visibility", "x=committed", "--visibility", "features=committed"];
    half(d, "features", "features.tess", &[&["--calibration", &*data, "--scale", scale], &seen[..]].concat());
    ok(d, &["run", "features.tess", "--input", &format!("{data}:images_u8"), "-o", "features.npy"]);
}

/// An image, committed to by its owner.
fn commit(d: &Path, index: &str, output: &str) -> Value {
    let data = format!("{}:images_u8", calibration("digits_mlp").0.display());
    ok(d, &["commit", "--key", "features.vk", "--input", &data, "--index", index, "-o", output])
}

/// The root of a tensor in what verify says.
fn root<'a>(report: &'a Value, name: &str) -> &'a str {
    let all = report["committed"].as_array().expect("what is committed to");
    all.iter().find(|c| c["name"] == name).and_then(|c| c["root"].as_str()).expect("a root")
}

/// A text of the command without roots and digests, which differ from run to run.
fn without_roots(text: &str) -> String {
    let random = |word: &&str| word.len() >= 16 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(random).fold(text.to_owned(), |text, word| text.replace(word, "ROOT"))
}

#[test]
fn a_committed_input_goes_through_two_proofs_to_a_stranger() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    features(d);
    let second = ["--calibration", "features.npy", "--visibility", "features=committed"];
    half(
        d,
        "scores",
        "scores.tess",
        &[&second[..], &["--input-from", "features=features.vk:features"]].concat(),
    );
    let published = commit(d, "3", "x.opening")["root"].as_str().expect("a root").to_owned();
    let first = ok(d, &["prove", "features.tess", "--opening", "x.opening", "-o", "one.proof"]);
    assert_eq!(first["openings"], serde_json::json!(["one.features.opening"]));
    let last =
        ok(d, &["prove", "scores.tess", "--opening", "features=one.features.opening", "-o", "two.proof"]);
    assert!(last["openings"].is_null() && last["classes"][0]["index"] == 0, "{last}");

    let one = ok(d, &["verify", "one.proof", "--key", "features.vk", "--root", &format!("x={published}")]);
    assert_eq!((root(&one, "x"), &one["inputs"][0]["private"]), (&*published, &true.into()));
    assert_eq!(one["outputs"][0]["values"], serde_json::json!([]));
    let two: &[&str] = &["verify", "two.proof", "--key", "scores.vk", "--after", "features.vk", "one.proof"];
    let said = ok(d, two);
    assert_eq!(root(&said, "features"), root(&one, "features"));
    assert_eq!((&said["links"][0]["output"], &said["links"][0]["key"]), (&"features".into(), &one["key"]));
    assert_eq!(said["classes"], last["classes"]);

    // openings give what they were made of to who has them, and proofs do not
    let opened = std::fs::read(d.join("one.features.opening")).expect("an opening");
    let opening = Opening::from_bytes(&opened).expect("an opening");
    assert_eq!(opening.root().to_string(), root(&one, "features"));
    let salt: Vec<u8> = opened[opened.len() - 200..].to_vec();
    let proof = std::fs::read(d.join("one.proof")).expect("a proof");
    assert!(!proof.windows(40).any(|w| salt.windows(40).any(|s| s == w)));

    // another input, and its proof
    let other = commit(d, "4", "other.opening");
    ok(d, &["prove", "features.tess", "--opening", "other.opening", "-o", "other.proof"]);
    let other = format!("x={}", other["root"].as_str().expect("a root"));
    // an opening of other values under the same root, and one that says something else of them
    let changed = |change: fn(&mut Opening), parent: bool| {
        let mut o = opening.clone();
        change(&mut o);
        let mut file = o.container();
        if !parent {
            file.parent = opening.root().digest();
        }
        file.to_bytes()
    };
    std::fs::write(d.join("false.opening"), changed(|o| o.values[0] ^= 1, false)).expect("a file");
    std::fs::write(d.join("scaled.opening"), changed(|o| o.tensor.scale *= 2.0, true)).expect("a file");
    let cases: [&[&str]; 11] = [
        &["verify", "one.proof", "--key", "features.vk", "--root", &other],
        &["verify", "one.proof", "--key", "features.vk", "--root", "y=00"],
        &["verify", "one.proof", "--key", "features.vk", "--root", &other.replace("x=", "y=")],
        &["verify", "two.proof", "--key", "scores.vk", "--after", "features.vk", "other.proof"],
        &["verify", "one.proof", "--key", "features.vk", "--after", "scores.vk", "two.proof"],
        &["verify", "one.proof", "--key", "features.vk", "--input", "features.npy", "--index", "3"],
        &["prove", "scores.tess", "--opening", "x.opening", "-o", "never.proof"],
        &["prove", "scores.tess", "--opening", "false.opening", "-o", "never.proof"],
        &["prove", "scores.tess", "--opening", "scaled.opening", "-o", "never.proof"],
        &[
            "prove",
            "scores.tess",
            "--opening",
            "one.features.opening",
            "--input",
            "features.npy",
            "-o",
            "never.proof",
        ],
        &[
            "commit",
            "--key",
            "features.vk",
            "--input",
            "features.npy",
            "--name",
            "features",
            "-o",
            "never.opening",
        ],
    ];
    let texts: Vec<String> = cases.iter().map(|args| conversation(d, &[], args)).collect();
    insta::assert_snapshot!(without_roots(&texts.join("\n\n")));
    assert!(!d.join("never.proof").exists() && !d.join("never.opening").exists());
}

/// The same integers under the same root, which mean another number to the second model: each proof holds, and they are no chain.
#[test]
fn a_chain_of_models_that_mean_different_things_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    features(d);
    let take = "convert-nn-to-qnn,qnn-take-input{name=features scale=2e-3 min=-32768 max=32767}";
    let pipeline = default_pipeline().replace("convert-nn-to-qnn", take);
    let second = ["--calibration", "features.npy", "--visibility", "features=committed"];
    half(d, "scores", "scores.tess", &[&second[..], &["--pass-pipeline", &pipeline]].concat());
    commit(d, "3", "x.opening");
    ok(d, &["prove", "features.tess", "--opening", "x.opening", "-o", "one.proof"]);
    let mut opening =
        Opening::from_bytes(&std::fs::read(d.join("one.features.opening")).expect("an opening"))
            .expect("an opening");
    opening.tensor.scale = 2e-3;
    std::fs::write(d.join("scaled.opening"), opening.container().to_bytes()).expect("a file");
    ok(d, &["prove", "scores.tess", "--opening", "scaled.opening", "-o", "two.proof"]);
    ok(d, &["verify", "two.proof", "--key", "scores.vk"]);
    let ran =
        tessera_in(d, &["verify", "two.proof", "--key", "scores.vk", "--after", "features.vk", "one.proof"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("scales differ") && !ran.out.contains("verified"), "{}{}", ran.out, ran.err);
}

/// Who sees what is chosen by name; what nobody chose stays as it was.
#[test]
fn visibility_is_chosen_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    let model = models().join("digits_mlp.onnx");
    let (data, scale) = calibration("digits_mlp");
    let (model, data) = (model.to_string_lossy(), data.to_string_lossy());
    let compile = ["compile", &*model, "--calibration", &*data, "--scale", scale, "-o", "m.tess"];
    let input = format!("{data}:images_u8");
    let prove: &[&str] = &["prove", "m.tess", "--input", &input, "--index", "0", "-o", "m.proof"];
    // hidden weights about an input that everybody sees
    let owned = ["--weights", "committed", "--zero-knowledge", "--uses", "2", "--visibility", "x=public"];
    ok(d, &[&compile[..], &owned].concat());
    ok(d, &["setup", "m.tess"]);
    ok(d, prove);
    let said = ok(d, &["verify", "m.proof", "--key", "m.vk", "--input", &input, "--index", "0"]);
    assert!(said["weights"].is_string() && said["hiding"].as_f64().is_some_and(|b| b > 100.0), "{said}");
    assert_eq!(said["inputs"][0]["private"], false);
    // a committed output of a public input: its opening is the prover's to keep
    std::fs::remove_file(d.join("m.uses")).expect("the count");
    ok(d, &[&compile[..], &["--visibility", "y=committed"]].concat());
    ok(d, &["setup", "m.tess"]);
    let proved = ok(d, prove);
    assert_eq!(proved["openings"], serde_json::json!(["m.y.opening"]));
    let said = ok(d, &["verify", "m.proof", "--key", "m.vk", "--input", &input, "--index", "0"]);
    let opening =
        Opening::from_bytes(&std::fs::read(d.join("m.y.opening")).expect("an opening")).expect("an opening");
    assert_eq!(opening.root().to_string(), root(&said, "y"));
    assert_eq!(serde_json::json!([opening.values]), proved["outputs"][0]["integers"]);
    let compile = |visibility| -> Vec<&str> {
        let data = ["compile", &*model, "--calibration", &*data, "--scale", scale];
        [&data[..], &["--visibility", visibility, "-o", "n.tess"]].concat()
    };
    let cases: [&[&str]; 4] = [
        &compile("z=private"),
        &compile("y=private"),
        &["commit", "--key", "m.vk", "--input", &input, "-o", "n.opening"],
        &["prove", "m.tess", "--opening", "m.y.opening", "-o", "n.proof"],
    ];
    let replace = [(&*model, "MODEL"), (&*data, "DATA")];
    let texts: Vec<String> = cases.iter().map(|args| conversation(d, &[], args)).collect();
    let texts = replace.iter().fold(texts.join("\n\n"), |text, (from, to)| text.replace(from, to));
    insta::assert_snapshot!(without_roots(&texts));
}
