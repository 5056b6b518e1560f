//! What the command says when something is wrong, and the exit code that goes with it.
//!
//! Invariants: every problem says what is wrong and, where they exist, what was expected, what was found, where, and
//! what to do; all problems of one step are reported, not the first; the exit codes below tell "this proof is false" from
//! "this could not be checked"; no control character of a name or a path reaches a terminal.
use serde::Serialize;
use std::fmt;
use std::path::Path;
use tessera_api::{CheckError, FileError, ProveError, SetupError, VerifyError};
pub use tessera_verify::error::Problem;
use tessera_verify::error::{self, Error, Kind};

/// Result of everything a command does.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Exit code of a proof, or a key, that does not hold.
pub const FALSE: u8 = Kind::Rejected as u8;
/// Exit code of wrong use, or of a file that cannot be used.
pub const USE: u8 = Kind::Use as u8;
/// Exit code of a machine, or of this program, that failed: nothing is known about the proof.
pub const MACHINE: u8 = Kind::Machine as u8;

/// Why the command stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Exit code: [`FALSE`], [`USE`] or [`MACHINE`].
    #[serde(skip)]
    pub code: u8,
    /// At least one.
    pub problems: Vec<Problem>,
    /// What the command found before it stopped, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<serde_json::Value>,
}

impl Failure {
    /// A wrong use or a bad file: exit code 2.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            code: USE,
            problems: vec![Problem { message: message.into(), ..Problem::default() }],
            report: None,
        }
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
        if problems.is_empty() { None } else { Some(Failure { code: USE, problems, report: None }) }
    }

    /// Adds what was found, for machines.
    pub fn with_report(self, report: &impl Serialize) -> Failure {
        Failure { report: serde_json::to_value(report).ok(), ..self }
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
        Error::io(what, path, e).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = error::word(self.code);
        for (i, p) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{word}: {p}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure { code: e.kind as u8, problems: vec![*e.problem], report: None }
    }
}

impl From<FileError> for Failure {
    fn from(e: FileError) -> Failure {
        Error::from(e).into()
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
        Error::from(e).into()
    }
}

impl From<CheckError> for Failure {
    fn from(e: CheckError) -> Failure {
        Error::from(e).into()
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
    }
}
