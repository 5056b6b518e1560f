//! Snapshots of what `zk-opt` makes of the files in this folder.
//!
//! The first line of a file is its command: `// RUN: zk-opt ARGUMENTS`. Cases within a file are split by `// -----`.
//! With `--verify-diagnostics` the file itself says which errors it expects; otherwise the output is compared with the
//! snapshot beside it in `snapshots/`.
//!
//! Invariants:
//! - a snapshot without its file is an error, and so is a file without a command;
//! - each dialect has a round-trip, an errors and a canonicalization file, and the round trip has every op.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

const ACCEPT: &str = "INSTA_UPDATE=always cargo test --package tessera-tests --test mlir";

/// The zk-opt of this build, built when it is not.
fn zk_opt() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/PROFILE/deps/mlir-HASH
        let test = env::current_exe().expect("a test has a path");
        let profile = test.parent().and_then(Path::parent).expect("tests are built into target/PROFILE/deps");
        let target = profile.parent().expect("a profile folder is in the target folder");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "zk-opt", "--target-dir"]).arg(target);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let status = build.current_dir(root()).status().expect("cargo runs");
        assert!(status.success(), "zk-opt does not build");
        profile.join("zk-opt")
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mlir")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(zk_opt()).args(arguments).current_dir(folder()).output().expect("zk-opt runs")
}

/// What a person sees: standard output, then standard error, then how it ended if not well.
fn transcript(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    if !errors.is_empty() {
        text.push_str("=== standard error ===\n");
        text.push_str(&errors);
    }
    if !output.status.success() {
        text.push_str(&format!("=== {} ===\n", output.status));
    }
    text
}

/// The arguments on a file's first line.
fn command(source: &str) -> Option<Vec<&str>> {
    let arguments = source.lines().next()?.strip_prefix("// RUN: zk-opt")?;
    // Spaces inside braces belong to a pass's options.
    let mut depth = 0;
    let words = arguments.split(move |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0 && c.is_whitespace()
    });
    Some(words.filter(|word| !word.is_empty()).collect())
}

#[test]
fn snapshots() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _guard = settings.bind_to_scope();
    eprintln!("when the new output is right, accept it by: {ACCEPT}");
    insta::glob!("**/*.mlir", |path| {
        let source = fs::read_to_string(path).expect("an input is text");
        let Some(mut arguments) = command(&source) else {
            panic!("{}: the first line must be `// RUN: zk-opt ARGUMENTS`", path.display());
        };
        let name = path.strip_prefix(folder()).expect("inputs lie in this folder").display().to_string();
        arguments.extend([name.as_str(), "--split-input-file"]);
        let output = run(&arguments);
        if arguments.contains(&"--verify-diagnostics") {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: the diagnostics are not the expected ones:\n{errors}");
        } else {
            insta::assert_snapshot!(name.trim_end_matches(".mlir").replace('/', "__"), transcript(&output));
        }
    });
}

#[test]
fn every_snapshot_has_its_input() {
    for entry in fs::read_dir(folder().join("snapshots")).expect("there are snapshots") {
        let path = entry.expect("a folder can be read").path();
        let text = fs::read_to_string(&path).expect("a snapshot is text");
        let input = text.lines().find_map(|line| line.strip_prefix("input_file: ")).map(|input| root().join(input));
        let lives = match &input {
            Some(input) => input.exists(),
            // Written by a test in this file, which stands in the header.
            None => text.contains("source: tests/mlir/main.rs"),
        };
        assert!(lives, "{} belongs to no input any more: remove it", path.display());
    }
}

#[test]
fn every_dialect_has_its_three_files_and_every_op_makes_a_round_trip() {
    for dialect in ["nn", "qnn", "circuit"] {
        for file in ["roundtrip", "errors", "canonicalize"] {
            assert!(folder().join(dialect).join(file).with_extension("mlir").exists(), "{dialect}/{file}.mlir");
        }
        let definitions = fs::read_to_string(root().join(format!("dialects/{dialect}/{dialect}.td"))).expect("a .td");
        let test = fs::read_to_string(folder().join(dialect).join("roundtrip.mlir")).expect("a round trip");
        let mut missing = mnemonics(&definitions);
        assert!(missing.len() >= 10, "the ops of {dialect} are not found in its .td");
        missing.retain(|op| !test.contains(&format!("{dialect}.{op} ")));
        assert!(missing.is_empty(), "{dialect}/roundtrip.mlir has none of {missing:?}");
    }
}

/// The ops that a .td defines: the first argument of each `def`'s base class.
fn mnemonics(definitions: &str) -> BTreeSet<&str> {
    definitions
        .lines()
        .filter(|line| line.starts_with("def "))
        .filter_map(|line| line.split_once("<\"")?.1.split_once('"'))
        .map(|(mnemonic, _)| mnemonic)
        .filter(|mnemonic| mnemonic.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect()
}

#[test]
fn the_driver_is_mlir_opts() {
    let input = "nn/canonicalize.mlir";
    let text = |output: &Output| transcript(output);
    let printed = run(&[input, "--split-input-file", "--pass-pipeline=builtin.module(canonicalize,cse)", "--mlir-print-ir-after-all"]);
    assert!(printed.status.success());
    assert!(text(&printed).contains("IR Dump After Canonicalizer"), "{}", text(&printed));
    assert!(text(&printed).contains("IR Dump After CSE"), "{}", text(&printed));
    let timed = run(&[input, "--split-input-file", "--pass-pipeline=builtin.module(canonicalize)", "--mlir-timing"]);
    assert!(timed.status.success());
    assert!(text(&timed).contains("Execution time report") && text(&timed).contains("Canonicalizer"));
    let help = run(&["--help"]);
    for pass in zk_opt::PASSES.iter().copied().flatten() {
        let info = pass.info();
        assert!(text(&help).contains(info.name), "zk-opt --help does not list {}", info.name);
    }
    let dialects = run(&["--show-dialects"]);
    for dialect in ["nn", "qnn", "circuit", "quant", "ml_program", "func"] {
        assert!(text(&dialects).lines().any(|line| line.trim() == dialect), "{}", text(&dialects));
    }
}
