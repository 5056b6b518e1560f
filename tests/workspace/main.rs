//! The walls between the folders: who may depend on whom, and that the code map names every room.
//!
//! Invariant: rules are stated over folders, not crate names, so that a new crate is judged by where it stands.
mod circles;
mod dependencies;
mod footprints;
mod glossary;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use std::collections::{BTreeMap, BTreeSet};

fn metadata() -> Metadata {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    // without the network: what only other systems need is not looked at
    let here = ["--locked", "--offline", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned);
    let mut command = MetadataCommand::new();
    command.manifest_path(manifest).other_options(here).exec().expect("cargo metadata runs")
}

/// Folder of a workspace member, from the root: "dialects/nn".
fn folder(m: &Metadata, p: &Package) -> String {
    let dir = p.manifest_path.parent().expect("a manifest stands in a directory");
    dir.strip_prefix(&m.workspace_root).expect("a member is in the workspace").to_string()
}

/// Whether a crate in folder `from` may use one in folder `to`.
fn allowed(from: &str, to: &str) -> bool {
    // std alone, and nothing of what the others are about
    if to == "cancel" {
        return true;
    }
    let room = |s: &str| s.split('/').next().unwrap_or_default().to_string();
    match &room(from)[..] {
        // no dialect knows another
        "dialects" => to == "dialects/support" || to == "dialects/build",
        "passes" | "lowering" => room(to) == "dialects" || to == "backends/api",
        // no MLIR behind the line; a backend knows no other
        "backends" => {
            let room_for = if from == "backends/all" { "backends/".into() } else { format!("{from}/") };
            to == "backends/api" || to.starts_with(&room_for)
        }
        // an example stands for a crate of somebody else's: it sees what a user of the crates sees
        // what a verifier trusts is what is read of it
        "tools" if from == "tools/verify" => to == "backends/api" || to == "backends/all",
        "tools" if from == "tools/verify/python" => to == "tools/verify",
        "tools" | "examples" => room(to) != "tests",
        "tests" => true,
        _ => false,
    }
}

#[test]
fn who_depends_on_whom() {
    let m = metadata();
    let members: BTreeMap<String, String> =
        m.workspace_packages().iter().map(|p| (p.name.to_string(), folder(&m, p))).collect();
    let mut wrong = vec![];
    for p in m.workspace_packages() {
        let from = folder(&m, p);
        for d in &p.dependencies {
            let Some(to) = members.get(&d.name) else { continue };
            // what only tests use may come from the same room: a backend is tested against another
            let beside =
                d.kind == DependencyKind::Development && from.split('/').next() == to.split('/').next();
            if !allowed(&from, to) && !beside {
                wrong.push(format!("{from} depends on {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/ARCHITECTURE.md says who may depend on whom:\n{}", wrong.join("\n"));
}

/// Everything a package needs to build, without what only tests need.
fn needs<'a>(m: &'a Metadata, of: &PackageId) -> BTreeSet<&'a str> {
    let resolve = m.resolve.as_ref().expect("cargo metadata resolves");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|n| (&n.id, n)).collect();
    let (mut seen, mut todo) = (BTreeSet::new(), vec![of.clone()]);
    while let Some(id) = todo.pop() {
        for d in &nodes[&id].deps {
            let real = d.dep_kinds.iter().any(|k| k.kind != DependencyKind::Development);
            if real && seen.insert(d.pkg.clone()) {
                todo.push(d.pkg.clone());
            }
        }
    }
    m.packages.iter().filter(|p| seen.contains(&p.id)).map(|p| p.name.as_str()).collect()
}

#[test]
fn no_mlir_behind_the_line() {
    let m = metadata();
    for p in m.workspace_packages() {
        if folder(&m, p).starts_with("backends/") {
            let needs = needs(&m, &p.id);
            for forbidden in ["melior", "mlir-sys", "tessera-mlir", "tract-onnx"] {
                assert!(!needs.contains(forbidden), "{} needs {forbidden}", p.name);
            }
        }
    }
}

/// Whoever reads the verifier reads these crates of others, and no more.
#[test]
fn the_verifier_uses_what_is_listed() {
    let m = metadata();
    let packages = m.workspace_packages();
    let verify = packages.iter().find(|p| folder(&m, p) == "tools/verify").expect("the verifier");
    let direct: BTreeSet<&str> = verify
        .dependencies
        .iter()
        .filter(|d| d.kind == DependencyKind::Normal)
        .map(|d| d.name.as_str())
        .collect();
    assert_eq!(direct, BTreeSet::from(["lexopt", "serde", "serde_json", "tessera-api", "tessera-backends"]));
    let needs = needs(&m, &verify.id);
    let members: BTreeMap<&str, String> = packages.iter().map(|p| (p.name.as_str(), folder(&m, p))).collect();
    let ours: Vec<&String> = needs.iter().filter_map(|name| members.get(name)).collect();
    assert!(ours.iter().all(|f| f.starts_with("backends/") || *f == "cancel"), "the verifier needs {ours:?}");
    for forbidden in ["melior", "mlir-sys", "tract-onnx", "tessera-runtime", "clap", "memmap2", "tempfile"] {
        assert!(!needs.contains(forbidden), "the verifier needs {forbidden}");
    }
}

#[test]
fn only_the_import_knows_tract_and_only_one_backend_knows_plonky3() {
    let m = metadata();
    for p in m.workspace_packages() {
        let at = folder(&m, p);
        for d in p.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            assert!(
                !d.name.starts_with("tract") || at == "lowering/import_onnx",
                "{at} depends on {}",
                d.name
            );
            assert!(
                !d.name.starts_with("p3-") || at.starts_with("backends/plonky3"),
                "{at} depends on {}",
                d.name
            );
        }
    }
}

#[test]
fn the_code_map_names_every_crate() {
    let m = metadata();
    let map = std::fs::read_to_string(m.workspace_root.join("docs/ARCHITECTURE.md")).expect("the code map");
    let missing: Vec<String> = m
        .workspace_packages()
        .iter()
        .map(|p| folder(&m, p))
        .filter(|f| !map.contains(&format!("`{f}`")))
        .collect();
    assert!(missing.is_empty(), "docs/ARCHITECTURE.md does not name: {}", missing.join(", "));
}

#[test]
fn the_rule_itself_tells_right_from_wrong() {
    assert!(allowed("lowering/nn_to_qnn", "dialects/nn") && allowed("passes", "backends/api"));
    let wrong = [
        ("dialects/nn", "dialects/qnn"),
        ("backends/runtime", "backends/checker"),
        ("backends/plonky3", "dialects/circuit"),
        ("backends/all", "dialects/circuit"),
        ("backends/plonky3", "backends/checker"),
        ("lowering/nn_to_qnn", "backends/plonky3"),
        ("passes", "lowering/nn_to_qnn"),
        ("tools/tessera", "tests"),
        ("tools/verify", "tools/tessera"),
        ("tools/verify", "backends/runtime"),
        ("tools/verify/python", "tools/tessera"),
        ("examples/out-of-tree", "tests"),
    ];
    assert!(wrong.iter().all(|(a, b)| !allowed(a, b)));
}

/// Lints that are errors are those of every crate: an `unsafe` block says why it is safe.
#[test]
fn every_crate_has_the_workspaces_lints() {
    let m = metadata();
    let read = |path: &cargo_metadata::camino::Utf8Path| std::fs::read_to_string(path).expect("a manifest");
    let whole = read(&m.workspace_root.join("Cargo.toml"));
    let line = "undocumented_unsafe_blocks = \"deny\"";
    let lints = whole.split("[workspace.lints.clippy]").nth(1).expect("lints of the workspace");
    assert!(lints.split("\n[").next().is_some_and(|own| own.contains(line)), "{lints}");
    let mut crates = 0;
    // an example stands for a crate of somebody else's
    for p in m.workspace_packages().into_iter().filter(|p| !folder(&m, p).starts_with("examples/")) {
        let manifest = read(&p.manifest_path);
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} has lints of its own", p.name);
        crates += 1;
    }
    assert!(crates > 20, "{crates}");
}

#[test]
fn every_source_file_opens_with_what_it_is_for() {
    let root = metadata().workspace_root;
    let (mut todo, mut bad) = (vec![root.clone().into_std_path_buf()], vec![]);
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir).expect("a readable folder").flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if name != "target" && !name.to_string_lossy().starts_with('.') {
                    todo.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                if !text.starts_with("//!") {
                    bad.push(path.display().to_string());
                }
            }
        }
    }
    assert!(bad.is_empty(), "these do not open with //!:\n{}", bad.join("\n"));
}
