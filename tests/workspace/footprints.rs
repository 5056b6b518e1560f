//! What a change touches, counted: the table in docs/ARCHITECTURE.md has a row for each kind of change, and one that stands for it.
//!
//! The footprint of something is the files of Rust, C++, TableGen and manifests in which its names occur, tests and generated pages
//! excepted. A list in which it is a line counts like any other file.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A kind of change, and something that was changed so.
struct Change {
    /// As the table says it.
    what: &'static str,
    /// What stands for it.
    example: &'static str,
    /// Its names; a file that has one of them is touched.
    names: &'static [&'static str],
    /// Rooms that are looked at.
    rooms: &'static [&'static str],
    /// Files at most.
    most: usize,
    /// A room that is one step, however many files it has: the folder of a backend.
    whole: Option<&'static str>,
}

const EVERYWHERE: &[&str] = &["dialects", "passes", "lowering", "backends", "tools"];

const CHANGES: [Change; 5] = [
    Change {
        what: "a pass",
        example: "`circuit-print-intervals`",
        names: &["print_intervals", "PrintIntervals", "circuit-print-intervals"],
        rooms: EVERYWHERE,
        most: 2,
        whole: None,
    },
    Change {
        what: "a function of one number, down to a proof",
        example: "softplus",
        names: &["softplus", "Softplus"],
        rooms: EVERYWHERE,
        most: 2,
        whole: None,
    },
    Change {
        what: "an operation of circuits, down to a proof",
        example: "`circuit.max`",
        names: &[
            "circuit.max",
            "CircuitOp::Max",
            "Instruction::Max",
            "RowOp::Max",
            "Self::Max {",
            "MaxOp : Circuit",
        ],
        rooms: &["dialects", "lowering"],
        most: 6,
        whole: None,
    },
    Change {
        what: "a way to check convolutions",
        example: "`direct`",
        names: &["    direct,", "\"direct\""],
        rooms: EVERYWHERE,
        most: 2,
        whole: None,
    },
    Change {
        what: "a backend",
        example: "the reference checker",
        names: &["tessera-checker", "tessera_checker"],
        rooms: EVERYWHERE,
        most: 2,
        whole: Some("backends/checker"),
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files of source below a folder, without those that only test, measure or show.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            if !["tests", "testing", "target", "benches", "examples"].contains(&&name[..]) {
                sources(&path, into);
            }
        } else if ["rs", "td", "cpp", "h", "toml"].iter().any(|e| path.extension().is_some_and(|x| x == *e)) {
            into.push(path);
        }
    }
}

/// A file's text without tests, comments, and dependencies that only tests have.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a text");
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let text = text.split("[dev-dependencies]").next().unwrap_or_default();
    let comment = |line: &&str| !["//", "#!"].iter().any(|c| line.trim_start().starts_with(c));
    text.lines().filter(comment).collect::<Vec<_>>().join("\n")
}

/// What is touched, from the root.
fn footprint(change: &Change) -> BTreeSet<String> {
    let root = root().canonicalize().expect("the root");
    let mut files = vec![];
    change.rooms.iter().for_each(|room| sources(&root.join(room), &mut files));
    let named = files.iter().filter(|file| change.names.iter().any(|name| code(file).contains(name)));
    let place = |file: &PathBuf| {
        let place = file.strip_prefix(&root).expect("below the root").display().to_string();
        change.whole.filter(|whole| place.starts_with(whole)).map_or(place, |whole| format!("{whole}/"))
    };
    named.map(place).collect()
}

#[test]
fn a_change_touches_what_the_table_says() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the page");
    let mut wrong = vec![];
    for change in &CHANGES {
        let files = footprint(change);
        let places = files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ");
        if files.is_empty() || files.len() > change.most {
            wrong.push(format!("{}: expected 1 to {} files, found {places}", change.what, change.most));
        }
        let row = format!("| {} | {} | {} | {places} |", change.what, files.len(), change.example);
        if !page.contains(&row) {
            wrong.push(format!("docs/ARCHITECTURE.md lacks the row\n{row}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
