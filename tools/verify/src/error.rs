//! Why nothing was verified, and the exit code that goes with it.
//!
//! Invariants: every problem says what is wrong and, where they exist, what was expected, what was found, where, and what to do;
//! [`Kind`] tells "this proof is false" from "this could not be checked"; no control character of a name or a path reaches a terminal.
use crate::text::plain;
use serde::Serialize;
use std::fmt;
use std::path::Path;
use tessera_api::{CheckError, FileError, VerifyError};

/// Result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a failure says of a proof. Its number is the exit code of the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A proof, or a key, that does not hold.
    Rejected = 1,
    /// Wrong use, or a file that cannot be used.
    Use = 2,
    /// A machine, or this program, that failed: nothing is known about the proof.
    Machine = 3,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What there is instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// File, array, node or operation.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Explanations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // lines of a text stand below its first one, never where a line of ours would begin
        let lines = |text: &str, indent: &str| {
            let lines: Vec<String> = text.split('\n').map(plain).collect();
            lines.join(&format!("\n{indent}"))
        };
        write!(f, "{}", lines(&self.message, "  "))?;
        let notes = self.notes.iter().map(|n| ("note", Some(n)));
        let rows = [("expected", &self.expected), ("found", &self.found), ("where", &self.place)];
        let rows = rows.map(|(name, text)| (name, text.as_ref())).into_iter().chain(notes);
        for (name, text) in rows.chain([("help", self.help.as_ref())]) {
            if let Some(text) = text {
                write!(f, "\n  {name:<9}{}", lines(text, "           "))?;
            }
        }
        Ok(())
    }
}

/// A failure of this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What it says of the proof.
    pub kind: Kind,
    /// What is wrong. On the heap: results are small.
    pub problem: Box<Problem>,
}

impl Error {
    fn of(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, problem: Box::new(Problem { message: message.into(), ..Problem::default() }) }
    }

    /// A wrong use, or a file that cannot be used.
    pub fn new(message: impl Into<String>) -> Error {
        Error::of(Kind::Use, message)
    }

    /// A proof, or a key, that does not hold.
    pub fn rejected(message: impl Into<String>) -> Error {
        Error::of(Kind::Rejected, message)
    }

    /// What no other input would have mended: no memory, no threads, a defect of this program.
    pub fn machine(message: impl Into<String>) -> Error {
        Error::of(Kind::Machine, message)
    }

    /// A file that the system does not give or take.
    pub fn io(what: &str, path: &Path, e: &std::io::Error) -> Error {
        use std::io::ErrorKind::{
            AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound,
            PermissionDenied,
        };
        let error = Error::new(format!("cannot {what} {}: {}", path.display(), reason(e)));
        match e.kind() {
            NotFound => error.help("check the path; it is relative to the current directory"),
            PermissionDenied => error.help("check the permissions of the file and its directory"),
            AlreadyExists | IsADirectory | NotADirectory | InvalidFilename | InvalidInput => error,
            // a full disk, a disk that fails, no memory
            _ => Error { kind: Kind::Machine, ..error },
        }
    }

    /// Adds what would have been right.
    pub fn expected(mut self, text: impl Into<String>) -> Error {
        self.problem.expected = Some(text.into());
        self
    }

    /// Adds what there is instead.
    pub fn found(mut self, text: impl Into<String>) -> Error {
        self.problem.found = Some(text.into());
        self
    }

    /// Adds what to do.
    pub fn help(mut self, text: impl Into<String>) -> Error {
        self.problem.help = Some(text.into());
        self
    }

    /// Adds the file, where no place is said.
    pub fn in_file(mut self, path: &Path) -> Error {
        self.problem.place.get_or_insert_with(|| path.display().to_string());
        self
    }

    /// As the commands say it with `--json`.
    pub fn json(&self) -> String {
        failed_json(self.kind as u8, &[&*self.problem])
    }
}

/// A failure as the commands say it with `--json`.
pub fn failed_json(code: u8, problems: &[&Problem]) -> String {
    #[derive(Serialize)]
    struct Failed<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        verified: Option<bool>,
        exit_code: u8,
        error: Problems<'a>,
    }
    #[derive(Serialize)]
    struct Problems<'a> {
        problems: &'a [&'a Problem],
    }
    let verified = (code == Kind::Rejected as u8).then_some(false);
    crate::text::json(&Failed { verified, exit_code: code, error: Problems { problems } })
}

/// The system's reason without its number, so that it reads the same everywhere.
fn reason(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        std::io::ErrorKind::IsADirectory => "it is a directory".into(),
        _ => e.to_string(),
    }
}

/// The word that a failure of this exit code begins with.
pub fn word(code: u8) -> &'static str {
    if code == Kind::Rejected as u8 { "rejected" } else { "error" }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", word(self.kind as u8), self.problem)
    }
}

impl std::error::Error for Error {}

impl From<FileError> for Error {
    fn from(e: FileError) -> Error {
        let error = Error::new(e.to_string());
        match e {
            FileError::Magic => {
                error.help("give a file that tessera wrote: .tess, .pk, .vk, .proof, .opening or .cert")
            }
            FileError::Damaged(_) => {
                error.help("copy the file again, or make it again with the same command")
            }
            FileError::Kind { .. } | FileError::Version { .. } | FileError::Parent { .. } => error,
        }
    }
}

impl From<VerifyError> for Error {
    fn from(e: VerifyError) -> Error {
        match e {
            VerifyError::Internal(_) => Error::machine(format!("the proof could not be checked: {e}")),
            e => Error::rejected(format!("the proof does not hold: {e}")),
        }
    }
}

impl From<CheckError> for Error {
    fn from(e: CheckError) -> Error {
        match e {
            CheckError::File(e) => e.into(),
            CheckError::Rejected(e) => e.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn could_not_check_is_not_false() {
        assert_eq!(Error::from(VerifyError::Lookups).kind, Kind::Rejected);
        assert_eq!(Error::from(VerifyError::Internal("x".into())).kind, Kind::Machine);
        assert_eq!(Error::from(FileError::Magic).kind, Kind::Use);
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Error::io("write", Path::new("x"), &full).kind, Kind::Machine);
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(Error::io("read", Path::new("x"), &gone).kind, Kind::Use);
        let taken = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        assert_eq!(Error::io("make the directory", Path::new("x"), &taken).kind, Kind::Use);
        let said = |e: Error| e.json().contains("\"verified\"");
        assert!(said(Error::rejected("x")) && !said(Error::machine("x")) && !said(Error::new("x")));
    }

    #[test]
    fn names_in_errors_cannot_write_on_a_terminal() {
        let e = Error::new("no class \u{1b}[2J\rverified\nverified x.proof").found("\u{9b}31m\u{202e}x");
        assert_eq!(
            e.to_string(),
            "error: no class \\u{1b}[2J\\rverified\n  verified x.proof\n  found    \\u{9b}31m\\u{202e}x"
        );
    }
}
