//! The shape of a Program: how much there is of everything, and nothing of what it is.
//!
//! A backend's cost and its limits depend on this alone, so that a compiler can ask for both before a Program exists.
//!
//! Invariant: whoever announces a Program announces the [`Shape::of`] it, count by count.
use crate::program::{Program, Table, Term};

/// How much there is of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Tables, in the Program's order.
    pub tables: Vec<TableShape>,
    /// Folds, in the Program's order.
    pub folds: Vec<FoldShape>,
    /// What is exposed of folds, in the Program's order.
    pub terms: Vec<TermShape>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableShape {
    /// For messages.
    pub name: String,
    /// Active rows.
    pub rows: u64,
    /// Height as a power of two, padding included.
    pub log_height: u8,
    /// Columns fixed at setup.
    pub fixed: u32,
    /// Whether those are a commitment of the model's owner.
    pub committed: bool,
    /// Columns the prover fills.
    pub witness: u32,
    /// Row polynomials that vanish.
    pub constraints: u32,
    /// Their monomials, all together.
    pub monomials: u32,
    /// Their highest degree.
    pub degree: u32,
    /// Tuples looked up on a row.
    pub lookups: u32,
    /// Tuples provided on a row.
    pub provides: u32,
}

/// A fold over the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldShape {
    /// Index of the table.
    pub table: u32,
    /// Cell expressions that take part, on a row.
    pub lanes: u32,
    /// Segments.
    pub segments: u32,
}

/// What is exposed, by indices of folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermShape {
    /// The segments' values, summed.
    Sum(u32),
    /// Products of the segments' values of two folds, summed.
    Join(u32, u32),
}

impl TableShape {
    /// Of a table.
    pub fn of(t: &Table) -> TableShape {
        let exprs = || t.constraints.iter().map(|c| &c.expr);
        TableShape {
            name: t.name.clone(),
            rows: t.rows.into(),
            log_height: t.log_height,
            fixed: t.fixed.len() as u32,
            committed: t.committed,
            witness: t.witness.len() as u32,
            constraints: t.constraints.len() as u32,
            monomials: exprs().map(|e| e.terms.len() as u32).sum(),
            degree: exprs().map(|e| e.degree() as u32).max().unwrap_or(0),
            lookups: t.lookups.len() as u32,
            provides: t.provides.len() as u32,
        }
    }

    /// Rows with padding.
    pub fn height(&self) -> u64 {
        1 << self.log_height
    }
}

impl Shape {
    /// Of a Program.
    pub fn of(p: &Program) -> Shape {
        let fold = |f: &crate::program::Fold| FoldShape {
            table: f.table,
            lanes: f.lanes.len() as u32,
            segments: f.segment_count,
        };
        let term = |t: &Term| match t {
            Term::Sum { fold, .. } => TermShape::Sum(*fold),
            Term::Join { left, right, .. } => TermShape::Join(*left, *right),
        };
        Shape {
            tables: p.tables.iter().map(TableShape::of).collect(),
            folds: p.folds.iter().map(fold).collect(),
            terms: p.terms.iter().map(term).collect(),
        }
    }
}
