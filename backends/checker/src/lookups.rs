//! Lookups: every tuple is in its relation, and the multiplicities say how often.
//!
//! The sense is LogUp's: over all rows of all tables, padding included, the multiplicities of a tuple add up mod p to the
//! number of its lookups.
use crate::MOST_FAILURES;
use crate::failure::{Failure, FailureKind, Row, keep};
use crate::table::{View, signed};
use std::collections::HashMap;
use tessera_api::field::add;
use tessera_api::{Cell, Program};

/// Providers and users named per wrong multiplicity.
const NAMED: usize = 3;

#[derive(Default)]
struct Entry {
    claimed: u64,
    counted: u64,
    /// In which provided tuple of which order it came first: failures are told in this order.
    order: usize,
}

/// Checks all relations.
pub(crate) fn check(program: &Program, views: &[View], failures: &mut Vec<Failure>) {
    let (mut missing, mut missing_total) = (vec![], 0);
    let (mut wrong, mut wrong_total) = (vec![], 0);
    for relation in 0..program.relations.len() {
        let mut entries = provided(relation, views);
        for v in views {
            for (i, l) in v.table.lookups.iter().enumerate().filter(|(_, l)| l.relation as usize == relation)
            {
                let mut tuple = vec![0; l.tuple.len()];
                for (row, times) in v.distinct_rows() {
                    tuple.iter_mut().zip(&l.tuple).for_each(|(t, e)| *t = v.eval(row, e));
                    if let Some(e) = entries.get_mut(&tuple[..]) {
                        e.counted += times;
                        continue;
                    }
                    missing_total += 1;
                    if missing.len() < MOST_FAILURES {
                        missing.push(Failure::Lookup {
                            table: v.table.name.clone(),
                            row: v.row(row),
                            lookup: i,
                            source: l.source.clone(),
                            relation: program.relations[relation].clone(),
                            tuple: tuple.iter().map(|x| signed(*x)).collect(),
                        });
                    }
                }
            }
        }
        let mut bad: Vec<(&Vec<u64>, &Entry)> =
            entries.iter().filter(|(_, e)| e.claimed != e.counted % tessera_api::field::MODULUS).collect();
        bad.sort_by_key(|(_, e)| e.order);
        wrong_total += bad.len() as u64;
        bad.truncate(MOST_FAILURES.saturating_sub(wrong.len()));
        wrong.extend(describe(program, relation, views, &bad));
    }
    keep(FailureKind::Lookup, missing, missing_total, failures);
    keep(FailureKind::Multiplicity, wrong, wrong_total, failures);
}

/// All provided tuples of a relation with the sums of their multiplicities.
fn provided(relation: usize, views: &[View]) -> HashMap<Vec<u64>, Entry> {
    let mut entries: HashMap<Vec<u64>, Entry> = HashMap::new();
    for v in views {
        for p in v.table.provides.iter().filter(|p| p.relation as usize == relation) {
            for (row, times) in v.distinct_rows() {
                let tuple: Vec<u64> = p.tuple.iter().map(|e| v.eval(row, e)).collect();
                let m = tessera_api::field::residue(v.cell(row, Cell::Witness(p.multiplicity)));
                let order = entries.len();
                let e = entries.entry(tuple).or_insert(Entry { order, ..Entry::default() });
                e.claimed = add(e.claimed, tessera_api::field::mul(m, times));
            }
        }
    }
    entries
}

/// Names who provides and who looks up the tuples in `bad`.
fn describe(program: &Program, relation: usize, views: &[View], bad: &[(&Vec<u64>, &Entry)]) -> Vec<Failure> {
    if bad.is_empty() {
        return vec![];
    }
    let position: HashMap<&Vec<u64>, usize> = bad.iter().enumerate().map(|(i, b)| (b.0, i)).collect();
    let mut providers: Vec<Vec<(String, Row)>> = vec![vec![]; bad.len()];
    let mut users: Vec<Vec<(String, String, Row)>> = vec![vec![]; bad.len()];
    for v in views {
        for p in v.table.provides.iter().filter(|p| p.relation as usize == relation) {
            for (row, _) in v.distinct_rows() {
                let tuple: Vec<u64> = p.tuple.iter().map(|e| v.eval(row, e)).collect();
                if let Some(i) = position.get(&tuple).filter(|i| providers[**i].len() < NAMED) {
                    providers[*i].push((v.table.name.clone(), v.row(row)));
                }
            }
        }
        for l in v.table.lookups.iter().filter(|l| l.relation as usize == relation) {
            for (row, _) in v.distinct_rows() {
                let tuple: Vec<u64> = l.tuple.iter().map(|e| v.eval(row, e)).collect();
                if let Some(i) = position.get(&tuple).filter(|i| users[**i].len() < NAMED) {
                    users[*i].push((l.source.clone(), v.table.name.clone(), v.row(row)));
                }
            }
        }
    }
    bad.iter()
        .zip(providers.into_iter().zip(users))
        .map(|((tuple, e), (providers, users))| Failure::Multiplicity {
            relation: program.relations[relation].clone(),
            tuple: tuple.iter().map(|x| signed(*x)).collect(),
            claimed: signed(e.claimed),
            counted: e.counted,
            providers,
            users,
        })
        .collect()
}
