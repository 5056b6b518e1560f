//! What running needs to know of tables: their shapes and their fixed columns.
use crate::budget::Budget;
use crate::error::PlanError;
use std::sync::Arc;
use tessera_api::Program;

/// What running needs to know of a table.
#[derive(Clone, Debug)]
pub(crate) struct TableShape {
    pub name: String,
    pub rows: usize,
    /// Padding value of each witness column; its length is the width.
    pub padding: Vec<i64>,
}

/// Fixed columns, expanded once and shared.
pub(crate) struct Columns<'a> {
    program: &'a Program,
    values: Vec<Vec<Option<Arc<Vec<i64>>>>>,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(program: &'a Program) -> Columns<'a> {
        let values = program.tables.iter().map(|t| vec![None; t.fixed.len()]).collect();
        Columns { program, values }
    }

    /// The values of a fixed column on its active rows. The indices must exist.
    pub(crate) fn get(
        &mut self,
        table: usize,
        column: usize,
        budget: &mut Budget,
    ) -> Result<Arc<Vec<i64>>, PlanError> {
        if let Some(v) = &self.values[table][column] {
            return Ok(v.clone());
        }
        let t = &self.program.tables[table];
        budget.elements(t.rows as u64)?;
        let v = Arc::new(self.program.fixed_values(t, &t.fixed[column])?);
        self.values[table][column] = Some(v.clone());
        Ok(v)
    }
}
