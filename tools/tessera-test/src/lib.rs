//! Snapshot tests of passes, for this repository and for crates with passes of their own.
//!
//! A [`Suite`] is a folder of `.mlir` files. The first line of a file is its command, `// RUN: zk-opt ARGUMENTS`, with the
//! driver's own name in place of `zk-opt`. Cases within a file are split by `// -----`. What the driver prints is compared
//! with the snapshot in the folder's `snapshots/`; with `--verify-diagnostics` the file itself says which errors it expects,
//! by `// expected-error @below {{text}}`.
//!
//! ```no_run
//! // tests/mlir.rs of a crate whose binary `my-opt` calls zk_opt::run_with
//! # macro_rules! env { ($name:literal) => { "my-opt" } }
//! let suite = tessera_test::Suite::new("tests/mlir", env!("CARGO_BIN_EXE_my-opt"));
//! suite.accept("INSTA_UPDATE=always cargo test --test mlir").run();
//! ```
//!
//! Invariants:
//! - every file of the folder is a test: one without a command fails;
//! - a snapshot without its file fails;
//! - a failure prints the difference and the command that accepts what is new.

use melior::Context;
use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tessera_mlir::{
    pass::Pass,
    pipeline::{self, Settings},
};

/// A folder of tests and the driver that runs them.
#[derive(Clone, Debug)]
pub struct Suite {
    folder: PathBuf,
    driver: PathBuf,
    name: String,
    accept: String,
}

impl Suite {
    /// The tests of a folder, with all folders below it, run by a driver such as `zk-opt`.
    pub fn new(folder: impl Into<PathBuf>, driver: impl Into<PathBuf>) -> Self {
        let driver = driver.into();
        let name = driver.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { folder: folder.into(), driver, name, accept: "INSTA_UPDATE=always cargo test".to_owned() }
    }

    /// The name that files call the driver by, where it is not its file name.
    pub fn called(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// The command that accepts new output, for messages.
    pub fn accept(mut self, command: &str) -> Self {
        self.accept = command.to_owned();
        self
    }

    /// The input files, relative to the folder, in order.
    ///
    /// # Panics
    /// When the folder cannot be read.
    pub fn inputs(&self) -> Vec<String> {
        let mut inputs = vec![];
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder);
            for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "mlir") {
                    let name = path.strip_prefix(&self.folder).expect("it lies below the folder");
                    inputs.push(name.to_string_lossy().replace('\\', "/"));
                }
            }
        }
        inputs.sort();
        inputs
    }

    /// Runs the driver in the folder.
    ///
    /// # Panics
    /// When the driver does not start.
    pub fn drive(&self, arguments: &[&str]) -> Output {
        let output = Command::new(&self.driver).args(arguments).current_dir(&self.folder).output();
        output.unwrap_or_else(|error| panic!("{}: {error}", self.driver.display()))
    }

    /// Runs every test of the folder, to the end, and then fails when one of them did.
    ///
    /// # Panics
    /// That is how a test fails: when there is no input, or with all that is wrong.
    pub fn run(&self) {
        let inputs = self.inputs();
        assert!(!inputs.is_empty(), "{}: expected .mlir files, found none", self.folder.display());
        let failed = |input: &&String| catch_unwind(AssertUnwindSafe(|| self.test(input))).is_err();
        let failed = inputs.iter().filter(failed).map(String::as_str).collect::<Vec<_>>();
        let left = self.snapshots_without_input(&inputs);
        assert!(
            left.is_empty(),
            "these snapshots belong to no input any more, remove them: {}",
            left.join(", ")
        );
        assert!(
            failed.is_empty(),
            "{} of {} files failed: {}\nwhen the new output is right, accept it by: {}",
            failed.len(),
            inputs.len(),
            failed.join(", "),
            self.accept
        );
    }

    /// Runs the test of one file.
    fn test(&self, input: &str) {
        let source = fs::read_to_string(self.folder.join(input)).expect("an input is text");
        let name = &self.name;
        let Some(mut arguments) = command(&source, name) else {
            panic!("{input}: the first line must be `// RUN: {name} ARGUMENTS`");
        };
        arguments.extend([input, "--split-input-file"]);
        let output = self.drive(&arguments);
        if arguments.contains(&"--verify-diagnostics") {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{input}: the diagnostics are not the expected ones:\n{errors}");
            return;
        }
        snapshot(&self.folder, name, Some(&suffix(input)), &transcript(&output));
    }

    fn snapshots_without_input(&self, inputs: &[String]) -> Vec<String> {
        let known = inputs.iter().map(|input| format!("{}@{}.snap", self.name, suffix(input)));
        let known = known.collect::<BTreeSet<_>>();
        let entries = fs::read_dir(self.folder.join("snapshots")).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let ours =
            names.filter(|name| name.starts_with(&format!("{}@", self.name)) && name.ends_with(".snap"));
        ours.filter(|name| !known.contains(name)).collect()
    }

    /// Runs the example of every pass on a fresh context, and compares what comes out with a snapshot of the folder.
    ///
    /// # Panics
    /// When an example does not parse, its pass fails on it, or what comes out is new.
    pub fn examples(&self, passes: &[&[&dyn Pass]], context: impl Fn() -> Context) {
        let mut failed = vec![];
        for pass in passes.iter().copied().flatten() {
            let info = pass.info();
            let test = || {
                let context = context();
                let mut module = tessera_mlir::parse(&context, info.example, info.name)
                    .unwrap_or_else(|error| panic!("the example of {} does not parse: {error}", info.name));
                let text = format!("builtin.module({})", info.name);
                pipeline::run(&mut module, &text, &Settings::default())
                    .unwrap_or_else(|error| panic!("{} fails on its own example: {error}", info.name));
                snapshot(
                    &self.folder,
                    &format!("example__{}", info.name),
                    None,
                    &tessera_mlir::print(&module),
                );
            };
            if catch_unwind(AssertUnwindSafe(test)).is_err() {
                failed.push(info.name);
            }
        }
        assert!(
            failed.is_empty(),
            "the examples of these passes failed: {}\nwhen the new output is right, accept it by: {}",
            failed.join(", "),
            self.accept
        );
    }
}

/// Compares with a snapshot of a folder.
fn snapshot(folder: &Path, name: &str, suffix: Option<&str>, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder.join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    if let Some(suffix) = suffix {
        settings.set_snapshot_suffix(suffix);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn suffix(input: &str) -> String {
    input.replace('/', "__")
}

/// What a person sees of a run: standard output, then standard error, then how it ended if not well.
pub fn transcript(output: &Output) -> String {
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
fn command<'a>(source: &'a str, driver: &str) -> Option<Vec<&'a str>> {
    let arguments = source.lines().next()?.strip_prefix("// RUN: ")?.strip_prefix(driver)?;
    if !arguments.is_empty() && !arguments.starts_with(char::is_whitespace) {
        return None;
    }
    // Spaces inside braces belong to a pass's options.
    let mut depth = 0;
    let words = arguments.split(move |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0 && c.is_whitespace()
    });
    Some(words.filter(|word| !word.is_empty()).collect())
}

/// Asserts that passes say who they are in the words that a reference is made of.
///
/// # Panics
/// With the first pass whose name is taken or not of lower-case letters, digits and dashes, or a text of which is missing.
pub fn documented(passes: &[&[&dyn Pass]]) {
    let mut names = BTreeSet::new();
    for pass in passes.iter().copied().flatten() {
        let info = pass.info();
        assert!(names.insert(info.name), "two passes are called {}", info.name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(
            info.name.chars().all(plain),
            "{}: a name has lower-case letters, digits and dashes",
            info.name
        );
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_command() {
        let words = |line: &str| command(line, "zk-opt").map(|words| words.join("|"));
        let line = "// RUN: zk-opt --pass-pipeline=builtin.module(p{a=1 b=2},cse)  --x\nbody";
        assert_eq!(words(line).as_deref(), Some("--pass-pipeline=builtin.module(p{a=1 b=2},cse)|--x"));
        assert_eq!(words("// RUN: zk-opt").as_deref(), Some(""));
        assert_eq!(words("// RUN: zk-optimist --x"), None);
        assert_eq!(words("// RUN: my-opt"), None);
        assert_eq!(words("module {}"), None);
        assert_eq!(words(""), None);
    }

    /// A suite over files, with `cat` or `false` as its driver.
    fn suite(driver: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Suite) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let suite = Suite::new(folder.path(), driver).accept("bless it");
        (folder, suite)
    }

    fn failure(suite: &Suite) -> String {
        let panic = catch_unwind(AssertUnwindSafe(|| suite.run())).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    }

    const SNAP: &str = "---\nsource: x\n---\nfirst\n";

    #[test]
    fn what_is_as_it_was_passes_and_what_is_new_fails_with_the_command() {
        let input = ("a/b.mlir", "// RUN: echo first\n");
        // echo repeats its arguments, the file's name among them
        let right = SNAP.replace("first", "first a/b.mlir --split-input-file");
        let (_folder, good) = suite("echo", &[input, ("snapshots/echo@a__b.mlir.snap", &right)]);
        assert_eq!(good.inputs(), ["a/b.mlir"]);
        good.run();
        // whoever accepts all that is new gets no failure to look at
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            return;
        }
        let (_folder, changed) = suite("echo", &[input, ("snapshots/echo@a__b.mlir.snap", SNAP)]);
        let text = failure(&changed);
        assert!(
            text.contains("1 of 1 files failed: a/b.mlir") && text.ends_with("accept it by: bless it"),
            "{text}"
        );
    }

    #[test]
    fn files_without_a_command_and_snapshots_without_a_file_fail() {
        let (_folder, bare) = suite("echo", &[("a.mlir", "module {}\n")]);
        assert!(failure(&bare).contains("1 of 1 files failed: a.mlir"));
        let (_folder, empty) = suite("echo", &[("snapshots/echo@gone.mlir.snap", SNAP)]);
        assert!(failure(&empty).contains("expected .mlir files, found none"));
        let silent = ("a.mlir", "// RUN: true --verify-diagnostics\n");
        let (_folder, left) = suite("true", &[silent, ("snapshots/true@gone.mlir.snap", SNAP)]);
        assert!(failure(&left).contains("belong to no input any more, remove them: true@gone.mlir.snap"));
    }

    #[test]
    fn unexpected_diagnostics_fail() {
        let (_folder, fine) = suite("true", &[("a.mlir", "// RUN: true --verify-diagnostics\n")]);
        fine.run();
        let (_folder, wrong) = suite("false", &[("a.mlir", "// RUN: false --verify-diagnostics\n")]);
        assert!(failure(&wrong).contains("1 of 1 files failed"));
    }
}
