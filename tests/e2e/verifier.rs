//! The verifier alone, as a command: it says what `tessera verify` says, of files that hold, are false, or are broken.
use crate::support::{compiled, images, npy, ok, tessera_in};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tessera::prover::{ProofFile, verifying_key};

const VERIFIER: &str = env!("CARGO_BIN_EXE_tessera-verify-under-test");

/// Exit code, standard output, standard error.
fn alone(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let out = Command::new(VERIFIER).args(args).current_dir(dir).output().expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (out.status.code(), text(out.stdout), text(out.stderr))
}

#[test]
fn the_verifier_alone_says_what_the_command_says() {
    let model = compiled("digits_mlp", 2);
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    let (all, n) = images("digits_mlp");
    npy(d, "x.npy", &[1, 64], all[..n].to_vec());
    let file = |extension: &str| model.file(extension).to_string_lossy().into_owned();
    ok(d, &["prove", &file("tess"), "--input", "x.npy", "-o", "x.proof"]);
    std::fs::copy(file("vk"), d.join("m.vk")).expect("the key");

    let both = |more: &[&str]| {
        let theirs = tessera_in(d, &[&["verify", "x.proof", "--key", "m.vk"], more].concat());
        let ours = alone(d, &[&["m.vk", "x.proof"], more].concat());
        assert_eq!(theirs.code, ours.0, "{more:?}: {}{}", ours.1, ours.2);
        assert_eq!(theirs.err, ours.2, "{more:?}");
        (theirs.out, ours.1)
    };
    // all but the time
    let (theirs, ours) = both(&[]);
    let theirs: Vec<&str> = theirs.lines().filter(|l| !l.starts_with("  time ")).collect();
    assert_eq!(theirs, ours.lines().collect::<Vec<_>>());
    let json = |(theirs, ours): (String, String)| {
        let mut theirs: Value = serde_json::from_str(&theirs).expect("JSON");
        theirs.as_object_mut().expect("an object").remove("time");
        let ours: Value = serde_json::from_str(&ours).expect("JSON");
        assert_eq!(theirs, ours);
        ours
    };
    let said = json(both(&["--json"]));
    assert_eq!((&said["verified"], &said["padding"]), (&true.into(), &1.into()));
    let digest = said["key"].as_str().expect("a digest").to_owned();
    json(both(&["--json", "--key-digest", &digest]));
    // another key, too little security
    let wrong = digest.replace(&digest[..1], if digest.starts_with('0') { "1" } else { "0" });
    json(both(&["--json", "--key-digest", &wrong]));
    json(both(&["--json", "--min-security=120"]));

    // a false statement, a broken file, no file
    let key = verifying_key(&d.join("m.vk")).expect("the key");
    let bytes = std::fs::read(d.join("x.proof")).expect("the proof");
    let mut other = ProofFile::from_bytes(&bytes, &key).expect("the proof");
    other.publics.tensors[1].swap(0, 1);
    std::fs::write(d.join("x.proof"), other.to_bytes(&key)).expect("a file");
    assert_eq!(json(both(&["--json"]))["verified"], false);
    assert_eq!(alone(d, &["m.vk", "x.proof"]).0, Some(1));
    let mut broken = bytes.clone();
    broken[bytes.len() / 2] ^= 1;
    std::fs::write(d.join("x.proof"), broken).expect("a file");
    json(both(&["--json"]));
    std::fs::remove_file(d.join("x.proof")).expect("the file");
    json(both(&["--json"]));
    assert_eq!(alone(d, &["m.vk", "x.proof"]).0, Some(2));
}

#[test]
fn wrong_use_of_the_verifier_alone_is_told() {
    let here = std::env::temp_dir();
    let cases: [&[&str]; 6] = [
        &[],
        &["m.vk"],
        &["m.vk", "x.proof", "y.proof"],
        &["--key-digest", "abc", "m.vk", "x.proof"],
        &["--min-security", "many", "m.vk", "x.proof"],
        &["--quick", "m.vk", "x.proof"],
    ];
    let texts: Vec<String> = cases
        .iter()
        .map(|args| {
            let (code, out, err) = alone(&here, args);
            assert_eq!((code, &out[..]), (Some(2), ""));
            format!("$ tessera-verify {}\n{err}", args.join(" "))
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n"));
    let (code, out, _) = alone(&here, &["--help"]);
    assert!(code == Some(0) && out.contains("Exit codes"), "{out}");
}
