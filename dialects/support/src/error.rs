//! Errors of the IR crates: owned reports with the place each one is about.
//!
//! Invariants:
//! - An error holds every problem found, not the first one.
//! - A report keeps its MLIR location as text, so it outlives the context and can be emitted again as a diagnostic.

use crate::{loc::Place, op::op_name};
use melior::ir::{Location, OperationRef, operation::OperationLike};
use std::fmt::{self, Display, Formatter};

/// The result of an IR function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One problem: what was expected, what was found, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The message.
    pub message: String,
    /// What it is about.
    pub place: Option<Place>,
    /// Explanations, each possibly at another place.
    pub notes: Vec<Report>,
}

impl Display for Report {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        write!(formatter, "{}", self.message)?;
        for note in &self.notes {
            write!(formatter, "\n  note: {note}")?;
        }
        Ok(())
    }
}

/// One or more problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// All of them, in the order found; never empty.
    pub reports: Vec<Report>,
}

impl Error {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { reports: vec![Report { message: message.into(), place: None, notes: vec![] }] }
    }

    /// An error at a location, such as `op.location()`.
    pub fn at(location: Location, message: impl Into<String>) -> Self {
        Self::new(message).or_at(location)
    }

    /// Adds an explanation to the last report.
    pub fn note(mut self, message: impl Into<String>) -> Self {
        if let Some(last) = self.reports.last_mut() {
            last.notes.push(Report { message: message.into(), place: None, notes: vec![] });
        }
        self
    }

    /// Adds an explanation at another place, such as the definition of an operand, to the last report.
    pub fn note_at(mut self, location: Location, message: impl Into<String>) -> Self {
        if let Some(last) = self.reports.last_mut() {
            last.notes.push(Report {
                message: message.into(),
                place: Some(Place::new(location)),
                notes: vec![],
            });
        }
        self
    }

    /// Gives every report that has no place this one.
    pub fn or_at(self, location: Location) -> Self {
        if self.reports.iter().all(|report| report.place.is_some()) {
            return self;
        }
        self.or_in(&Place::new(location))
    }

    /// As [`Error::or_at`], for a place that was read before.
    pub fn or_in(mut self, place: &Place) -> Self {
        for report in &mut self.reports {
            report.place.get_or_insert_with(|| place.clone());
        }
        self
    }

    /// Gives every report that has no place this op's, and puts the op's name in front, as in `'nn.conv' op pads: ..`.
    pub fn or_at_op(mut self, op: OperationRef) -> Self {
        for report in &mut self.reports {
            if report.place.is_none() {
                report.message.insert_str(0, &format!("'{}' op ", op_name(op)));
                report.place = Some(Place::new(op.location()));
            }
        }
        self
    }

    /// Puts words before every message, such as the name of the op that was being read.
    pub fn context(mut self, prefix: impl Display) -> Self {
        for report in &mut self.reports {
            report.message = format!("{prefix}: {}", report.message);
        }
        self
    }

    /// Adds the reports of another error.
    pub fn push(&mut self, other: Self) {
        self.reports.extend(other.reports);
    }

    /// All errors as one; fails with them, or succeeds when there is none.
    pub fn all(errors: impl IntoIterator<Item = Self>) -> Result<()> {
        let reports = errors.into_iter().flat_map(|error| error.reports).collect::<Vec<_>>();
        if reports.is_empty() { Ok(()) } else { Err(Self { reports }) }
    }

    /// All errors as one.
    pub fn join(errors: impl IntoIterator<Item = Self>) -> Self {
        Self::all(errors).err().unwrap_or_else(|| Self::new("unknown error"))
    }
}

impl Display for Error {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        for (index, report) in self.reports.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{report}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<melior::Error> for Error {
    fn from(error: melior::Error) -> Self {
        Self::new(error.to_string())
    }
}
