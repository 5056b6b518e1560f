//! Completeness: honest proofs of every family verify.
use super::join::{join, shape};
use super::*;
use crate::Plonky3;

/// All families with one seed.
pub fn all(seed: u64) -> Vec<Case> {
    vec![lookups(seed), constraints(seed), folds(seed), join(seed, shape(seed))]
}

/// A cheap target: tests of the relation do not need many queries.
pub fn quick() -> Plonky3 {
    Plonky3 { target: crate::SecurityTarget { bits: 20, grinding: 2, ..Default::default() } }
}

fn check(c: &Case) {
    let b = quick();
    let (pk, vk) = b.setup(&c.program).unwrap_or_else(|e| panic!("{}: {e}", c.name));
    let (proof, _) = b.prove(&pk, c.trace.clone()).unwrap_or_else(|e| panic!("{}: {e}", c.name));
    if let Err(e) = b.verify(&vk, &c.trace.publics, &proof) {
        panic!("{}: {e}", c.name);
    }
}

#[test]
fn reshaped_tables_verify() {
    // tables of these tests are small: widen them at once
    let mut widened = 0;
    for seed in 0..40 {
        for c in all(seed) {
            let limits = crate::air::reshape::Limits { log_height: 3, width: 100 };
            let target = quick().target;
            let key = crate::keys::build(c.program.clone(), c.program.digest(), limits, |air| {
                crate::security::choose(target, air).map_err(|e| crate::unsupported(&e))
            });
            let key = key.unwrap_or_else(|e| panic!("{}: {e}", c.name));
            widened += usize::from(key.compiled.factors.iter().any(|k| *k > 1));
            let (proof, _) = quick().prove(&key, c.trace.clone()).unwrap();
            quick().verify(&key.vk, &c.trace.publics, &proof).unwrap_or_else(|e| panic!("{}: {e}", c.name));
            // and a wrong cell is still wrong: the last of a table all of whose cells matter
            if c.program.tables.iter().any(|t| !t.lookups.is_empty() || !t.constraints.is_empty()) {
                let mut bad = c.trace.clone();
                *bad.tables.iter_mut().rfind(|t| !t.is_empty()).unwrap().last_mut().unwrap() += 1;
                let (proof, _) = quick().prove(&key, bad).unwrap();
                assert!(quick().verify(&key.vk, &c.trace.publics, &proof).is_err(), "{}", c.name);
            }
        }
    }
    assert!(widened > 60, "{widened} of 160 cases were widened");
}

#[test]
fn lookups_verify() {
    (0..20).for_each(|s| check(&lookups(s)));
}

#[test]
fn constraints_verify() {
    (0..10).for_each(|s| check(&constraints(s)));
}

#[test]
fn folds_verify() {
    (0..40).for_each(|s| check(&folds(s)));
}

#[test]
fn joins_verify() {
    (0..200).for_each(|s| check(&join(s, shape(s))));
}
