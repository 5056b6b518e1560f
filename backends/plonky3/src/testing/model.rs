//! Weights that only their owner knows: one commitment for all proofs, nothing else of the model in what a verifier holds.
use super::join::{join, wide};
use super::suite::quick;
use super::*;
use crate::adversary::Honest;
use crate::arithmetic::{F, PrimeCharacteristicRing};
use crate::keys::{ProvingKey, audit};
use std::sync::Arc;

/// A convolution with committed weights, and its key.
pub fn case<E: Extension>() -> (Case, ProvingKey) {
    let c = join(10, wide());
    let key = quick::<E>().setup(&c.program).unwrap().0;
    assert!(key.vk.model.is_some(), "the weights are not committed apart");
    (c, key)
}

/// The same network with one weight changed.
fn another(c: &Case) -> Program {
    let mut p = c.program.clone();
    let table = p.tables.iter().position(|t| t.committed).unwrap();
    let mut v = p.fixed_values(&p.tables[table], &p.tables[table].fixed[0]).unwrap();
    v[0] += 1;
    p.tables[table].fixed[0].values = Values::Seq(Seq::compress(1, &v));
    p
}

fn models_of_one_architecture_differ_in_their_commitment_alone<E: Extension>() {
    let (c, key) = case::<E>();
    let other = quick::<E>().setup(&another(&c)).unwrap().0;
    let architecture = c.program.architecture();
    assert!(architecture.validate().is_ok() && architecture != c.program);
    assert!(architecture.is_architecture() && !c.program.is_architecture());
    assert_eq!(architecture, another(&c).architecture());
    assert_eq!(c.program.digest(), architecture.digest());
    assert_ne!(key.vk, other.vk);
    let mut same = other.vk.clone();
    same.model = key.vk.model.clone();
    assert_eq!(key.vk, same);
    // and whoever has the architecture alone can tell that a key is of it
    for vk in [&key.vk, &other.vk] {
        audit(&architecture, vk).unwrap();
    }
    audit(&c.program, &key.vk).unwrap();
    assert!(audit(&c.program, &other.vk).is_err(), "a key of another model of the architecture");
    let mut weaker = architecture.clone();
    weaker.equations.pop();
    assert!(audit(&weaker, &key.vk).is_err(), "a key of another architecture");
    let mut vk = key.vk.clone();
    std::mem::swap(&mut vk.fixed, &mut vk.model);
    assert!(audit(&architecture, &vk).is_err(), "a key with other selectors");
}

fn a_proof_is_of_one_model<E: Extension>() {
    let (c, key) = case::<E>();
    let other = quick::<E>().setup(&another(&c)).unwrap().0;
    let (proof, _) = crate::prove_with::<E>(&key, c.trace.clone(), &mut Honest).unwrap();
    quick::<E>().verify(&key.vk, &c.trace.publics, &proof).unwrap();
    assert!(quick::<E>().verify(&other.vk, &c.trace.publics, &proof).is_err());
    // the other model's owner claims this model's result
    let (proof, _) = crate::prove_with::<E>(&other, c.trace.clone(), &mut Honest).unwrap();
    assert!(quick::<E>().verify(&other.vk, &c.trace.publics, &proof).is_err());
    let mut vk = key.vk.clone();
    vk.model = None;
    assert!(crate::verify::checked(&vk, &c.trace.publics, &proof).is_err());
}

fn weights_that_are_not_the_committed_ones_are_rejected<E: Extension>() {
    let (c, mut key) = case::<E>();
    let m = Arc::make_mut(key.model.iter_mut().find(|m| m.width > 0).unwrap());
    *m.values.last_mut().unwrap() += F::ONE;
    let (proof, _) = crate::prove_with::<E>(&key, c.trace.clone(), &mut Honest).unwrap();
    assert!(quick::<E>().verify(&key.vk, &c.trace.publics, &proof).is_err());
}

both!(
    models_of_one_architecture_differ_in_their_commitment_alone,
    a_proof_is_of_one_model,
    weights_that_are_not_the_committed_ones_are_rejected
);
