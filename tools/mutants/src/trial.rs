//! Runs tests while a mutant is awake, until one notices.
//!
//! Invariants: a test runs in a process of its own, with a limit on memory and on time; only tests that ask for a mutant can notice
//! it, so no others are run.
use crate::build::Binary;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Memory of a test, in KiB.
const MEMORY: u64 = 8 << 20;

/// A test, and what it did while no mutant was awake.
pub struct Test<'b> {
    binary: &'b Binary,
    /// Its name.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// The mutants that it asked for.
    pub asks: BTreeSet<u32>,
}

/// How a test went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passed: nothing was noticed.
    Passed,
    /// It failed.
    Failed,
    /// It was stopped.
    TimedOut,
}

/// The names of a binary's tests.
///
/// # Errors
/// When it does not say.
pub fn names(b: &Binary) -> Result<Vec<String>, String> {
    let list = |more: &[&str]| {
        let out = Command::new(&b.path).args(["--list", "--format", "terse"]).args(more).output();
        let text = out.map_err(|e| format!("{}: {e}", b.path.display()))?.stdout;
        let names = String::from_utf8_lossy(&text)
            .lines()
            .filter_map(|l| l.strip_suffix(": test"))
            .map(str::to_owned)
            .collect();
        Ok::<BTreeSet<String>, String>(names)
    };
    Ok(list(&[])?.difference(&list(&["--ignored"])?).cloned().collect())
}

fn run(b: &Binary, name: &str, variable: (&str, &str), limit: Duration) -> Result<Outcome, String> {
    // limits of other processes, which hold when this one is gone
    let limits = format!(
        "ulimit -v {MEMORY}; ulimit -c 0; exec timeout -s KILL {} \"$0\" \"$@\"",
        limit.as_secs_f64()
    );
    let mut command = Command::new("sh");
    command.arg("-c").arg(limits).arg(&b.path);
    command.args(["--exact", name, "--test-threads", "1"]).current_dir(&b.folder).env(variable.0, variable.1);
    command.env("CARGO_MANIFEST_DIR", &b.folder).env("INSTA_UPDATE", "no");
    // what a mutant broke is no case to try again
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true").env("PROPTEST_RNG_SEED", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().map_err(|e| format!("{}: {e}", b.path.display()))?;
    Ok(match status.success() {
        true => Outcome::Passed,
        false if start.elapsed() >= limit => Outcome::TimedOut,
        false => Outcome::Failed,
    })
}

impl<'b> Test<'b> {
    /// Runs a test while no mutant is awake.
    ///
    /// # Errors
    /// When it fails: it could not tell a mutant.
    pub fn traced(binary: &'b Binary, name: String, trace: &Path) -> Result<Test<'b>, String> {
        let path = trace.to_str().ok_or("the target folder's name is not UTF-8")?;
        let _ = std::fs::remove_file(trace);
        let start = Instant::now();
        let outcome = run(binary, &name, ("TESSERA_MUTANT_TRACE", path), Duration::from_secs(600))?;
        if outcome != Outcome::Passed {
            return Err(format!("{name} {outcome:?} without a mutant"));
        }
        let lines = std::fs::read_to_string(trace).unwrap_or_default();
        let _ = std::fs::remove_file(trace);
        let asks = lines.lines().filter_map(|l| l.parse().ok()).collect();
        Ok(Test { binary, name, took: start.elapsed(), asks })
    }

    /// Runs it while this mutant is awake.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn with(&self, mutant: u32) -> Result<Outcome, String> {
        let limit = Duration::from_secs(20) + 10 * self.took;
        run(self.binary, &self.name, ("TESSERA_MUTANT", &mutant.to_string()), limit)
    }

    /// The package and target that it is of.
    pub fn of(&self) -> (&str, &str) {
        (&self.binary.of.0, &self.binary.of.1)
    }
}
