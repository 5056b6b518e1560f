//! The compiled half of the Python package `tessera_verify`: the verifier alone.
//!
//! # Correctness
//! The code is 0 only where a [`Report`] was made, by the same calls in the same order as the command's. A panic is code 3, and never a
//! verdict.
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use tessera_verify::error::{Error, Result};
use tessera_verify::key::{Policy, ProofFile, VerifyingKey};
use tessera_verify::report::Report;
use tessera_verify::{command, files, text};

/// A file, or what it holds.
#[derive(FromPyObject)]
enum Source {
    Bytes(PyBackedBytes),
    Path(PathBuf),
}

impl Source {
    fn key(&self) -> Result<VerifyingKey> {
        match self {
            Source::Bytes(bytes) => VerifyingKey::from_bytes(bytes),
            Source::Path(path) => files::verifying_key(path),
        }
    }

    fn next(&self, key: &VerifyingKey) -> Result<VerifyingKey> {
        match self {
            Source::Bytes(bytes) => key.next(bytes),
            Source::Path(path) => files::certificate(path, key),
        }
    }

    fn proof(&self, key: &VerifyingKey) -> Result<ProofFile> {
        match self {
            Source::Bytes(bytes) => ProofFile::from_bytes(bytes, key),
            Source::Path(path) => files::proof(path, key),
        }
    }

    /// An error says which file it is about.
    fn named(&self, e: Error) -> Error {
        match self {
            Source::Bytes(_) => e,
            Source::Path(path) => e.in_file(path),
        }
    }
}

fn verified((key, proof): &(Source, Source), policy: Policy, certificates: &[Source]) -> Result<Report> {
    let mut read = key.key()?;
    policy.check(&read).map_err(|e| key.named(e))?;
    for certificate in certificates {
        read = certificate.next(&read)?;
    }
    policy.worth(&read)?;
    Report::new(&read, &proof.proof(&read)?).map_err(|e| proof.named(e))
}

/// Checks a proof. Returns the command's exit code; the report, or the problem, as JSON; and for people.
#[pyfunction]
fn verify(
    py: Python<'_>,
    own: (Source, Source),
    least: (u32, String),
    key_digest: Option<String>,
    roots: Vec<(String, String)>,
    after: Vec<(Source, Source)>,
    certificates: Vec<Source>,
) -> (u8, String, String) {
    let report = || {
        let key_digest = key_digest.map(|digest| digest.parse()).transpose();
        let key_digest = key_digest.map_err(|e| Error::new(format!("this is no digest: {e}")))?;
        let (min_security, regime) = least;
        let regime = regime.parse().map_err(|e: String| Error::new(e))?;
        let mut report = verified(&own, Policy { min_security, regime, key_digest }, &certificates)?;
        for (name, root) in roots {
            let root = root.parse().map_err(|e| Error::new(format!("this is no root: {e}")))?;
            report = report.of_root(&name, root).map_err(|e| own.1.named(e))?;
        }
        for first in &after {
            // a digest pins one key
            let policy = Policy { min_security, regime, key_digest: None };
            report = report.after(&verified(first, policy, &[])?).map_err(|e| own.1.named(e))?;
        }
        Ok(report)
    };
    let failed = || Error::machine("the verifier failed unexpectedly: nothing is known about the proof");
    let result = py.detach(|| catch_unwind(AssertUnwindSafe(report)).unwrap_or_else(|_| Err(failed())));
    match result {
        Ok(report) => {
            let lines: Vec<String> = report.lines().iter().map(|line| text::plain(line)).collect();
            (0, text::json(&report), lines.join("\n"))
        }
        Err(e) => (e.kind as u8, e.json(), e.to_string()),
    }
}

/// Does what the command does with these arguments. Returns what goes to stdout and to stderr, and the exit code.
#[pyfunction]
fn run(py: Python<'_>, arguments: Vec<OsString>) -> (String, String, u8) {
    let said = py.detach(|| command::run(arguments));
    (said.out, said.err, said.code)
}

#[pymodule]
mod _tessera_verify {
    use super::*;
    #[pymodule_export]
    use super::{run, verify};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
