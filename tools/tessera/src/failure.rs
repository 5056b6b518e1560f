//! What the command says when something is wrong, and the exit code that goes with it.
//!
//! Invariants: every problem says what is wrong and, where they exist, what was expected, what was found, where, and
//! what to do; all problems of one step are reported, not the first; a rejected proof is exit code 1 and everything
//! else is 2, so that a script can tell "this proof is false" from "this could not be checked".
use serde::Serialize;
use std::fmt;
use std::path::Path;
use tessera_api::{FileError, ProveError, SetupError, VerifyError};

/// Result of everything a command does.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why the command stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Exit code: 1 for a rejected proof, 2 for everything else.
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
        Failure { code: 2, problems: vec![Problem { message: message.into(), ..Problem::default() }] }
    }

    /// A proof that does not hold: exit code 1.
    pub fn rejected(message: impl Into<String>) -> Failure {
        Failure { code: 1, ..Failure::new(message) }
    }

    /// Several problems of one step; `None` where there are none.
    pub fn all(problems: Vec<Problem>) -> Option<Failure> {
        if problems.is_empty() { None } else { Some(Failure { code: 2, problems }) }
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
        let f = Failure::new(format!("cannot {what} {}: {}", path.display(), reason(e)));
        match e.kind() {
            std::io::ErrorKind::NotFound => f.help("check the path; it is relative to the current directory"),
            std::io::ErrorKind::PermissionDenied => {
                f.help("check the permissions of the file and its directory")
            }
            _ => f,
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
        let word = if self.code == 1 { "rejected" } else { "error" };
        for (i, p) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{word}: {}", p.message)?;
            let notes = p.notes.iter().map(|n| ("note", Some(n)));
            let rows = [("expected", &p.expected), ("found", &p.found), ("where", &p.place)];
            let rows = rows.map(|(name, text)| (name, text.as_ref())).into_iter().chain(notes);
            for (name, text) in rows.chain([("help", p.help.as_ref())]) {
                if let Some(text) = text {
                    write!(f, "\n  {name:<9}{}", text.replace('\n', "\n           "))?;
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
        Failure::new(e.to_string())
    }
}

impl From<VerifyError> for Failure {
    fn from(e: VerifyError) -> Failure {
        Failure::rejected(format!("the proof does not hold: {e}"))
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
    fn only_a_rejected_proof_is_code_one() {
        assert_eq!(Failure::from(VerifyError::Lookups).code, 1);
        assert_eq!(Failure::from(FileError::Magic).code, 2);
        assert_eq!(Failure::from(ProveError::Internal("x".into())).code, 2);
    }
}
