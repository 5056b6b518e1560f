//! The transcript against a second writing of it: what docs/protocol.md lists, over the bare sponge.
//!
//! Prover and verifier share `transcript.rs`, so a message forgotten or reordered there would still let honest proofs
//! pass. Here the challenges are drawn once more, from the list in the documents.
use super::join::{Shape, join};
use super::suite::{Over, quick};
use super::*;
use crate::VerifyingKey;
use crate::arithmetic::{Extension, signed};
use crate::keys::Proof;
use crate::p3::Sponge;
use crate::transcript::{Check, Transcript};
use p3_challenger::{CanObserve, GrindingChallenger};

/// All challenges, in the order in which they are drawn: fold variables, α, β, η where there is one, α of the constraints, ζ.
fn documented<E: Extension>(vk: &VerifyingKey, publics: &Publics, proof: &Proof<E>) -> Vec<E> {
    let (air, p) = (&vk.air, &vk.security);
    let mut work = proof.witnesses.iter();
    let mut grind = |s: &mut Sponge, bits: u8| {
        assert!(bits == 0 || s.check_witness(bits as usize, *work.next().unwrap()));
    };
    let mut commitments = proof.commitments.iter();
    let mut s = Sponge::new(b"tessera-plonky3/1");
    s.bytes(&vk.digest().0);
    for x in publics.tensors.iter().flatten() {
        s.observe(signed(*x));
    }
    if air.groups.iter().any(|g| g.witness > 0) {
        s.commitment(commitments.next().unwrap());
    }
    grind(&mut s, p.challenge_pow);
    let values = air.variables.iter().copied().chain([None, None]);
    let mut drawn: Vec<E> = values.map(|v| v.map_or_else(|| s.draw(), |x| E::from(signed(x)))).collect();
    if air.groups.iter().any(|g| g.round2 > 0) {
        s.commitment(commitments.next().unwrap());
    }
    if !air.links.is_empty() {
        grind(&mut s, p.challenge_pow);
        drawn.push(s.draw());
        s.commitment(commitments.next().unwrap());
    }
    s.elements(&proof.terminals);
    grind(&mut s, p.composition_pow);
    drawn.push(s.draw());
    s.commitment(commitments.next().unwrap());
    grind(&mut s, p.point_pow);
    drawn.push(s.draw());
    assert!(commitments.next().is_none() && work.next().is_none());
    drawn
}

/// The same as the verifier draws them.
fn drawn<E: Extension>(vk: &VerifyingKey, publics: &Publics, proof: &Proof<E>) -> Vec<E> {
    let (air, p) = (&vk.air, &vk.security);
    let mut given = proof.commitments.iter();
    let mut next = |there: bool| if there { given.next() } else { None };
    let mut t = Transcript::new(vk.digest(), publics, Check(proof.witnesses.iter()));
    let c1 = next(air.groups.iter().any(|g| g.witness > 0));
    let mut challenges = t.challenges(c1, air, p).unwrap();
    t.round2(next(air.groups.iter().any(|g| g.round2 > 0)));
    if air.links.is_empty() {
        challenges.0.pop();
    } else {
        t.eta(&mut challenges, p).unwrap();
        t.round3(next(true));
    }
    let mut all = challenges.0;
    all.push(t.alpha(&proof.terminals, p).unwrap());
    all.push(t.zeta(next(true).unwrap(), p).unwrap());
    all
}

/// Programs of one, two and three rounds, and targets with and without grinding.
fn proofs<E: Extension>() -> Vec<(VerifyingKey, Publics, Proof<E>)> {
    let shape = Shape {
        layers: 1,
        channels: 3,
        positions: 4,
        outputs: 2,
        taps: 2,
        fixed: false,
        lanes: (2, 2),
        together: false,
    };
    let ground = crate::SecurityTarget { bits: 122, grinding: 10, ..Default::default() };
    let mut all = vec![];
    for c in [constraints(1), lookups(2), folds(3), join(4, shape)] {
        for backend in [quick::<E>(), Over::new(ground)] {
            let (pk, vk) = backend.setup(&c.program).unwrap();
            let proof = backend.prove(&pk, c.trace.clone()).unwrap().0;
            all.push((vk, c.trace.publics.clone(), proof));
        }
    }
    assert!(all.iter().any(|(vk, _, _)| !vk.air.links.is_empty()));
    // challenges of degree three need no work below what the hash is worth
    let ground = |(vk, _, p): &(VerifyingKey, Publics, Proof<E>)| {
        vk.security.challenge_pow > 0 && !p.witnesses.is_empty()
    };
    assert!(E::DEGREE > 2 || all.iter().any(ground));
    all
}

fn challenges_are_what_the_documents_say<E: Extension>() {
    for (vk, publics, proof) in proofs::<E>() {
        assert_eq!(drawn(&vk, &publics, &proof), documented(&vk, &publics, &proof));
    }
}

/// How many challenges from the end on differ, and that all before them are equal.
fn changed<E: Extension>(a: &[E], b: &[E]) -> usize {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    assert!(a[same..].iter().zip(&b[same..]).all(|(x, y)| x != y), "a challenge ignores what came before it");
    a.len() - same
}

fn a_message_changes_every_later_challenge_and_none_before_it<E: Extension>() {
    for (vk, publics, proof) in proofs::<E>().into_iter().filter(|(_, _, p)| p.witnesses.is_empty()) {
        let honest = documented(&vk, &publics, &proof);
        let (n, links) = (honest.len(), !vk.air.links.is_empty());
        let with = |f: &dyn Fn(&mut VerifyingKey, &mut Publics, &mut Proof<E>)| {
            let (mut vk, mut publics, mut proof) = (vk.clone(), publics.clone(), proof.clone());
            f(&mut vk, &mut publics, &mut proof);
            changed(&honest, &drawn(&vk, &publics, &proof))
        };
        assert_eq!(with(&|vk, _, _| vk.program.0[0] ^= 1), n);
        if !publics.tensors.is_empty() {
            assert_eq!(with(&|_, publics, _| publics.tensors[0][0] += 1), n);
        }
        let flip = |i: usize| {
            move |_: &mut VerifyingKey, _: &mut Publics, p: &mut Proof<E>| {
                let mut roots = p.commitments[i].roots().to_vec();
                roots[0][0] ^= 1;
                p.commitments[i] = crate::p3::Commitment::new(roots);
            }
        };
        assert_eq!(with(&flip(0)), n);
        let last = proof.commitments.len() - 1;
        assert_eq!(with(&flip(last)), 1, "ζ follows the quotient");
        if last > 1 {
            assert_eq!(with(&flip(1)), if links { 3 } else { 2 }, "η, α and ζ follow round 2");
        }
        if links {
            assert_eq!(with(&flip(2)), 2, "α and ζ follow round 3");
        }
        if let Some(t) = proof.terminals.len().checked_sub(1) {
            let one = E::ONE;
            assert_eq!(with(&|_, _, p| p.terminals[0] += one), 2, "α and ζ follow the terminals");
            assert_eq!(with(&|_, _, p| p.terminals[t] += one), 2, "all of them");
        }
    }
}

both!(challenges_are_what_the_documents_say, a_message_changes_every_later_challenge_and_none_before_it);
