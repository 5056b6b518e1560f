//! Two tools that have to agree: what `zk-opt` prints and dumps, `tessera compile` runs and takes.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tessera_test::transcript;

fn zk_opt(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zk-opt-under-test")).args(arguments).output().expect("zk-opt runs")
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The default pipeline is one text: `zk-opt` prints it, `tessera compile` runs it, and IR that one dumps the other takes.
#[test]
fn the_default_pipeline_is_the_same_for_both_tools_and_continues_from_any_pass() {
    let printed = zk_opt(&["--print-default-pipeline"]);
    assert!(printed.status.success());
    let pipeline = transcript(&printed).trim_end().to_owned();
    assert_eq!(pipeline, zk_opt::pipeline::default_pipeline());

    let folder = tempfile::tempdir().expect("a folder");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let tessera = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tessera-under-test"))
            .args(arguments)
            .current_dir(&folder)
            .output()
            .expect("tessera runs");
        assert!(output.status.success(), "tessera {}: {}", arguments.join(" "), transcript(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let model = models.join("digits_mlp.onnx").display().to_string();
    let data = models.join("digits_test.npz").display().to_string();
    let by_pipeline = format!("--pass-pipeline={pipeline}");
    let from_onnx = ["compile", &model, "--calibration", &data, "--scale", "1/16", "--json"];
    let reference = tessera(&[&from_onnx[..], &["-o", "a.tess", "--dump-ir", "ir"]].concat());
    let program = &reference["program"]["digest"];
    assert!(program.is_string(), "{reference}");
    let explicit = tessera(&[&from_onnx[..], &["-o", "b.tess", &by_pipeline]].concat());
    assert_eq!(&explicit["program"]["digest"], program);

    let circuit = zk_opt(&[&folder.path().join("ir/circuit.mlir").display().to_string()]);
    let mut continued = 0;
    for entry in fs::read_dir(folder.path().join("ir")).expect("dumped IR") {
        let name = entry.expect("a readable folder").file_name().to_string_lossy().into_owned();
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let path = format!("ir/{name}");
        assert_eq!(
            &tessera(&["compile", &path, "-o", "c.tess", "--json"])["program"]["digest"],
            program,
            "{name}"
        );
        let text = fs::read_to_string(folder.path().join(&path)).expect("text");
        let level = ["circuit", "qnn"].into_iter().find(|level| text.contains(&format!(" {level}.")));
        let rest = zk_opt::pipeline::pipeline_from(level.unwrap_or("nn"));
        let file = folder.path().join(&path).display().to_string();
        let output = zk_opt(&[&file, &format!("--pass-pipeline={rest}")]);
        assert!(output.status.success(), "zk-opt from {name}: {}", transcript(&output));
        // the IR alone: passes that make parameters say so on stderr
        assert_eq!(text_of(&output), text_of(&circuit), "zk-opt from {name}");
        continued += 1;
    }
    // the input, and the IR after each pass
    assert_eq!(continued, 1 + pipeline.matches(',').count() + 1);
}
