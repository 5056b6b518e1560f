//! The glossary's words are the code's: each name stands where the page says, and the words that it replaces are no names.
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Names that had another meaning, or none. In Rust none is a whole word outside comments.
const GONE: [&str; 6] = ["mono", "monos", "bus", "buses", "KernelStep", "Kernel"];

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn rust(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn each_word_stands_where_the_page_says() {
    let page = fs::read_to_string(root().join("docs/glossary.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect::<Vec<_>>();
    assert!(rows.len() > 10, "the table is there");
    let mut wrong = vec![];
    for row in rows {
        let code = row.split(" | ").nth(2).unwrap_or_default();
        let quoted = code.split('`').collect::<Vec<_>>();
        let [_, name, " in ", file, _] = quoted[..] else {
            wrong.push(format!("expected `name` in `file`, found {code:?}"));
            continue;
        };
        let text = fs::read_to_string(root().join(file)).unwrap_or_default();
        let public =
            |line: &str| line.trim_start().starts_with("pub") && words(line).any(|word| word == name);
        let variant = |line: &str| line.trim_start().starts_with(&format!("{name} {{"));
        if !text.lines().any(|line| public(line) || variant(line)) {
            wrong.push(format!("{file} does not define {name}"));
        }
    }
    assert!(wrong.is_empty(), "docs/glossary.md:\n{}", wrong.join("\n"));
}

#[test]
fn words_that_are_gone_are_no_names() {
    let mut files = vec![];
    ["dialects", "passes", "lowering", "backends", "tools"]
        .iter()
        .for_each(|room| rust(&root().join(room), &mut files));
    let mut wrong = vec![];
    for file in files {
        let text = fs::read_to_string(&file).expect("a text");
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if let Some(word) = words(line).find(|word| GONE.contains(word)) {
                wrong.push(format!("{}:{}: {word}", file.display(), at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/glossary.md says what they are called:\n{}", wrong.join("\n"));
}
