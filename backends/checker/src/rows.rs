//! Row constraints: every polynomial vanishes on every row.
use crate::MOST_FAILURES;
use crate::failure::{Failure, FailureKind, keep};
use crate::table::{View, signed};
use rayon::prelude::*;

/// Checks all constraints of all tables.
pub(crate) fn check(views: &[View], failures: &mut Vec<Failure>) {
    let (mut found, mut total) = (vec![], 0);
    for v in views {
        let rows: Vec<usize> = v.distinct_rows().map(|r| r.0).collect();
        let (part, n) = rows
            .par_chunks(1024)
            .map(|rows| {
                let (mut part, mut n) = (vec![], 0u64);
                for row in rows {
                    for (i, c) in v.table.constraints.iter().enumerate() {
                        let value = v.eval(*row, &c.expr);
                        if value != 0 {
                            n += 1;
                            if part.len() < MOST_FAILURES {
                                part.push(failure(v, *row, i, value));
                            }
                        }
                    }
                }
                (part, n)
            })
            .reduce(
                || (vec![], 0),
                |(mut a, n), (b, m)| {
                    a.extend(b);
                    a.truncate(MOST_FAILURES);
                    (a, n + m)
                },
            );
        found.extend(part);
        total += n;
    }
    keep(FailureKind::Constraint, found, total, failures);
}

fn failure(v: &View, row: usize, constraint: usize, value: u64) -> Failure {
    let c = &v.table.constraints[constraint];
    let mut cells = vec![];
    for cell in c.expr.cells() {
        let entry = (v.name(cell).to_string(), v.cell(row, cell));
        if !cells.contains(&entry) {
            cells.push(entry);
        }
    }
    Failure::Constraint {
        table: v.table.name.clone(),
        row: v.row(row),
        constraint,
        source: c.source.clone(),
        value: signed(value),
        cells,
    }
}
