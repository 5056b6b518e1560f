//! Completeness: honest proofs of every family verify.
use super::join::{join, shape};
use super::*;
use crate::files::lean;
use crate::keys::{self, Proof};
use crate::security::Goal;
use crate::{ProvingKey, SecurityTarget, VerifyingKey};
use std::marker::PhantomData;
use std::sync::Arc;

/// All families with one seed.
pub fn all(seed: u64) -> Vec<Case> {
    vec![lookups(seed), constraints(seed), folds(seed), join(seed, shape(seed))]
}

/// The backend with challenges in E, whether its target needs them or not.
pub struct Over<E> {
    /// What keys are made for.
    pub target: SecurityTarget,
    of: PhantomData<E>,
}

impl<E: Extension> Over<E> {
    /// At a target.
    pub fn new(target: SecurityTarget) -> Over<E> {
        Over { target, of: PhantomData }
    }
    /// Keys.
    pub fn setup(&self, program: &Program) -> Result<(ProvingKey, VerifyingKey), SetupError> {
        let key = keys::setup_over(program, self.target, E::DEGREE)?;
        let vk = key.vk.clone();
        Ok((key, vk))
    }
    /// An honest proof.
    pub fn prove(&self, key: &ProvingKey, trace: Trace) -> Result<(Proof<E>, Timings), ProveError> {
        crate::prove_with(key, trace, &mut crate::adversary::Honest)
    }
    /// The verifier.
    pub fn verify(
        &self,
        key: &VerifyingKey,
        publics: &Publics,
        proof: &Proof<E>,
    ) -> Result<Verified, VerifyError> {
        crate::verify::verify(key, publics, proof)
    }
}

/// A cheap target: tests of the relation do not need many queries.
pub fn quick<E: Extension>() -> Over<E> {
    Over::new(SecurityTarget { bits: 20, grinding: 2, ..Default::default() })
}

/// The same, for another goal.
pub fn quick_for<E: Extension>(goal: Goal) -> Over<E> {
    Over::new(SecurityTarget { goal, ..quick::<E>().target })
}

/// Every goal.
pub const GOALS: [Goal; 3] = [Goal::Time, Goal::Balanced, Goal::Size];

fn check<E: Extension>(c: &Case) {
    check_for::<E>(c, Goal::Time);
}

fn check_for<E: Extension>(c: &Case, goal: Goal) {
    let b = quick_for::<E>(goal);
    let (mut pk, vk) = b.setup(&c.program).unwrap_or_else(|e| panic!("{}: {e}", c.name));
    let (proof, _) = b.prove(&pk, c.trace.clone()).unwrap_or_else(|e| panic!("{}: {e}", c.name));
    if let Err(e) = b.verify(&vk, &c.trace.publics, &proof) {
        panic!("{}: {e}", c.name);
    }
    // what is kept in memory, and what is made anew, is nobody's business but the prover's
    let bytes = |p: &Proof<E>| postcard::to_allocvec(p).expect("a proof serializes");
    let again = |pk: &ProvingKey, spare: u64| {
        let (again, _) = b.prove(pk, c.trace.clone()).unwrap_or_else(|e| panic!("{}: {e}", c.name));
        assert!(bytes(&again) == bytes(&proof), "{}: another proof with {spare} bytes to spare", c.name);
    };
    if !pk.save_memory(0) {
        return;
    }
    let mut compact = compacted(&pk, &c.program);
    // extensions of all, of none, of the smaller groups
    again(&compact, u64::MAX);
    for spare in [0, 1 << 12] {
        for pk in [&mut pk, &mut compact] {
            assert!(pk.save_memory(spare));
            again(pk, spare);
        }
    }
}

/// The key without its extensions, as its file has it.
fn compacted(pk: &ProvingKey, program: &Program) -> ProvingKey {
    let compact = crate::keys::compacted(pk).unwrap();
    assert_eq!(compact.vk, pk.vk);
    let file = compact.to_container();
    let full = pk.to_container();
    let read = ProvingKey::from_container(&file, Arc::new(program.clone())).unwrap();
    let columns = [&pk.vk.fixed, &pk.vk.model, &pk.vk.summed].into_iter().any(Option::is_some);
    assert_eq!(read.is_compact(), columns);
    assert_eq!(lean(&file).to_bytes(), lean(&full).to_bytes());
    read
}

fn reshaped_tables_verify<E: Extension>() {
    // tables of these tests are small: widen them at once
    let mut widened = 0;
    for seed in 0..40 {
        for c in all(seed) {
            let limits =
                crate::air::reshape::Limits { log_height: 3, width: 100, degree: E::DEGREE, masks: 0 };
            let target = quick::<E>().target;
            let key = crate::keys::build(c.program.clone(), c.program.digest(), limits, |air| {
                crate::security::choose(target, air).map_err(|e| crate::unsupported(&e))
            });
            let key = key.unwrap_or_else(|e| panic!("{}: {e}", c.name));
            widened += usize::from(key.compiled.factors.iter().any(|k| *k > 1));
            let (proof, _) = quick::<E>().prove(&key, c.trace.clone()).unwrap();
            quick::<E>()
                .verify(&key.vk, &c.trace.publics, &proof)
                .unwrap_or_else(|e| panic!("{}: {e}", c.name));
            // and a wrong cell is still wrong: the last of a table all of whose cells matter
            if c.program.tables.iter().any(|t| !t.lookups.is_empty() || !t.constraints.is_empty()) {
                let mut bad = c.trace.clone();
                *bad.tables.iter_mut().rfind(|t| !t.is_empty()).unwrap().last_mut().unwrap() += 1;
                let (proof, _) = quick::<E>().prove(&key, bad).unwrap();
                assert!(quick::<E>().verify(&key.vk, &c.trace.publics, &proof).is_err(), "{}", c.name);
            }
        }
    }
    assert!(widened > 60, "{widened} of 160 cases were widened");
}

fn lookups_verify<E: Extension>() {
    (0..20).for_each(|s| check::<E>(&lookups(s)));
}

fn constraints_verify<E: Extension>() {
    (0..10).for_each(|s| check::<E>(&constraints(s)));
}

fn folds_verify<E: Extension>() {
    (0..40).for_each(|s| check::<E>(&folds(s)));
}

fn joins_verify<E: Extension>() {
    (0..200).for_each(|s| check::<E>(&join(s, shape(s))));
}

/// Larger extensions: the quotient is evaluated on a part of them, and hiding proofs have points beyond them.
fn every_goal_verifies<E: Extension>() {
    let mut blowups = std::collections::BTreeSet::new();
    for goal in GOALS {
        let plain = (0..4).flat_map(all).chain((4..30).map(|s| join(s, shape(s))));
        let hiding = (0..2).flat_map(all).map(super::hiding::hidden::<E>);
        for c in plain.chain(hiding) {
            check_for::<E>(&c, goal);
            blowups.insert(quick_for::<E>(goal).setup(&c.program).unwrap().1.security.fri.log_blowup);
        }
    }
    assert!(blowups.len() > 2, "{blowups:?}");
}

both!(
    every_goal_verifies,
    reshaped_tables_verify,
    lookups_verify,
    constraints_verify,
    folds_verify,
    joins_verify
);
