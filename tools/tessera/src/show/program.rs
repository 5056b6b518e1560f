//! A Program as a table for people and as numbers for machines.
use super::{bytes, count, seconds};
use serde::Serialize;
use tessera_api::{Cost, GroupCost, Program};

/// One table in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSummary {
    /// Its name.
    pub name: String,
    /// Rows in use.
    pub rows: u32,
    /// Rows with padding.
    pub height: u64,
    /// Columns fixed at setup.
    pub fixed: usize,
    /// Columns the prover fills.
    pub witness: usize,
    /// Row constraints.
    pub constraints: usize,
    /// Lookups per row.
    pub lookups: usize,
    /// Tuples provided per row.
    pub provides: usize,
}

/// A Program in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProgramSummary {
    /// Its digest, as keys name it.
    pub digest: String,
    /// Tables.
    pub tables: Vec<TableSummary>,
    /// Lookup relations.
    pub relations: Vec<String>,
    /// Folds, terms and equations.
    pub folds: usize,
    /// Exposed values.
    pub terms: usize,
    /// Identities between them.
    pub equations: usize,
    /// Public values of a proof.
    pub public_values: usize,
}

/// Counts what a Program has.
pub fn summary(p: &Program) -> ProgramSummary {
    let tables = p.tables.iter().map(|t| TableSummary {
        name: t.name.clone(),
        rows: t.rows,
        height: 1u64 << t.log_height,
        fixed: t.fixed.len(),
        witness: t.witness.len(),
        constraints: t.constraints.len(),
        lookups: t.lookups.len(),
        provides: t.provides.len(),
    });
    ProgramSummary {
        digest: p.digest().to_string(),
        tables: tables.collect(),
        relations: p.relations.clone(),
        folds: p.folds.len(),
        terms: p.terms.len(),
        equations: p.equations.len(),
        public_values: p.publics.iter().map(tessera_api::Public::stated).sum(),
    }
}

impl ProgramSummary {
    /// Lines for people.
    pub fn lines(&self) -> Vec<String> {
        let head =
            ["table", "rows", "height", "fixed", "witness", "constraints", "lookups"].map(String::from);
        let body = self.tables.iter().map(|t| {
            [
                t.name.clone(),
                count(t.rows.into()),
                format!("2^{}", t.height.trailing_zeros()),
                t.fixed.to_string(),
                t.witness.to_string(),
                t.constraints.to_string(),
                t.lookups.to_string(),
            ]
        });
        let mut lines = columns(std::iter::once(head).chain(body).collect());
        lines.push(format!(
            "{} folds, {} terms, {} equations, {} lookup relations, {} public values",
            self.folds,
            self.terms,
            self.equations,
            self.relations.len(),
            count(self.public_values as u64)
        ));
        lines
    }
}

/// Rows with aligned columns: the first to the left, numbers to the right.
pub fn columns<const N: usize>(rows: Vec<[String; N]>) -> Vec<String> {
    let width: Vec<usize> =
        (0..N).map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0)).collect();
    rows.iter()
        .map(|r| {
            let cells: Vec<String> = (0..N)
                .map(|i| {
                    if i == 0 {
                        format!("{:<w$}", r[i], w = width[i])
                    } else {
                        format!("{:>w$}", r[i], w = width[i])
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_string()
        })
        .collect()
}

/// What a backend expects of a Program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// What is paid for, by tables of equal height.
    pub cost: Cost,
    /// Proving, seconds of one core.
    pub prove_cpu_s: f64,
    /// Verifying, seconds of one core.
    pub verify_cpu_s: f64,
    /// Bytes of a proof.
    pub proof_bytes: u64,
    /// Bytes of the proving key.
    pub proving_key_bytes: u64,
    /// Bytes of the proving key of `setup --lean`.
    pub lean_key_bytes: u64,
    /// Bytes of the proving key of `setup --compact`, if that is less.
    pub compact_key_bytes: Option<u64>,
    /// Bytes of the verifying key.
    pub verifying_key_bytes: u64,
    /// Bytes of memory while keys are made.
    pub setup_memory_bytes: u64,
    /// The same of compact keys.
    pub compact_setup_memory_bytes: Option<u64>,
    /// Bytes of memory while proving.
    pub memory_bytes: u64,
    /// The same with a compact key, if that is less.
    pub least_memory_bytes: Option<u64>,
}

impl Prediction {
    /// Lines for people: a name and what is expected.
    pub fn lines(&self) -> Vec<String> {
        let c = &self.cost;
        let cells = |f: fn(&GroupCost) -> u64| count(c.cells(f));
        let heights: Vec<String> = c.groups.iter().map(|g| format!("2^{}", g.log_height)).collect();
        let rows = [
            (
                "proving",
                format!(
                    "{} of one core, {} of memory{}",
                    seconds(self.prove_cpu_s),
                    bytes(self.memory_bytes),
                    self.least_memory_bytes.map_or_else(String::new, |least| format!(
                        " ({} with setup --compact)",
                        bytes(least)
                    ))
                ),
            ),
            ("proof", format!("{}, verified in {}", bytes(self.proof_bytes), seconds(self.verify_cpu_s))),
            (
                "keys",
                format!(
                    "{} for proving ({}{} with setup --lean), {} for verifying; {} of memory to make them{}",
                    bytes(self.proving_key_bytes),
                    self.compact_key_bytes
                        .map_or_else(String::new, |key| format!("{} with setup --compact, ", bytes(key))),
                    bytes(self.lean_key_bytes),
                    bytes(self.verifying_key_bytes),
                    bytes(self.setup_memory_bytes),
                    self.compact_setup_memory_bytes
                        .filter(|memory| *memory < self.setup_memory_bytes)
                        .map_or_else(String::new, |memory| format!(
                            " ({} with setup --compact)",
                            bytes(memory)
                        ))
                ),
            ),
            (
                "cells",
                format!(
                    "{} fixed, {} summed, {} witness, {} extension",
                    cells(|g| g.fixed),
                    cells(|g| g.summed),
                    cells(|g| g.witness),
                    cells(|g| g.extension)
                ),
            ),
            ("lookups", cells(|g| g.lookups)),
            ("rows", format!("{} of {}", cells(|_| 1), heights.join(", "))),
        ];
        rows.into_iter().map(|(name, value)| format!("{name:<12}{value}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_api::Table;

    #[test]
    fn a_program_is_a_table_of_tables() {
        let mut p = (*crate::model::tests::tiny().program).clone();
        let table = |name: &str, rows: u32, log_height: u8| Table {
            name: name.into(),
            rows,
            log_height,
            fixed: vec![],
            committed: false,
            witness: vec![],
            constraints: vec![],
            lookups: vec![],
            provides: vec![],
        };
        p.tables = vec![table("weights", 61706, 16), table("t", 3, 4)];
        insta::assert_snapshot!(summary(&p).lines().join("\n"));
    }
}
