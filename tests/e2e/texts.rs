//! Texts: generated, proven at once, and claimed by nobody who does not say them.
use crate::support::*;
use std::path::Path;
use tessera::data::{Array, Numbers, npy};
use tessera::networks;
use tessera_api::{Container, FileKind};
use tessera_verify::claim::Claim;

/// A small language model that says tokens.
fn speaker(name: &str, options: &[&str]) -> Compiled {
    let ids = models().join("gpt2_tiny_ids.npy").to_string_lossy().into_owned();
    compiled_with("gpt2_tiny", name.into(), &[&["--calibration", &ids, "--tokens"], options].concat())
}

fn vocabulary() -> String {
    models().join("gpt2_tiny_vocab.json").to_string_lossy().into_owned()
}

/// The proof with another claim, or with none.
fn claiming(proof: &Path, name: &str, claim: Option<Claim>) {
    let mut c = Container::from_bytes(&std::fs::read(proof).unwrap(), FileKind::Proof).unwrap();
    let _: Claim = c.take("claim").unwrap();
    if let Some(claim) = claim {
        c.put("claim", &claim);
    }
    std::fs::write(proof.with_file_name(name), c.to_bytes()).unwrap();
}

#[test]
fn a_generated_text_is_proven_and_no_other_is_claimed() {
    let m = speaker("speaker", &[]);
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    let (tess, vk, vocabulary) = (m.file("tess"), m.file("vk"), vocabulary());
    let (tess, vk) = (tess.to_string_lossy(), vk.to_string_lossy());
    let made = ok(d, &["generate", &tess, "--prompt-text", "To be", "--vocab", &vocabulary, "-o", "o.proof"]);
    assert_eq!(made["prompt"], serde_json::json!([52, 79, 0, 66, 69]));
    assert_eq!(made["generated"].as_array().unwrap().len(), 12);
    let report = ok(d, &["verify", "o.proof", "--key", &vk, "--vocab", &vocabulary]);
    assert_eq!(report["text"]["generated"], made["generated"]);
    assert_eq!((&report["spelled"][0], &report["spelled"]), (&"To be".into(), &made["spelled"]));
    // one token after the other, each by a run of its own, gives the same
    let mut text: Vec<i64> = serde_json::from_value(made["prompt"].clone()).unwrap();
    for _ in 0..12 {
        let prompt = text.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let next = ok(d, &["generate", &tess, "--prompt", &prompt, "--tokens", "1"]);
        text.push(next["generated"][0].as_i64().unwrap());
    }
    assert_eq!(made["generated"], serde_json::json!(text[5..]));

    // the statement as it is, without a claim, and with every claim that fits into the model
    let proof = d.join("o.proof");
    claiming(&proof, "none.proof", None);
    assert!(ok(d, &["verify", "none.proof", "--key", &vk])["text"].is_null());
    let next: Vec<i64> = serde_json::from_value(report["outputs"][0]["integers"][0].clone()).unwrap();
    let (mut held, mut refused) = (0, 0);
    for (prompt, generated) in [(1, 1), (2, 3), (4, 13), (4, 1), (5, 1), (6, 11), (5, 12), (16, 1)] {
        claiming(&proof, "other.proof", Some(Claim { prompt, generated }));
        let ran = tessera_in(d, &["verify", "other.proof", "--key", &vk]);
        let (from, to) = (prompt as usize, (prompt + generated) as usize);
        let said = (from..to).all(|at| text.get(at).is_none_or(|read| *read == next[at - 1]));
        assert_eq!(ran.code, Some(i32::from(!said)), "{prompt} {generated}: {}", ran.err);
        *(if said { &mut held } else { &mut refused }) += 1;
    }
    assert!(held >= 4 && refused >= 2, "{held} {refused}");
    for (prompt, generated) in [(5, 13), (0, 3), (5, 0), (17, 1), (u64::MAX, 1), (1, u64::MAX)] {
        claiming(&proof, "other.proof", Some(Claim { prompt, generated }));
        assert_eq!(tessera_in(d, &["verify", "other.proof", "--key", &vk]).code, Some(1));
    }
    // other values are no statement of this proof
    let mut c = Container::from_bytes(&std::fs::read(&proof).unwrap(), FileKind::Proof).unwrap();
    let mut publics: tessera_api::Publics = c.take("publics").unwrap();
    publics.tensors[0][15] = 1;
    publics.tensors[1][14] = 1;
    c.put("publics", &publics);
    std::fs::write(d.join("values.proof"), c.to_bytes()).unwrap();
    assert_eq!(tessera_in(d, &["verify", "values.proof", "--key", &vk]).code, Some(1));
}

/// Keys and values of tokens are kept: what is known after each token is what a run of the whole text says, and no more than that.
#[test]
fn a_text_that_grows_says_what_a_run_of_it_says() {
    for options in [&[][..], &["--shortest-prompt", "5"]] {
        let m = speaker(&format!("grows{}", options.len()), options);
        let model = tessera::model::Model::read(&m.file("tess")).unwrap();
        let plan = tessera::commands::prove::prepare(&model).unwrap();
        let text: Vec<i64> = (0..16).map(|i| (i * i * 7 + 3) % 96).collect();
        let whole = plan.outputs(vec![text.clone()]).unwrap().tensors.pop().unwrap();
        let mut growth = plan.growth().unwrap();
        for (i, id) in text.iter().enumerate() {
            growth.give(0, i, &[*id]).unwrap();
            let known = growth.known(growth.publics() - 1);
            let said = (i + 1).saturating_sub(16 - whole.len());
            assert_eq!(known[..said], whole[..said].iter().copied().map(Some).collect::<Vec<_>>());
            assert!(known[said..].iter().all(Option::is_none), "{i}: {known:?}");
        }
    }
}

#[test]
fn thirty_two_tokens_are_one_proof() {
    let sizes = networks::Gpt { layers: 2, width: 32, heads: 2, vocabulary: 64, positions: 40 };
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    std::fs::write(d.join("m.onnx"), networks::gpt(sizes)).unwrap();
    let ids = networks::texts(8, sizes.positions, sizes.vocabulary);
    let prompt = ids[..9].iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
    let ids = Array { shape: vec![8, sizes.positions], numbers: Numbers::I64(ids, "int64") };
    std::fs::write(d.join("ids.npy"), npy::write(&ids)).unwrap();
    ok(d, &["compile", "m.onnx", "--calibration", "ids.npy", "--tokens", "--shortest-prompt", "9"]);
    ok(d, &["setup", "m.tess"]);
    let made = ok(d, &["generate", "m.tess", "--prompt", &prompt, "--tokens", "32", "-o", "o.proof"]);
    let generated = made["generated"].as_array().unwrap();
    assert_eq!(generated.len(), 32);
    let kinds: std::collections::HashSet<_> = generated.iter().map(|id| id.as_i64()).collect();
    assert!(kinds.len() > 3, "a text of few tokens tells little: {generated:?}");
    let report = ok(d, &["verify", "o.proof", "--key", "m.vk"]);
    assert_eq!(report["text"]["generated"], made["generated"]);
}

#[test]
fn scores_before_the_shortest_prompt_are_not_proven() {
    let m = speaker("late_speaker", &["--shortest-prompt", "12"]);
    let all = speaker("speaker", &[]);
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    let prompt = "52 79 0 66 69 0 83 72 65 76 76 0";
    let say = |m: &Compiled| {
        ok(d, &["generate", &m.file("tess").to_string_lossy(), "--prompt", prompt])["generated"].clone()
    };
    assert_eq!(say(&m), say(&all));
    let (tess, vk) = (m.file("tess"), m.file("vk"));
    let (tess, vk) = (tess.to_string_lossy(), vk.to_string_lossy());
    ok(d, &["generate", &tess, "--prompt", prompt, "-o", "o.proof"]);
    let report = ok(d, &["verify", "o.proof", "--key", &vk]);
    assert_eq!(report["outputs"][0]["shape"], serde_json::json!([1, 5]));
    assert_eq!(report["text"]["generated"], say(&m));
    let short = tessera_in(d, &["generate", &tess, "--prompt", "1 2 3"]);
    assert!(short.code == Some(2) && short.err.contains("12 to 16 tokens"), "{}", short.err);
}

#[test]
fn what_is_no_text_is_refused_before_any_work() {
    let m = speaker("speaker", &[]);
    let tess = m.file("tess").to_string_lossy().into_owned();
    let ids = models().join("gpt2_tiny_ids.npy").to_string_lossy().into_owned();
    let onnx = models().join("gpt2_tiny.onnx").to_string_lossy().into_owned();
    let lenet = compiled("digits_mlp", 1).file("tess").to_string_lossy().into_owned();
    let dir = tempfile::tempdir().unwrap();
    let refused: [&[&str]; 9] = [
        &["generate", &tess, "--prompt", "1 2 96"],
        &["generate", &tess, "--prompt", "1 2 x"],
        &["generate", &tess, "--prompt", ""],
        &["generate", &tess, "--prompt", "1 2", "--tokens", "16"],
        &["generate", &tess, "--prompt-text", "Dürer", "--vocab", &vocabulary()],
        &["generate", &lenet, "--prompt", "1 2"],
        &["compile", &onnx, "--calibration", &ids, "--tokens", "--batch", "2"],
        &["compile", &onnx, "--calibration", &ids, "--tokens", "--shortest-prompt", "17"],
        &["compile", &onnx, "--calibration", &ids, "--tokens", "--zero-knowledge"],
    ];
    let mut texts = vec![];
    for args in refused {
        let ran = tessera_in(dir.path(), args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
        let folders = [&*m.dir.to_string_lossy(), &*models().to_string_lossy()].map(|f| format!("{f}/"));
        texts.push(folders.iter().fold(ran.err, |text, folder| text.replace(folder, "")));
    }
    insta::assert_snapshot!(texts.join("\n"));
}

/// Layers whose values reach about as far are proven in the same tables, however many there are.
#[test]
fn layers_that_are_alike_share_tables() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    let tables = |layers: usize| {
        let sizes = networks::Gpt { layers, width: 32, heads: 2, vocabulary: 64, positions: 16 };
        std::fs::write(d.join("m.onnx"), networks::gpt(sizes)).unwrap();
        let ids = Numbers::I64(networks::texts(8, sizes.positions, sizes.vocabulary), "int64");
        std::fs::write(
            d.join("ids.npy"),
            npy::write(&Array { shape: vec![8, sizes.positions], numbers: ids }),
        )
        .unwrap();
        let report = ok(d, &["compile", "m.onnx", "--calibration", "ids.npy"]);
        report["program"]["tables"].as_array().unwrap_or_else(|| panic!("{report}")).len()
    };
    let (few, many) = (tables(2), tables(8));
    // some are divided, for fewer rows of padding
    assert!(many <= few + few / 2, "{few} tables of 2 layers, {many} of 8");
}
