//! What does not hold, told so that a person finds the place: table, row, constraint and the model's operation.
use std::fmt;
use tessera_api::validate::ProgramError;

/// One thing that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The Program contradicts itself.
    Program(ProgramError),
    /// The trace has not the Program's shape.
    Shape(String),
    /// The public values are not of the statement's shape or ranges.
    Publics(String),
    /// A row polynomial does not vanish.
    Constraint {
        /// Table name.
        table: String,
        /// The row, and whether it is padding.
        row: Row,
        /// Index of the constraint in its table.
        constraint: usize,
        /// The model's operation.
        source: String,
        /// Value, between −p/2 and p/2.
        value: i128,
        /// Names and values of the cells it reads.
        cells: Vec<(String, i64)>,
    },
    /// A tuple that nobody provides.
    Lookup {
        /// Table name.
        table: String,
        /// The row, and whether it is padding.
        row: Row,
        /// Index of the lookup in its table.
        lookup: usize,
        /// The model's operation.
        source: String,
        /// Relation name.
        relation: String,
        /// The tuple.
        tuple: Vec<i128>,
    },
    /// A tuple is looked up another number of times than its multiplicities say.
    Multiplicity {
        /// Relation name.
        relation: String,
        /// The tuple.
        tuple: Vec<i128>,
        /// Sum of the multiplicities.
        claimed: i128,
        /// Number of lookups.
        counted: u64,
        /// Tables and rows that provide it (the first few).
        providers: Vec<(String, Row)>,
        /// Operations that look it up (the first few), with table and row.
        users: Vec<(String, String, Row)>,
    },
    /// An equation is not the zero polynomial.
    Equation {
        /// What it says.
        name: String,
        /// The first monomials whose coefficient is not zero.
        mismatches: Vec<Mismatch>,
        /// Why there are none, if there are none.
        note: Option<String>,
    },
    /// Failures that were counted only.
    More {
        /// Of which kind.
        kind: FailureKind,
        /// How many.
        count: u64,
    },
}

/// Kinds of failure that can be many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// [`Failure::Constraint`].
    Constraint,
    /// [`Failure::Lookup`].
    Lookup,
    /// [`Failure::Multiplicity`].
    Multiplicity,
    /// [`Failure::Equation`].
    Equation,
}

/// A row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index; the first padding row stands for all of them.
    pub index: usize,
    /// Whether it lies beyond the active rows.
    pub padding: bool,
}

/// A monomial of an equation whose coefficient is not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// For people: "s^3·z^17", or "1".
    pub monomial: String,
    /// Its coefficient, between −p/2 and p/2.
    pub coefficient: i128,
    /// What adds up to it, the first few.
    pub contributions: Vec<Contribution>,
    /// Contributions not listed that are not zero.
    pub more: u64,
    /// What those add up to.
    pub rest: i128,
}

/// A summand of a coefficient: coefficient times one value or the product of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// Integer factor of the equation.
    pub coefficient: i64,
    /// One origin, or the two of a join.
    pub of: Vec<Origin>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Cells of a row.
    Cell {
        /// Fold name.
        fold: String,
        /// Table name.
        table: String,
        /// Row of the table.
        row: usize,
        /// Lane of the fold.
        lane: usize,
        /// Column names.
        columns: Vec<String>,
        /// An operation of the model that uses those cells, where one is known.
        source: Option<String>,
        /// The value that enters.
        value: i128,
    },
    /// An element of a public tensor.
    Public {
        /// Its name.
        name: String,
        /// Flat index.
        element: usize,
        /// The value.
        value: i128,
    },
    /// A one of the relation.
    One,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.padding {
            false => write!(f, "row {}", self.index),
            true => write!(f, "padding row {}", self.index),
        }
    }
}

struct Tuple<'a>(&'a [i128]);

impl fmt::Display for Tuple<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => write!(f, "{one}"),
            many => {
                write!(f, "({})", many.iter().map(i128::to_string).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Cell { fold, table, row, lane, columns, source, value } => {
                let columns = if columns.is_empty() { "a constant".into() } else { columns.join(" + ") };
                write!(f, "{value} [{columns}, row {row} of table {table:?}, lane {lane} of fold {fold:?}")?;
                match source {
                    Some(s) => write!(f, ", used by {s}]"),
                    None => write!(f, "]"),
                }
            }
            Origin::Public { name, element, value } => {
                write!(f, "{value} [element {element} of public tensor {name:?}]")
            }
            Origin::One => f.write_str("1 [of the relation]"),
        }
    }
}

impl fmt::Display for Contribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+}", self.coefficient)?;
        self.of.iter().try_for_each(|o| write!(f, " × {o}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Program(e) => write!(f, "the compiled model is invalid: {e}"),
            Failure::Shape(s) => write!(f, "the trace does not fit the model: {s}"),
            Failure::Publics(s) => f.write_str(s),
            Failure::Constraint { table, row, constraint, source, value, cells } => {
                write!(
                    f,
                    "{source}: constraint {constraint} of table {table:?} is {value} instead of 0 on {row}"
                )?;
                let cells: Vec<String> = cells.iter().map(|(n, v)| format!("{n} = {v}")).collect();
                if cells.is_empty() { Ok(()) } else { write!(f, ", where {}", cells.join(", ")) }
            }
            Failure::Lookup { table, row, lookup, source, relation, tuple } => write!(
                f,
                "{source}: lookup {lookup} on {row} of table {table:?} asks for {} in {relation:?}, which has no such entry",
                Tuple(tuple)
            ),
            Failure::Multiplicity { relation, tuple, claimed, counted, providers, users } => {
                write!(
                    f,
                    "{} is looked up {counted} times in {relation:?}, but the multiplicities say {claimed}",
                    Tuple(tuple)
                )?;
                for (table, row) in providers {
                    write!(f, "\n  provided by {row} of table {table:?}")?;
                }
                for (source, table, row) in users {
                    write!(f, "\n  looked up by {source}, {row} of table {table:?}")?;
                }
                Ok(())
            }
            Failure::Equation { name, mismatches, note } => {
                write!(f, "the equation {name:?} does not hold")?;
                if let Some(note) = note {
                    write!(f, "; {note}")?;
                }
                for m in mismatches {
                    write!(
                        f,
                        "\n  the coefficient of {} is {} instead of 0, the sum of",
                        m.monomial, m.coefficient
                    )?;
                    for c in &m.contributions {
                        write!(f, "\n    {c}")?;
                    }
                    if m.more > 0 {
                        write!(f, "\n    and {} more that add up to {}", m.more, m.rest)?;
                    }
                }
                Ok(())
            }
            Failure::More { kind, count } => {
                let what = match kind {
                    FailureKind::Constraint => "rows on which a constraint does not vanish",
                    FailureKind::Lookup => "lookups without an entry",
                    FailureKind::Multiplicity => "wrong multiplicities",
                    FailureKind::Equation => "equations that do not hold",
                };
                write!(f, "and {count} more {what}")
            }
        }
    }
}

impl std::error::Error for Failure {}

/// Keeps the first failures of a kind and counts the rest.
pub(crate) fn keep(kind: FailureKind, found: Vec<Failure>, total: u64, failures: &mut Vec<Failure>) {
    let kept = found.len().min(crate::MOST_FAILURES);
    failures.extend(found.into_iter().take(kept));
    if total > kept as u64 {
        failures.push(Failure::More { kind, count: total - kept as u64 });
    }
}
