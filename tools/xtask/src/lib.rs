//! `cargo xtask new-pass`, `new-op`, `new-backend`: the files of something new, its test, and its place in every list.
//!
//! Invariants: what is written compiles and passes its tests as it stands, except where it says that it does not yet (an op,
//! whose meaning nobody can guess); nothing that exists is overwritten; all edits are made, or none; this crate depends on
//! nothing, so that it answers in seconds in a fresh clone.

mod backend;
mod op;
mod pass;

pub use backend::new_backend;
pub use op::new_op;
pub use pass::new_pass;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The repository's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a chore writes: whole files, by path from the repository's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New files.
    pub created: BTreeMap<PathBuf, String>,
    /// Files that exist, with their new text.
    pub edited: BTreeMap<PathBuf, String>,
    /// What to do next, for people.
    pub next: Vec<String>,
}

impl Changes {
    /// Writes all files below a folder.
    ///
    /// # Errors
    /// When a file to be created exists, before anything is written; or when one cannot be written.
    pub fn write(&self, root: &Path) -> Result<(), String> {
        if let Some(path) = self.created.keys().find(|path| root.join(path).exists()) {
            return Err(format!("{} exists already; choose another name", path.display()));
        }
        for (path, text) in self.created.iter().chain(&self.edited) {
            let at = root.join(path);
            let say = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
            if let Some(folder) = at.parent() {
                std::fs::create_dir_all(folder).map_err(say)?;
            }
            std::fs::write(&at, text).map_err(say)?;
        }
        Ok(())
    }

    /// Edits a file of the repository, or what an earlier edit made of it.
    fn edit(
        &mut self,
        root: &Path,
        path: impl AsRef<Path>,
        edit: impl FnOnce(&str) -> Option<String>,
    ) -> Result<(), String> {
        let path = path.as_ref();
        let old = match self.edited.get(path) {
            Some(text) => text.clone(),
            None => std::fs::read_to_string(root.join(path))
                .map_err(|e| format!("cannot read {}: {e}", path.display()))?,
        };
        let new = edit(&old)
            .ok_or_else(|| format!("{} does not look as expected; make this edit by hand", path.display()))?;
        self.edited.insert(path.to_owned(), new);
        Ok(())
    }
}

/// A name in the forms that files need: `merge-splits`, `merge_splits`, `MergeSplits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// With dashes.
    pub kebab: String,
    /// With underscores.
    pub snake: String,
    /// With capitals.
    pub camel: String,
}

impl Name {
    /// Reads a name with dashes or underscores.
    ///
    /// # Errors
    /// When it is not of lower-case words that start with a letter.
    pub fn new(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(['-', '_']).collect();
        let word = |w: &&str| {
            w.starts_with(|c: char| c.is_ascii_lowercase())
                && w.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if !words.iter().all(word) {
            return Err(format!(
                "expected a name of lower-case words with dashes, such as merge-splits, found {text:?}"
            ));
        }
        let capital = |w: &&str| w[..1].to_ascii_uppercase() + &w[1..];
        Ok(Self {
            kebab: words.join("-"),
            snake: words.join("_"),
            camel: words.iter().map(capital).collect(),
        })
    }
}

/// Fills in a template: every `@key@` by its value.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (key, value)| text.replace(&format!("@{key}@"), value))
}

/// Puts a line among those that start alike, in alphabetical order.
fn insert_sorted(text: &str, prefix: &str, line: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|l| l.starts_with(prefix))?;
    let before = |l: &&&str| l.starts_with(prefix) && **l < line;
    let at = first + lines[first..].iter().take_while(before).count();
    let all = [&lines[..at], &[line], &lines[at..]].concat();
    Some(all.join("\n") + "\n")
}

/// Puts an entry behind the others of a file's last list, on a line of its own where they have theirs.
fn append(text: &str, entry: &str) -> Option<String> {
    let end = text.rfind("];")?;
    let entries = text[..end].trim_end();
    Some(match entries.strip_suffix(',') {
        Some(entries) => format!("{entries},\n    {entry},\n{}", &text[end..]),
        None => format!("{entries}, {entry}{}", &text[end..]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// All that a chore writes, as one text: new files whole, of edited ones the lines that are new.
    fn show(root: &Path, changes: &Changes) -> String {
        let mut text = String::new();
        for (path, file) in &changes.created {
            text += &format!("=== {} (new)\n{file}", path.display());
        }
        for (path, file) in &changes.edited {
            let old = std::fs::read_to_string(root.join(path)).unwrap();
            let old: Vec<&str> = old.lines().collect();
            text += &format!("=== {}\n", path.display());
            file.lines().filter(|line| !old.contains(line)).for_each(|line| text += &format!("+ {line}\n"));
        }
        text + "=== next\n" + &changes.next.join("\n")
    }

    /// Whatever is written, in new files and in old ones, can be parsed.
    fn is_rust(changes: &Changes) {
        let files = changes.created.iter().chain(&changes.edited);
        for (path, text) in files.filter(|(path, _)| path.extension().is_some_and(|e| e == "rs")) {
            syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()));
        }
    }

    #[test]
    fn a_new_pass() {
        insta::assert_snapshot!(show(&root(), &new_pass(&root(), "merge-splits", "circuit").unwrap()));
    }

    #[test]
    fn a_new_pass_in_a_folder_that_there_is_not_yet() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("passes/src/lib.rs", "pub mod circuit;\npub mod generic;\n"),
            (
                "passes/src/registry.rs",
                "use crate::{circuit, generic};\n\n&[generic::PASSES, circuit::PASSES];\n",
            ),
            ("tools/zk-opt/src/lib.rs", "    tessera_passes::generic::PASSES,\n"),
        ] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let changes = new_pass(root.path(), "nn-merge-relus", "nn").unwrap();
        insta::assert_snapshot!(show(root.path(), &changes));
    }

    #[test]
    fn a_new_op() {
        insta::assert_snapshot!(show(&root(), &new_op(&root(), "bit_and", "circuit").unwrap()));
    }

    #[test]
    fn a_new_backend() {
        insta::assert_snapshot!(show(&root(), &new_backend(&root(), "mock").unwrap()));
    }

    /// Outside its folder, a backend is a line of code, and one of the code map: the registry is made of the former.
    #[test]
    fn a_new_backend_is_its_folder_and_a_line() {
        let changes = new_backend(&root(), "mock").unwrap();
        assert!(changes.created.keys().all(|path| path.starts_with("backends/mock")));
        let edited: Vec<&Path> = changes.edited.keys().map(PathBuf::as_path).collect();
        let manifest = Path::new("backends/all/Cargo.toml");
        assert_eq!(edited, [manifest, Path::new("docs/ARCHITECTURE.md")]);

        let place = tempfile::tempdir().unwrap();
        let list = place.path().join("list");
        let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
        let source = root().join("backends/all/build.rs");
        let built = Command::new(rustc).args(["--edition", "2024", "-o"]).arg(&list).arg(source).status();
        assert!(built.unwrap().success());
        std::fs::write(place.path().join("Cargo.toml"), &changes.edited[manifest]).unwrap();
        let ran = Command::new(&list).current_dir(&place).env("OUT_DIR", place.path()).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let written = std::fs::read_to_string(place.path().join("all.rs")).unwrap();
        assert!(written.contains("&tessera_plonky3::BACKEND, "), "{written}");
        assert!(written.contains("&tessera_mock::BACKEND, "), "{written}");
    }

    #[test]
    fn every_dialect_and_the_generic_folder_take_a_pass() {
        for dialect in ["nn", "qnn", "circuit", "generic"] {
            is_rust(&new_pass(&root(), "say-hello", dialect).unwrap());
        }
        for dialect in ["nn", "qnn", "circuit"] {
            is_rust(&new_op(&root(), "hello", dialect).unwrap());
        }
        is_rust(&new_backend(&root(), "hello").unwrap());
    }

    #[test]
    fn wrong_names_and_files_that_exist_are_refused() {
        let root = root();
        assert!(new_pass(&root, "Merge", "circuit").unwrap_err().contains("lower-case words"));
        assert!(
            new_pass(&root, "merge-splits", "tosa").unwrap_err().contains("one of circuit, generic, nn, qnn")
        );
        assert!(new_pass(&root, "intervals", "circuit").unwrap_err().contains("exists already"));
        assert!(new_op(&root, "lookup", "circuit").unwrap_err().contains("exists already"));
        assert!(new_op(&root, "lookup", "generic").unwrap_err().contains("one of circuit, nn, qnn"));
        assert!(new_backend(&root, "checker").unwrap_err().contains("exists already"));
    }

    #[test]
    fn all_files_are_written_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let changes = new_pass(&root(), "merge-splits", "circuit").unwrap();
        changes.write(dir.path()).unwrap();
        for (path, text) in changes.created.iter().chain(&changes.edited) {
            assert_eq!(&std::fs::read_to_string(dir.path().join(path)).unwrap(), text);
        }
        let edited = changes.edited.keys().next().unwrap();
        std::fs::write(dir.path().join(edited), "").unwrap();
        assert!(changes.write(dir.path()).unwrap_err().contains("exists already"));
        assert_eq!(std::fs::read_to_string(dir.path().join(edited)).unwrap(), "");
    }

    #[test]
    fn names_have_three_forms() {
        let name = Name::new("merge_splits2").unwrap();
        let forms = (name.kebab.as_str(), name.snake.as_str(), name.camel.as_str());
        assert_eq!(forms, ("merge-splits2", "merge_splits2", "MergeSplits2"));
        assert!(["", "-a", "a--b", "2d", "aB", "a/b"].iter().all(|text| Name::new(text).is_err()));
    }

    #[test]
    fn entries_are_put_behind_others_as_those_stand() {
        let one = append("const A: &[u8] = &[1, 2];\nfn f() {}\n", "3").unwrap();
        assert_eq!(one, "const A: &[u8] = &[1, 2, 3];\nfn f() {}\n");
        let many = append("const A: &[u8] = &[\n    1,\n    2,\n];\n", "3").unwrap();
        assert_eq!(many, "const A: &[u8] = &[\n    1,\n    2,\n    3,\n];\n");
    }

    #[test]
    fn lines_are_put_in_order() {
        assert_eq!(
            insert_sorted("x\nmod a;\nmod c;\ny\n", "mod ", "mod b;").unwrap(),
            "x\nmod a;\nmod b;\nmod c;\ny\n"
        );
        assert_eq!(insert_sorted("mod a;\n", "mod ", "mod b;").unwrap(), "mod a;\nmod b;\n");
        assert_eq!(insert_sorted("x\n", "mod ", "mod b;"), None);
    }
}
