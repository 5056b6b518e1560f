//! Summed columns: weights that FRI sees through their sums alone, and every way to lie about the rows behind them.
use super::join::{join, wide};
use super::suite::quick;
use super::*;
use crate::adversary::{Honest, Tamper};
use crate::keys::{Proof, ProvingKey, Round};
use crate::p3::{F, PrimeCharacteristicRing, loaded, stored};
use tessera_api::Backend;

/// A convolution whose fixed weights fill rows of twelve cells, and its key.
fn case() -> (Case, ProvingKey) {
    let c = join(11, wide());
    let key = quick().setup(&c.program).unwrap().0;
    let sums: usize = key.vk.air.groups.iter().map(|g| g.sums.len()).sum();
    assert!(sums > 0, "the weights are not summed: {:?}", key.vk.air.groups);
    (c, key)
}

/// Position of a round among the commitments that are opened.
fn opened(key: &ProvingKey, round: Round) -> usize {
    let air = &key.vk.air;
    Round::ALL.iter().filter(|r| !r.shapes(air).is_empty()).position(|r| *r == round).unwrap()
}

struct Rows(usize, usize);

/// Number of changes below.
const CHANGES: usize = 9;

impl Tamper for Rows {
    fn proof(&mut self, p: &mut Proof) {
        let Rows(k, change) = *self;
        let opening = &mut p.fri.input_openings[k];
        let behind = &mut opening.opening_proof.1;
        match change {
            // another row behind the sum
            0 => behind[0][0][0] += F::ONE,
            // the sum alone
            1 => opening.opened_values[0][0][0] += F::ONE,
            // lengths
            2 => behind[0][0].push(F::ZERO),
            3 => drop(behind[0][0].pop()),
            4 => drop(behind[0].pop()),
            5 => drop(behind.pop()),
            6 => behind.push(behind[0].clone()),
            7 => behind.clear(),
            // rows where none belong
            _ => {
                let row = behind[0].clone();
                let other = usize::from(k == 0);
                p.fri.input_openings[other].opening_proof.1.push(row);
            }
        }
    }
}

#[test]
fn rows_behind_sums_are_bound() {
    let (c, key) = case();
    let (proof, _) = crate::prove_with(&key, c.trace.clone(), &mut Honest).unwrap();
    quick().verify(&key.vk, &c.trace.publics, &proof).unwrap();
    let k = opened(&key, Round::Summed);
    for change in 0..CHANGES {
        let (proof, _) = crate::prove_with(&key, c.trace.clone(), &mut Rows(k, change)).unwrap();
        let verdict = crate::verify::checked(&key.vk, &c.trace.publics, &proof);
        assert!(verdict.is_err(), "accepted with change {change} of the rows behind sums");
    }
}

#[test]
fn sums_of_other_weights_are_rejected() {
    let (c, mut key) = case();
    let m = key.summed.iter_mut().find(|m| m.width > 0).unwrap();
    let mut changed = loaded(m.clone());
    *changed.values.last_mut().unwrap() += F::ONE;
    *m = stored(changed);
    let (proof, _) = crate::prove_with(&key, c.trace.clone(), &mut Honest).unwrap();
    assert!(quick().verify(&key.vk, &c.trace.publics, &proof).is_err());
}

#[test]
fn a_commitment_is_not_opened_through_sums_unless_the_key_says_so() {
    let (c, key) = case();
    let (proof, _) = crate::prove_with(&key, c.trace.clone(), &mut Honest).unwrap();
    let mut vk = key.vk.clone();
    std::mem::swap(&mut vk.fixed, &mut vk.summed);
    assert!(crate::verify::checked(&vk, &c.trace.publics, &proof).is_err());
    let mut vk = key.vk.clone();
    vk.summed = None;
    assert!(crate::verify::checked(&vk, &c.trace.publics, &proof).is_err());
}
