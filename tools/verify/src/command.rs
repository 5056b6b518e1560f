//! `tessera-verify` as a function, for the command and for the command that the Python package installs.
//!
//! Invariants: results go to stdout and errors to stderr; exit codes are those of `tessera verify`; a panic is exit code 3, and never
//! a verdict.
use crate::commitments::Root;
use crate::error::{Error, Result};
use crate::key::Policy;
use crate::report::Report;
use crate::{files, text};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use std::ffi::OsString;
use std::path::PathBuf;

const HELP: &str = "\
Checks a proof, and says what it proves

Usage: tessera-verify KEY PROOF [OPTIONS]

Arguments:
  KEY    The verifying key (.vk)
  PROOF  The proof (.proof)

Options:
      --key-digest DIGEST   Refuse every other key than that of this digest
      --min-security BITS   Refuse keys whose proofs are worth fewer bits of security [default: 96]
      --regime REGIME       Which bits count for that: those that are proven, or those of a conjecture, too, where a key was made for
                            it: proven, conjectured [default: proven]
      --root NAME=ROOT      Check, too, that the input or output of this name is committed as ROOT
      --after KEY PROOF     Check this proof, too, and that its committed outputs are inputs of the one that is verified
      --certificate FILE    PROOF is of a further key of the same weights, which this certificate of KEY is of; twice, where that one's
                            certificate leads to the key
      --json                One JSON value on stdout
  -h, --help                Say this
  -V, --version             Say the version

Exit codes: 0 the proof holds, 1 it does not, 2 wrong use or a file that cannot be used, 3 it could not be checked
";

/// What a process says, and how it ends.
pub struct Said {
    /// What goes to stdout.
    pub out: String,
    /// What goes to stderr.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

/// Does what the arguments ask for, of which the first is not the command's own name.
pub fn run(arguments: Vec<OsString>) -> Said {
    let json = arguments.iter().any(|a| a == "--json");
    let result = std::panic::catch_unwind(|| said(arguments, json)).unwrap_or_else(|_| {
        Err(Error::machine("tessera-verify failed unexpectedly: nothing is known about the proof"))
    });
    match result {
        Ok(out) => Said { out, err: String::new(), code: 0 },
        Err(e) => Said {
            out: if json { e.json() + "\n" } else { String::new() },
            err: format!("{e}\n"),
            code: e.kind as u8,
        },
    }
}

/// What was asked for.
enum Request {
    Verify(Files, Checks),
    Say(String),
}

/// A key and a proof.
struct Files {
    key: PathBuf,
    proof: PathBuf,
}

/// What else has to be.
#[derive(Default)]
struct Checks {
    policy: Policy,
    roots: Vec<(String, Root)>,
    after: Vec<Files>,
    certificates: Vec<PathBuf>,
}

fn parse(mut parser: lexopt::Parser) -> Result<Request, lexopt::Error> {
    let (mut files, mut checks) = (vec![], Checks::default());
    while let Some(argument) = parser.next()? {
        match argument {
            // read before anything can fail
            Long("json") => {}
            Long("key-digest") => checks.policy.key_digest = Some(parser.value()?.parse()?),
            Long("min-security") => checks.policy.min_security = parser.value()?.parse()?,
            Long("regime") => checks.policy.regime = parser.value()?.parse()?,
            Long("root") => {
                let text = parser.value()?.string()?;
                let (name, root) = text.rsplit_once('=').ok_or("--root: expected NAME=ROOT")?;
                checks.roots.push((name.into(), root.parse::<Root>()?));
            }
            Long("after") => {
                let [key, proof] = [parser.value()?, parser.value()?].map(PathBuf::from);
                checks.after.push(Files { key, proof });
            }
            Long("certificate") => checks.certificates.push(parser.value()?.into()),
            Long("help") | Short('h') => return Ok(Request::Say(HELP.into())),
            Long("version") | Short('V') => {
                return Ok(Request::Say(format!("tessera-verify {}\n", env!("CARGO_PKG_VERSION"))));
            }
            Value(path) if files.len() < 2 => files.push(PathBuf::from(path)),
            other => return Err(other.unexpected()),
        }
    }
    match <[PathBuf; 2]>::try_from(files) {
        Ok([key, proof]) => Ok(Request::Verify(Files { key, proof }, checks)),
        Err(files) if files.is_empty() => Err("a verifying key and a proof are needed".into()),
        Err(_) => Err("a proof is needed, too".into()),
    }
}

/// What a proof proves, if it holds.
fn verified(Files { key, proof }: &Files, policy: Policy, certificates: &[PathBuf]) -> Result<Report> {
    let mut read = files::verifying_key(key)?;
    policy.check(&read).map_err(|e| e.in_file(key))?;
    for path in certificates {
        read = files::certificate(path, &read)?;
    }
    policy.worth(&read)?;
    Report::new(&read, &files::proof(proof, &read)?).map_err(|e| e.in_file(proof))
}

/// Everything that goes to stdout.
fn said(arguments: Vec<OsString>, json: bool) -> Result<String> {
    let request = parse(lexopt::Parser::from_args(arguments)).map_err(|e| {
        Error::new(e.to_string()).help("usage: tessera-verify KEY PROOF; tessera-verify --help says more")
    })?;
    let (own, checks) = match request {
        Request::Verify(files, checks) => (files, checks),
        Request::Say(text) => return Ok(text),
    };
    let mut report = verified(&own, checks.policy, &checks.certificates)?;
    for (name, root) in checks.roots {
        report = report.of_root(&name, root).map_err(|e| e.in_file(&own.proof))?;
    }
    for first in &checks.after {
        // a digest pins one key
        let policy = Policy { key_digest: None, ..checks.policy };
        report = report.after(&verified(first, policy, &[])?).map_err(|e| e.in_file(&own.proof))?;
    }
    if json {
        return Ok(text::json(&report) + "\n");
    }
    let title = format!("verified {}", own.proof.display());
    let lines: Vec<String> = std::iter::once(title).chain(report.lines()).map(|l| text::plain(&l)).collect();
    Ok(lines.join("\n") + "\n")
}
