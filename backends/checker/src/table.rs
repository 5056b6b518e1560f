//! A table with its cells: fixed columns expanded, witness cells from the trace, padding from the Program.
//!
//! Invariant: a view exists only for a validated Program and a trace of its shape, so cells can be read without checks.
use crate::failure::{Failure, Row};
use tessera_api::field::{add, mul, residue};
use tessera_api::{Cell, Expr, Program, Table, Trace};

/// Fixed cells a Program may have: more is refused before memory is asked for.
const MOST_FIXED: u64 = 1 << 30;

/// See the module's text.
pub(crate) struct View<'a> {
    pub table: &'a Table,
    fixed: Vec<Vec<i64>>,
    witness: &'a [i64],
}

/// Views of all tables. Errs where the Program, the trace's shape or the public values are wrong.
pub(crate) fn views<'a>(program: &'a Program, trace: &'a Trace) -> Result<Vec<View<'a>>, Failure> {
    program.validate().map_err(Failure::Program)?;
    trace.publics.check(&program.publics).map_err(Failure::Publics)?;
    if trace.tables.len() != program.tables.len() {
        return Err(Failure::Shape(format!(
            "expected {} tables, found {}",
            program.tables.len(),
            trace.tables.len()
        )));
    }
    let fixed: u64 = program.tables.iter().map(|t| t.rows as u64 * t.fixed.len() as u64).sum();
    if fixed > MOST_FIXED {
        return Err(Failure::Shape(format!("{fixed} fixed cells, at most {MOST_FIXED} are possible")));
    }
    program
        .tables
        .iter()
        .zip(&trace.tables)
        .map(|(table, witness)| {
            let expected = table.rows as u64 * table.witness.len() as u64;
            if witness.len() as u64 != expected {
                return Err(Failure::Shape(format!(
                    "table {:?}: expected {} rows × {} columns, found {} cells",
                    table.name,
                    table.rows,
                    table.witness.len(),
                    witness.len()
                )));
            }
            let fixed: Result<_, _> = table.fixed.iter().map(|c| program.fixed_values(table, c)).collect();
            Ok(View { table, fixed: fixed.map_err(Failure::Program)?, witness })
        })
        .collect()
}

impl View<'_> {
    /// Active rows.
    pub(crate) fn rows(&self) -> usize {
        self.table.rows as usize
    }

    /// Padding rows.
    pub(crate) fn padded(&self) -> u64 {
        (1u64 << self.table.log_height) - self.table.rows as u64
    }

    /// The rows to look at: all active ones, then one padding row that stands for all, with how many rows each is.
    pub(crate) fn distinct_rows(&self) -> impl Iterator<Item = (usize, u64)> + use<> {
        let padded = self.padded();
        (0..self.rows()).map(|r| (r, 1)).chain((padded > 0).then_some((self.rows(), padded)))
    }

    pub(crate) fn row(&self, index: usize) -> Row {
        Row { index, padding: index >= self.rows() }
    }

    /// A cell's integer.
    #[inline]
    pub(crate) fn cell(&self, row: usize, cell: Cell) -> i64 {
        let active = row < self.rows();
        match cell {
            Cell::Fixed(c) if active => self.fixed[c as usize][row],
            Cell::Fixed(c) => self.table.fixed[c as usize].padding,
            Cell::Witness(c) if active => self.witness[row * self.table.witness.len() + c as usize],
            Cell::Witness(c) => self.table.witness[c as usize].padding,
        }
    }

    /// An expression's residue.
    #[inline]
    pub(crate) fn eval(&self, row: usize, e: &Expr) -> u64 {
        e.terms.iter().fold(residue(e.constant), |sum, (k, factors)| match (k, &factors[..]) {
            (1, [c]) => add(sum, residue(self.cell(row, *c))),
            _ => add(sum, factors.iter().fold(residue(*k), |p, c| mul(p, residue(self.cell(row, *c))))),
        })
    }

    pub(crate) fn name(&self, cell: Cell) -> &str {
        match cell {
            Cell::Fixed(c) => &self.table.fixed[c as usize].name,
            Cell::Witness(c) => &self.table.witness[c as usize].name,
        }
    }
}

/// The representative of a residue between −p/2 and p/2.
pub(crate) fn signed(x: u64) -> i128 {
    let (x, p) = (x as i128, tessera_api::field::MODULUS as i128);
    if x > p / 2 { x - p } else { x }
}
