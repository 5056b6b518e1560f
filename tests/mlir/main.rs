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
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};
use tessera_mlir::pipeline::Settings;

const ACCEPT: &str = "INSTA_UPDATE=always cargo test --package tessera-tests --test mlir";

/// The zk-opt of this build.
fn zk_opt() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build("zk-opt"))
}

/// A tool of this build, built when it is not.
fn build(tool: &str) -> PathBuf {
    // target/PROFILE/deps/mlir-HASH
    let test = env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(Path::parent).expect("tests are built into target/PROFILE/deps");
    let target = profile.parent().expect("a profile folder is in the target folder");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", tool, "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let status = build.current_dir(root()).status().expect("cargo runs");
    assert!(status.success(), "{tool} does not build");
    profile.join(tool)
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
            insta::assert_snapshot!("zk-opt", transcript(&output));
        }
    });
}

/// The example in a pass's documentation is run: what comes out is a snapshot, and is valid IR.
#[test]
fn pass_examples() {
    zk_opt::register_all();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _guard = settings.bind_to_scope();
    eprintln!("when the new output is right, accept it by: {ACCEPT}");
    for pass in zk_opt::PASSES.iter().copied().flatten() {
        let info = pass.info();
        let context = tessera_passes::context();
        let mut module = tessera_mlir::parse(&context, info.example, info.name)
            .unwrap_or_else(|error| panic!("the example of {} does not parse: {error}", info.name));
        tessera_mlir::pipeline::run(
            &mut module,
            &format!("builtin.module({})", info.name),
            &Settings::default(),
        )
        .unwrap_or_else(|error| panic!("{} fails on its own example: {error}", info.name));
        insta::assert_snapshot!(format!("example__{}", info.name), tessera_mlir::print(&module));
    }
}

/// A pass says who it is in the words that the reference is made of.
#[test]
fn passes_are_documented() {
    let mut names = BTreeSet::new();
    for pass in zk_opt::PASSES.iter().copied().flatten() {
        let info = pass.info();
        assert!(names.insert(info.name), "two passes are called {}", info.name);
        assert!(info.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", info.name);
        for (what, text) in [
            ("summary", info.summary),
            ("expects", info.expects),
            ("guarantees", info.guarantees),
            ("rejects", info.rejects),
            ("example", info.example),
        ] {
            assert!(!text.trim().is_empty(), "{}: {what} is empty", info.name);
        }
        assert!(!info.summary.contains('\n') && info.summary.len() < 120, "{}: {}", info.name, info.summary);
        for option in info.options {
            assert!(!option.help.is_empty(), "{}: option {} has no help", info.name, option.name);
        }
    }
    let reference = tessera_passes::render_docs(zk_opt::PASSES);
    assert!(names.iter().all(|name| reference.contains(&format!("## `{name}`"))));
}

#[test]
fn every_snapshot_has_its_input() {
    for entry in fs::read_dir(folder().join("snapshots")).expect("there are snapshots") {
        let path = entry.expect("a folder can be read").path();
        let text = fs::read_to_string(&path).expect("a snapshot is text");
        let input =
            text.lines().find_map(|line| line.strip_prefix("input_file: ")).map(|input| root().join(input));
        let lives = match &input {
            Some(input) => input.exists(),
            None => {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                zk_opt::PASSES
                    .iter()
                    .copied()
                    .flatten()
                    .any(|pass| name == format!("example__{}.snap", pass.info().name))
            }
        };
        assert!(lives, "{} belongs to no input any more: remove it", path.display());
    }
}

#[test]
fn every_dialect_has_its_three_files_and_every_op_makes_a_round_trip() {
    for dialect in ["nn", "qnn", "circuit"] {
        for file in ["roundtrip", "errors", "canonicalize"] {
            assert!(
                folder().join(dialect).join(file).with_extension("mlir").exists(),
                "{dialect}/{file}.mlir"
            );
        }
        let definitions =
            fs::read_to_string(root().join(format!("dialects/{dialect}/{dialect}.td"))).expect("a .td");
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
    let printed = run(&[
        input,
        "--split-input-file",
        "--pass-pipeline=builtin.module(canonicalize,cse)",
        "--mlir-print-ir-after-all",
    ]);
    assert!(printed.status.success());
    assert!(text(&printed).contains("IR Dump After Canonicalizer"), "{}", text(&printed));
    assert!(text(&printed).contains("IR Dump After CSE"), "{}", text(&printed));
    let timed =
        run(&[input, "--split-input-file", "--pass-pipeline=builtin.module(canonicalize)", "--mlir-timing"]);
    assert!(timed.status.success());
    assert!(text(&timed).contains("Execution time report") && text(&timed).contains("Canonicalizer"));
    let help = run(&["--help"]);
    for pass in zk_opt::PASSES.iter().copied().flatten() {
        let info = pass.info();
        assert!(text(&help).contains(info.name), "zk-opt --help does not list {}", info.name);
    }
    let dialects = run(&["--show-dialects"]);
    for dialect in ["nn", "qnn", "circuit", "quant", "ml_program", "func"] {
        let listed = text(&dialects);
        assert!(listed.trim().split([' ', ',']).any(|word| word == dialect), "{listed}");
    }
}

/// An editor opens a file with a mistake in it: the language server answers, and sends our verifier's message.
#[test]
fn the_language_server_shows_mistakes_while_typing() {
    let message = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let source =
        r"func.func @f(%x: tensor<2x6xf32>) { %0 = nn.reshape %x : tensor<2x6xf32> -> tensor<5xf32> return }";
    let open = format!(
        r#"{{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{{"textDocument":{{"uri":"file:///f.mlir","languageId":"mlir","version":1,"text":"{source}"}}}}}}"#
    );
    let conversation = [
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"processId":1,"rootUri":null,"capabilities":{}}}"#,
        &open,
        r#"{"jsonrpc":"2.0","id":1,"method":"shutdown"}"#,
        r#"{"jsonrpc":"2.0","method":"exit"}"#,
    ]
    .map(message)
    .concat();
    let mut server = Command::new(build("zk-lsp-server"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("zk-lsp-server runs");
    server.stdin.take().expect("its input is a pipe").write_all(conversation.as_bytes()).expect("it listens");
    let output = server.wait_with_output().expect("it ends");
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(answer.contains("\"capabilities\""), "{answer}");
    assert!(answer.contains("expected 12 elements as in 2x6, found 5 in 5"), "{answer}");
}
