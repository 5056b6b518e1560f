//! The table of which test files exercise which op, by what they test.
//!
//! Invariant: a file counts for an op when the op stands in it; what the file is for is told by its name and its folder.

use crate::MEND;
use std::collections::BTreeMap;
use std::path::Path;

/// What a file tests: heading, and whether a file's path (below tests/mlir) is of that kind.
type Kind = (&'static str, fn(&str) -> bool);

const KINDS: [Kind; 5] = [
    ("round trip", |path| path.ends_with("/roundtrip.mlir")),
    ("folds", |path| path.ends_with("/canonicalize.mlir")),
    ("errors", |path| path.ends_with("errors.mlir") || path.starts_with("mistakes/")),
    ("conversions", |path| path.starts_with("convert/")),
    ("passes", |_| true),
];

/// The page.
///
/// # Errors
/// When a definition or a test cannot be read.
pub fn page(root: &Path, dialects: &[&str]) -> Result<String, String> {
    let mut files = BTreeMap::new();
    let tests = root.join("tests/mlir");
    collect(&tests, &tests, &mut files)?;
    let mut text = format!(
        "# Coverage\n\nRendered from `tests/mlir` by `{MEND}`: in how many files each op stands, by what the files test. \
         Beside these, every lowering is compared with the interpreter of the level above on random models.\n"
    );
    for dialect in dialects {
        let td = root.join("dialects").join(dialect).join(format!("{dialect}.td"));
        let definitions =
            std::fs::read_to_string(&td).map_err(|e| format!("cannot read {}: {e}", td.display()))?;
        let heads = KINDS.map(|(head, _)| head);
        text += &format!(
            "\n## {dialect}\n\n| op | {} |\n|---|{}\n",
            heads.join(" | "),
            "---|".repeat(heads.len())
        );
        for op in mnemonics(&definitions) {
            let mut counts = [0; KINDS.len()];
            for (path, source) in &files {
                if source.contains(&format!("{dialect}.{op} ")) {
                    let kind = KINDS.iter().position(|(_, is)| is(path)).unwrap_or(KINDS.len() - 1);
                    counts[kind] += 1;
                }
            }
            let cells = counts.map(|n| if n == 0 { String::new() } else { n.to_string() });
            text += &format!("| `{dialect}.{op}` | {} |\n", cells.join(" | "));
        }
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

/// The ops that a .td defines, in its order: the first argument of each `def`'s base class.
fn mnemonics(definitions: &str) -> Vec<&str> {
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

    #[test]
    fn every_op_is_in_the_table_and_stands_in_a_round_trip() {
        let page = page(&crate::root(), &["nn", "qnn", "circuit"]).unwrap();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert!(rows.len() > 35, "{page}");
        let bare: Vec<&&str> = rows.iter().filter(|row| row.contains("` |  |")).collect();
        assert!(bare.is_empty(), "{bare:?}");
    }
}
