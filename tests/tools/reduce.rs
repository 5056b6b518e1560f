//! `zk-reduce` makes a case small, as far as a script still finds it interesting.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

#[test]
fn what_does_not_matter_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("interesting.sh");
    // 1 says that a file is interesting: it has the lookup that somebody hunts
    fs::write(&script, "#!/bin/sh\ngrep -q circuit.lookup \"$1\" && exit 1\nexit 0\n").expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("permissions");
    let big = folder.path().join("big.mlir");
    let ty = "4 in [-100, 100]";
    let noise = (0..8).map(|i| {
        let from = if i == 0 { "%x".to_owned() } else { format!("%n{}", i - 1) };
        format!(
            "  %n{i} = circuit.view {from} crop [3] stride [-1] : {ty} -> {ty}\n  circuit.output %n{i} \"n{i}\" public : {ty}\n"
        )
    });
    let source = format!(
        "circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
func.func @main() {{
  %x = circuit.input \"x\" public : {ty}
{}  %y = circuit.lookup @relu(%x) : {ty} -> [0, 100]
  circuit.output %y \"y\" public : 4 in [0, 100]
  return
}}
",
        noise.collect::<String>()
    );
    fs::write(&big, source).expect("a file");
    let test = format!("--reduction-tree=traversal-mode=0 test={}", script.display());
    let output = Command::new(env!("CARGO_BIN_EXE_zk-reduce-under-test"))
        .arg(&big)
        .arg(test)
        .current_dir(&folder)
        .output()
        .expect("zk-reduce runs");
    let small = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(small.contains("circuit.lookup"), "{small}");
    assert!(!small.contains("circuit.view") && !small.contains("circuit.output"), "{small}");
}
