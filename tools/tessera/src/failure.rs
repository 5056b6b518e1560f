//! What the command says when something is wrong, and the exit code that goes with it.
//!
//! Invariants: every problem says what is wrong and, where they exist, what was expected, what was found, where, and
//! what to do; all problems of one step are reported, not the first; the exit codes below tell "this proof is false" from
//! "this could not be checked"; no control character of a name or a path reaches a terminal.
use crate::show::plain;
use serde::Serialize;
use std::fmt;
use std::path::Path;
use tessera_api::{CheckError, FileError, ProveError, SetupError, VerifyError};

/// Result of everything a command does.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Exit code of a proof, or a key, that does not hold.
pub const FALSE: u8 = 1;
/// Exit code of wrong use, or of a file that cannot be used.
pub const USE: u8 = 2;
/// Exit code of a machine, or of this program, that failed: nothing is known about the proof.
pub const MACHINE: u8 = 3;

/// Why the command stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Exit code: [`FALSE`], [`USE`] or [`MACHINE`].
    #[serde(skip)]
    pub code: u8,
    /// At least one.
    pub problems: Vec<Problem>,
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

impl Failure {
    /// A wrong use or a bad file: exit code 2.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { code: USE, problems: vec![Problem { message: message.into(), ..Problem::default() }] }
    }

    /// A proof that does not hold: exit code 1.
    pub fn rejected(message: impl Into<String>) -> Failure {
        Failure { code: FALSE, ..Failure::new(message) }
    }

    /// What no other input would have mended: no memory, no threads, a full disk, a defect of this program. Exit code 3.
    pub fn machine(message: impl Into<String>) -> Failure {
        Failure { code: MACHINE, ..Failure::new(message) }
    }

    /// Several problems of one step; `None` where there are none.
    pub fn all(problems: Vec<Problem>) -> Option<Failure> {
        if problems.is_empty() { None } else { Some(Failure { code: USE, problems }) }
    }

    /// Adds what would have been right.
    pub fn expected(mut self, text: impl Into<String>) -> Failure {
        let text = text.into();
        self.problems.iter_mut().for_each(|p| p.expected = Some(text.clone()));
        self
    }

    /// Adds what there is instead.
    pub fn found(mut self, text: impl Into<String>) -> Failure {
        let text = text.into();
        self.problems.iter_mut().for_each(|p| p.found = Some(text.clone()));
        self
    }

    /// Adds where, for problems that do not say.
    pub fn at(mut self, place: impl fmt::Display) -> Failure {
        self.problems.iter_mut().for_each(|p| {
            p.place.get_or_insert_with(|| place.to_string());
        });
        self
    }

    /// Adds the file, for problems that do not say where.
    pub fn in_file(self, path: &Path) -> Failure {
        self.at(path.display())
    }

    /// Adds what to do, for problems that do not say.
    pub fn help(mut self, text: impl Into<String>) -> Failure {
        let text = text.into();
        self.problems.iter_mut().for_each(|p| {
            p.help.get_or_insert_with(|| text.clone());
        });
        self
    }

    /// A file that the system does not give or take.
    pub fn io(what: &str, path: &Path, e: &std::io::Error) -> Failure {
        use std::io::ErrorKind::{
            InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
        };
        let f = Failure::new(format!("cannot {what} {}: {}", path.display(), reason(e)));
        match e.kind() {
            NotFound => f.help("check the path; it is relative to the current directory"),
            PermissionDenied => f.help("check the permissions of the file and its directory"),
            IsADirectory | NotADirectory | InvalidFilename | InvalidInput => f,
            // a full disk, a disk that fails, no memory
            _ => Failure { code: MACHINE, ..f },
        }
    }
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.code == FALSE { "rejected" } else { "error" };
        // lines of a text stand below its first one, never where a line of ours would begin
        let lines = |text: &str, indent: &str| {
            let lines: Vec<String> = text.split('\n').map(plain).collect();
            lines.join(&format!("\n{indent}"))
        };
        for (i, p) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{word}: {}", lines(&p.message, "  "))?;
            let notes = p.notes.iter().map(|n| ("note", Some(n)));
            let rows = [("expected", &p.expected), ("found", &p.found), ("where", &p.place)];
            let rows = rows.map(|(name, text)| (name, text.as_ref())).into_iter().chain(notes);
            for (name, text) in rows.chain([("help", p.help.as_ref())]) {
                if let Some(text) = text {
                    write!(f, "\n  {name:<9}{}", lines(text, "           "))?;
                }
            }
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<FileError> for Failure {
    fn from(e: FileError) -> Failure {
        let f = Failure::new(e.to_string());
        match e {
            FileError::Magic => f.help("give a file that tessera wrote: .tess, .pk, .vk or .proof"),
            FileError::Damaged(_) => f.help("copy the file again, or make it again with the same command"),
            FileError::Kind { .. } | FileError::Version { .. } | FileError::Parent { .. } => f,
        }
    }
}

impl From<SetupError> for Failure {
    fn from(e: SetupError) -> Failure {
        Failure::new(e.to_string())
    }
}

impl From<ProveError> for Failure {
    fn from(e: ProveError) -> Failure {
        match e {
            ProveError::Internal(_) => Failure::machine(e.to_string()),
            ProveError::Shape(_) | ProveError::Publics(_) => Failure::new(e.to_string()),
        }
    }
}

impl From<VerifyError> for Failure {
    fn from(e: VerifyError) -> Failure {
        match e {
            VerifyError::Internal(_) => Failure::machine(format!("the proof could not be checked: {e}")),
            e => Failure::rejected(format!("the proof does not hold: {e}")),
        }
    }
}

impl From<CheckError> for Failure {
    fn from(e: CheckError) -> Failure {
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
    fn a_problem_reads_as_a_small_table() {
        let f = Failure::new("the array has the wrong shape")
            .expected("[1, 28, 28]")
            .found("[27, 28]")
            .in_file(Path::new("x.npy"))
            .help("one line\nand another");
        insta::assert_snapshot!(f);
    }

    #[test]
    fn could_not_check_is_not_false() {
        assert_eq!(Failure::from(VerifyError::Lookups).code, FALSE);
        assert_eq!(Failure::from(VerifyError::Internal("x".into())).code, MACHINE);
        assert_eq!(Failure::from(FileError::Magic).code, USE);
        assert_eq!(Failure::from(ProveError::Internal("x".into())).code, MACHINE);
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Failure::io("write", Path::new("x"), &full).code, MACHINE);
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(Failure::io("read", Path::new("x"), &gone).code, USE);
    }

    #[test]
    fn names_in_errors_cannot_write_on_a_terminal() {
        let f = Failure::new("no class \u{1b}[2J\rverified\nverified x.proof").found("\u{9b}31m\u{202e}x");
        assert_eq!(
            f.to_string(),
            "error: no class \\u{1b}[2J\\rverified\n  verified x.proof\n  found    \\u{9b}31m\\u{202e}x"
        );
    }
}
