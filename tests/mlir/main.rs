//! Snapshots of what `zk-opt` makes of the files in this folder, by the harness `tessera-test`, which says how a file is
//! written.
//!
//! Invariants:
//! - a snapshot without its file is an error, and so is a file without a command;
//! - each dialect has a round-trip, an errors and a canonicalization file, and the round trip has every op.
//!
//! That each pass has a file that runs it is held by the page on coverage, `tools/reference/src/coverage.rs`.

mod graph;

use std::{fs, path::PathBuf, process::Output};
use tessera_test::{Suite, transcript};

/// The suite of this folder, run by the zk-opt of this build.
fn suite() -> Suite {
    Suite::new(folder(), env!("CARGO_BIN_EXE_zk-opt-under-pass-test"))
        .called("zk-opt")
        .accept("INSTA_UPDATE=always cargo test --package tessera-pass-tests")
}

fn root() -> PathBuf {
    folder().join("../..")
}

fn folder() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn run(arguments: &[&str]) -> Output {
    suite().drive(arguments)
}

#[test]
fn snapshots() {
    suite().run();
}

/// The example in a pass's documentation is run: what comes out is a snapshot, and is valid IR.
#[test]
fn pass_examples() {
    zk_opt::register_all();
    suite().examples(zk_opt::PASSES, tessera_passes::context);
}

/// A pass says who it is in the words that the reference is made of.
#[test]
fn passes_are_documented() {
    tessera_test::documented(zk_opt::PASSES);
    let reference = tessera_passes::render_docs(zk_opt::PASSES);
    assert!(pass_names().iter().all(|name| reference.contains(&format!("## `{name}`"))));
}

fn pass_names() -> Vec<&'static str> {
    zk_opt::PASSES.iter().copied().flatten().map(|pass| pass.info().name).collect()
}

#[test]
fn every_example_snapshot_has_its_pass() {
    for entry in fs::read_dir(folder().join("snapshots")).expect("there are snapshots") {
        let name = entry.expect("a folder can be read").file_name().to_string_lossy().into_owned();
        let Some(pass) = name.strip_prefix("example__").and_then(|name| name.strip_suffix(".snap")) else {
            continue;
        };
        assert!(pass_names().contains(&pass), "{name} belongs to no pass any more: remove it");
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
        let mut missing = tessera_reference::coverage::ops(&definitions);
        assert!(missing.len() >= 10, "the ops of {dialect} are not found in its .td");
        missing.retain(|op| !test.contains(&format!("{dialect}.{op} ")));
        assert!(missing.is_empty(), "{dialect}/roundtrip.mlir has none of {missing:?}");
    }
}

#[test]
fn the_driver_is_mlir_opts() {
    let input = "nn/canonicalize.mlir";
    let text = transcript;
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
    for option in
        ["--print-default-pipeline", "--patterns=FILE", "--print-patterns", "--mlir-pass-statistics"]
    {
        assert!(text(&help).contains(option), "zk-opt --help does not list {option}");
    }
    let dialects = run(&["--show-dialects"]);
    for dialect in ["nn", "qnn", "circuit", "quant", "ml_program", "func", "pdl", "transform"] {
        let listed = text(&dialects);
        assert!(listed.trim().split([' ', ',']).any(|word| word == dialect), "{listed}");
    }
}

/// What `zk-opt -o` writes can be read again, text or bytecode: parameters that passes made lie beside it. Where there is no
/// beside, that is said.
#[test]
fn parameters_are_written_beside_the_output_or_missed_aloud() {
    let out = tempfile::tempdir().expect("a folder");
    let lower = "--pass-pipeline=builtin.module(convert-qnn-to-circuit,circuit-absorb-scale)";
    let source = fs::read_to_string(folder().join("convert/linear.mlir")).expect("an input is text");
    let one = out.path().join("convert.mlir");
    let case = source.split("// -----").next().expect("a case").replace("convert/params", "params");
    fs::write(&one, case).expect("a file");
    fs::copy(folder().join("convert/params.safetensors"), out.path().join("params.safetensors"))
        .expect("a copy");
    let one = one.display().to_string();
    for (name, kind) in [("circuit.mlir", None), ("circuit.mlirbc", Some("--emit-bytecode"))] {
        let beside = out.path().join(name).with_extension("");
        fs::create_dir(&beside).expect("a folder");
        let file = beside.join(name).display().to_string();
        let arguments = [&one[..], lower, "-o", &file];
        let lowered = run(&arguments.into_iter().chain(kind).collect::<Vec<_>>());
        assert!(lowered.status.success(), "{}", transcript(&lowered));
        assert_eq!(transcript(&lowered), "", "nothing is missing");
        // the file, and the last parameters alone
        assert_eq!(fs::read_dir(&beside).expect("a folder").count(), 2);
        let again = run(&[&file, "--pass-pipeline=builtin.module(check-params,circuit-intervals)"]);
        assert!(again.status.success(), "{}", transcript(&again));
        assert!(transcript(&again).contains("circuit.weight"), "{}", transcript(&again));
        fs::remove_dir_all(&beside).expect("a folder that goes");
    }
    let printed = run(&[&one, lower]);
    assert!(printed.status.success());
    let warning = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(warning.starts_with("warning: passes made parameters"), "{warning}");
    let thrown_away = run(&[&one, lower, "-o", "/dev/null"]);
    assert!(thrown_away.status.success() && transcript(&thrown_away).is_empty());
    let nothing_made = run(&[&one]);
    assert!(nothing_made.status.success() && nothing_made.stderr.is_empty());
}
