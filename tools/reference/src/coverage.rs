//! The page of what is tested: per op, the files of IR that it stands in, and how far it was followed towards a proof; per pass,
//! the files that run it.
//!
//! Invariants: a file counts for an op when the op stands in it, and what the file is for is told by its name and its folder;
//! how far an op came is what the test `levels` saw, from its snapshot. Nothing here is written by hand.

use crate::MEND;
use std::collections::BTreeMap;
use std::path::Path;

/// What a file tests: heading, and whether a file's path (below tests/mlir) is of that kind.
type Kind = (&'static str, fn(&str) -> bool);

const KINDS: [Kind; 5] = [
    ("round trip", |path| path.ends_with("/roundtrip.mlir")),
    ("folds", |path| path.ends_with("/canonicalize.mlir")),
    ("errors", is_error),
    ("lowering", |path| path.starts_with("convert/")),
    ("passes", |_| true),
];

fn is_error(path: &str) -> bool {
    path.ends_with("errors.mlir")
        || path.ends_with("rejects.mlir")
        || path.starts_with("mistakes/")
        || path.starts_with("driver/")
}

/// What the test `levels` saw: op, then how many inputs had it, and how many of these passed each level.
const SEEN: &str = "tests/levels/snapshots/levels__every_op_is_followed_down_to_a_proof.snap";
const LEVELS: [&str; 4] = ["inputs", "interpreters", "Program", "proof"];

const HEAD: &str = "In how many files of `tests/mlir` an op stands, by what the files test: that it is printed and read, folded, \
verified, lowered, or met by a pass within its level. Then what the test `levels` saw, which follows every ONNX form of the import \
tests, and IR written by hand, down to a proof: in how many of those *inputs* the op is, how many of them the *interpreters* of all \
levels agree on, how many the reference checker accepts as a *Program*, and how many have a *proof* that is verified.

Beside these, random models are compared with the interpreters after every lowering and pass: see [Testing](../guide/testing.md).
";

/// The page.
///
/// # Errors
/// When a definition or a test cannot be read.
pub fn page(root: &Path, dialects: &[&str], passes: &[&str]) -> Result<String, String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let mut files = BTreeMap::new();
    let tests = root.join("tests/mlir");
    collect(&tests, &tests, &mut files)?;
    let seen = read(&root.join(SEEN))?;
    let mut text = format!("# Coverage\n\nRendered from the tests by `{MEND}`.\n\n{HEAD}");
    for dialect in dialects {
        let definitions = read(&root.join("dialects").join(dialect).join(format!("{dialect}.td")))?;
        let heads = [&KINDS.map(|(head, _)| head)[..], &LEVELS].concat();
        text += &format!(
            "\n## {dialect}\n\n| op | {} |\n|---|{}\n",
            heads.join(" | "),
            "---|".repeat(heads.len())
        );
        for op in ops(&definitions) {
            let op = format!("{dialect}.{op}");
            let mut counts = [0; KINDS.len()];
            for (path, source) in &files {
                if stands_in(&op, source) {
                    let kind = KINDS.iter().position(|(_, is)| is(path)).unwrap_or(KINDS.len() - 1);
                    counts[kind] += 1;
                }
            }
            let cells = counts.into_iter().chain(followed(&op, &seen));
            let cells = cells.map(|n| if n == 0 { String::new() } else { n.to_string() });
            text += &format!("| `{op}` | {} |\n", cells.collect::<Vec<_>>().join(" | "));
        }
    }
    text += "\n## Passes\n\nThe files of `tests/mlir` whose command runs the pass, without those about errors.\n\n| pass | files |\n|---|---|\n";
    for pass in passes {
        let runs = files.iter().filter(|(path, source)| !is_error(path) && runs(pass, source));
        let runs = runs.map(|(path, _)| format!("`{path}`")).collect::<Vec<_>>();
        text += &format!("| `{pass}` | {} |\n", runs.join(", "));
    }
    Ok(text)
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) -> Result<(), String> {
    let say = |e: std::io::Error| format!("cannot read {}: {e}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(say)? {
        let path = entry.map_err(say)?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|e| e == "mlir") {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.insert(name, std::fs::read_to_string(&path).map_err(say)?);
        }
    }
    Ok(())
}

fn stands_in(op: &str, source: &str) -> bool {
    source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').any(|word| word == op)
}

/// Whether the command on a file's first line runs a pass, in a pipeline or by an option of its own.
fn runs(pass: &str, source: &str) -> bool {
    let command = source.lines().next().unwrap_or_default();
    let by_option = pass == "apply-patterns" && command.contains(" --patterns=");
    let mut words = command.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    by_option || words.any(|word| word.trim_start_matches('-') == pass)
}

/// The counts of an op in the snapshot; none of an op that it does not know yet.
fn followed(op: &str, seen: &str) -> [usize; LEVELS.len()] {
    let line = seen.lines().find_map(|line| line.strip_prefix(&format!("{op} ")));
    let mut counts = line.unwrap_or_default().split(' ').map(|count| count.parse().unwrap_or_default());
    std::array::from_fn(|_| counts.next().unwrap_or_default())
}

/// The ops that a .td defines, in its order: the first argument of each `def`'s base class.
pub fn ops(definitions: &str) -> Vec<&str> {
    let names = definitions
        .lines()
        .filter(|line| line.starts_with("def "))
        .filter_map(|line| line.split_once("<\"")?.1.split_once('"'));
    names
        .map(|(mnemonic, _)| mnemonic)
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the page, split at their cells.
    fn rows(page: &str) -> Vec<Vec<&str>> {
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    #[test]
    fn every_op_and_every_pass_is_tested() {
        let passes = crate::pass_names();
        let page = page(&crate::root(), &crate::DIALECTS, &passes).unwrap();
        let rows = rows(&page);
        let (ops, passes_of_the_page): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.len() > 2);
        assert!(ops.len() > 35 && passes_of_the_page.len() == passes.len(), "{page}");
        let head = [&["op"], &KINDS.map(|(head, _)| head)[..], &LEVELS].concat();
        let at = |what: &str| head.iter().position(|head| *head == what).unwrap();
        for what in ["round trip", "inputs", "interpreters"] {
            let bare =
                ops.iter().filter(|row| row[at(what)].is_empty()).map(|row| row[0]).collect::<Vec<_>>();
            assert!(bare.is_empty(), "no test of the kind \"{what}\" has {}", bare.join(", "));
        }
        let bare =
            passes_of_the_page.iter().filter(|row| row[1].is_empty()).map(|row| row[0]).collect::<Vec<_>>();
        assert!(bare.is_empty(), "no file of tests/mlir runs {}", bare.join(", "));
    }

    #[test]
    fn words_are_whole() {
        assert!(stands_in("nn.conv", "%0 = nn.conv %x") && stands_in("nn.conv", "\"nn.conv\"(%x)"));
        assert!(!stands_in("nn.conv", "qnn.conv nn.conv_transpose"));
        assert!(runs("cse", "// RUN: zk-opt --pass-pipeline=builtin.module(cse,x{a=1})\ncanonicalize"));
        assert!(!runs("intervals", "// RUN: zk-opt --pass-pipeline=builtin.module(circuit-intervals)"));
        assert!(!runs("canonicalize", "// RUN: zk-opt\ncanonicalize"));
        assert!(runs("cse", "// RUN: zk-opt --cse"));
        assert!(runs("apply-patterns", "// RUN: zk-opt --patterns=a.pdll"));
        let seen = "op inputs\nnn.conv 4 3 2 1\n\nnn.conv is";
        assert_eq!((followed("nn.conv", seen), followed("nn.relu", seen)), ([4, 3, 2, 1], [0; 4]));
    }
}
