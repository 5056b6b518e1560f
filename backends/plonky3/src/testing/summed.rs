//! Summed columns: weights that FRI sees through their sums alone, and every way to lie about the rows behind them.
use super::join::{join, wide};
use super::suite::quick;
use super::*;
use crate::adversary::{Drawn, Honest, Tamper};
use crate::arithmetic::{F, PrimeCharacteristicRing};
use crate::keys::{Proof, ProvingKey, Round, VerifyingKey};
use crate::p3::{Commitment, extend, loaded, stored, with_sums};
use crate::verify::{protocol, rounds};

/// A convolution whose fixed weights fill rows of twelve cells, and its key.
fn case<E: Extension>() -> (Case, ProvingKey) {
    let c = join(11, wide());
    let key = quick::<E>().setup(&c.program).unwrap().0;
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

impl<E: Extension> Tamper<E> for Rows {
    fn proof(&mut self, p: &mut Proof<E>) {
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

fn rows_behind_sums_are_bound<E: Extension>() {
    let (c, key) = case::<E>();
    let (proof, _) = crate::prove_with::<E>(&key, c.trace.clone(), &mut Honest).unwrap();
    quick::<E>().verify(&key.vk, &c.trace.publics, &proof).unwrap();
    let k = opened(&key, Round::Summed);
    for change in 0..CHANGES {
        let (proof, _) = crate::prove_with::<E>(&key, c.trace.clone(), &mut Rows(k, change)).unwrap();
        let verdict = crate::verify::checked(&key.vk, &c.trace.publics, &proof);
        assert!(verdict.is_err(), "accepted with change {change} of the rows behind sums");
    }
}

fn sums_of_other_weights_are_rejected<E: Extension>() {
    let (c, mut key) = case::<E>();
    let m = key.summed.iter_mut().find(|m| m.width > 0).unwrap();
    let mut changed = loaded(m.clone());
    *changed.values.last_mut().unwrap() += F::ONE;
    *m = stored(changed);
    let (proof, _) = crate::prove_with::<E>(&key, c.trace.clone(), &mut Honest).unwrap();
    assert!(quick::<E>().verify(&key.vk, &c.trace.publics, &proof).is_err());
}

fn a_commitment_is_not_opened_through_sums_unless_the_key_says_so<E: Extension>() {
    let (c, key) = case::<E>();
    let (proof, _) = crate::prove_with::<E>(&key, c.trace.clone(), &mut Honest).unwrap();
    let mut vk = key.vk.clone();
    std::mem::swap(&mut vk.fixed, &mut vk.summed);
    assert!(crate::verify::checked(&vk, &c.trace.publics, &proof).is_err());
    let mut vk = key.vk.clone();
    vk.summed = None;
    assert!(crate::verify::checked(&vk, &c.trace.publics, &proof).is_err());
}

/// Sends a commitment of the key as that of a round; as the witness's it is opened like the key's summed columns, if so asked.
struct Borrow {
    round: Round,
    commitment: Commitment,
    sums: bool,
}

impl<E: Extension> Tamper<E> for Borrow {
    fn commitment(&mut self, round: Round, _: &VerifyingKey, c: &mut Option<Commitment>) {
        if let (true, Some(c)) = (round == self.round, c) {
            *c = self.commitment.clone();
        }
    }

    /// The key's summed columns are opened as its sums, which become the witness.
    fn drawn(&mut self, drawn: Drawn) {
        if let (true, Some(tree)) = (self.sums, &drawn.key.summed_tree) {
            *drawn.witness = drawn.sums.to_vec();
            let sums = drawn
                .sums
                .iter()
                .filter(|m| m.width > 0)
                .cloned()
                .map(|m| extend(m, drawn.key.vk.security.fri.log_blowup))
                .collect();
            *drawn.data = Some(with_sums(tree, sums));
        }
    }
}

fn commitments_of_the_key_are_none_of_a_proof<E: Extension>() {
    for (c, key) in [case::<E>(), super::model::case::<E>()] {
        let own = [&key.vk.fixed, &key.vk.model, &key.vk.summed].into_iter().flatten();
        for commitment in own {
            for round in [Round::Witness, Round::Second, Round::Third] {
                let mut forger = Borrow { round, commitment: commitment.clone(), sums: false };
                let (proof, _) = crate::prove_with::<E>(&key, c.trace.clone(), &mut forger).unwrap();
                if !proof.commitments.contains(commitment) {
                    // this Program has no such round
                    assert!(round.shapes(&key.vk.air).is_empty());
                    continue;
                }
                let e = crate::verify::checked(&key.vk, &c.trace.publics, &proof).unwrap_err();
                assert_eq!(e.to_string(), "malformed proof: a commitment of the proof is one of the key's");
            }
        }
    }
}

/// A Program whose witness has as many columns as the key's sums have coordinates, so that the key's tree fits in its place.
fn witness_like_sums<E: Extension>() -> Case {
    let mut r = rng(3);
    let mut p = program(&["z", "s"]);
    let mut tables = vec![];
    let segment: Vec<Vec<Option<Item>>> =
        (0..16).map(|i| (0..12).map(|j| Some((vec![i, j], i * 7 + j * j - 30))).collect()).collect();
    let items: Vec<Item> = segment.iter().flatten().flatten().cloned().collect();
    let mut f = folded("w", &[segment], 2, true, &mut r);
    f.table.log_height = 4;
    let fold = f.add(&mut p, &mut tables);
    let mut free = table("free", 16, 0);
    free.witness = (0..E::DEGREE).map(|i| column(&format!("u{i}"))).collect();
    tables.push(vec![0; 16 * free.witness.len()]);
    p.tables.push(free);
    p.terms.push(Term::Sum { fold, weights: Seq::constant(&[1, 0, 0], 1) });
    let (operand, values) = public(&mut p, "t", &items);
    let terms = vec![summand(1, vec![0, 0], Operand::Term(0)), summand(-1, vec![0, 0], operand)];
    p.equations.push(Equation { name: "w".into(), terms });
    let trace = Trace { tables, publics: Publics { tensors: vec![values] } };
    Case { name: "a witness like sums".into(), program: p, trace }
}

fn a_witness_is_never_opened_through_sums<E: Extension>() {
    let c = witness_like_sums::<E>();
    let key = quick::<E>().setup(&c.program).unwrap().0;
    let commitment = key.vk.summed.clone().unwrap();
    let mut forger = Borrow { round: Round::Witness, commitment, sums: true };
    let (proof, _) = crate::prove_with::<E>(&key, c.trace.clone(), &mut Honest).unwrap();
    quick::<E>().verify(&key.vk, &c.trace.publics, &proof).unwrap();
    let (proof, _) = crate::prove_with::<E>(&key, c.trace.clone(), &mut forger).unwrap();
    assert_eq!(proof.commitments[0], *key.vk.summed.as_ref().unwrap());
    // whoever overlooked whose commitment it is would still ask for its columns, and get no path to the rows of sums
    let verdict = protocol(&key.vk, &rounds(&key.vk.air), &c.trace.publics, &proof);
    assert!(matches!(verdict, Err(VerifyError::Opening(_))), "{verdict:?}");
}

both!(
    rows_behind_sums_are_bound,
    sums_of_other_weights_are_rejected,
    a_commitment_is_not_opened_through_sums_unless_the_key_says_so,
    commitments_of_the_key_are_none_of_a_proof,
    a_witness_is_never_opened_through_sums
);
