//! Certificates: which keys they lead to, what is refused, and what they show of weights.
use super::hiding::{deaf, rank, shown};
use super::suite::quick;
use super::weights::{case, changed, key, moved, place};
use super::*;
use crate::VerifyingKey;
use crate::adversary::{Honest, Tamper};
use crate::arithmetic::{F, Mat, PrimeCharacteristicRing};
use crate::certificate::{Epoch, key_of, turns};
use crate::keys::{ProvingKey, Round, audit};
use crate::p3::Commitment;
use tessera_api::{CheckError, Container, FileKind, VerifyError};

fn file<E: Extension>(old: &VerifyingKey, certificate: crate::keys::Proof<E>) -> Container {
    let mut c = Container::new(FileKind::Certificate, key_of(old).unwrap().digest());
    c.put("proof", &certificate);
    c
}

/// A key whose owner's first column has one more on this row than `key`'s, with randomness of its own.
fn other(key: &ProvingKey, row: usize) -> ProvingKey {
    moved(&key.epoch().unwrap().key, row)
}

/// From key to key, each proves for the same model; a chain of two is followed link by link.
fn certificates_lead_to_keys_of_the_same_weights<E: Extension>() {
    let c = case(7, true);
    let first = key::<E>(&c);
    assert!(turns(&first.vk).is_some_and(|t| (1..=2).contains(&t)));
    let Epoch { key: second, certificate } = first.epoch().unwrap();
    let one = Epoch { key: second, certificate };
    let file_one = one.to_container(&first.vk).unwrap();
    let two = one.key.epoch().unwrap();
    let file_two = two.to_container(&one.key.vk).unwrap();
    let next = first.vk.next(&file_one).unwrap().0;
    assert_eq!(next, one.key.vk);
    assert_eq!(next.next(&file_two).unwrap().0, two.key.vk);
    assert!(first.vk.model != next.model && next.model != two.key.vk.model);
    for k in [&first, &one.key, &two.key] {
        audit(&c.program.architecture(), &k.vk).unwrap();
        let read = ProvingKey::from_container(&k.to_container(), k.program.clone()).unwrap();
        let (proof, _) = crate::prove_with::<E>(&read, c.trace.clone(), &mut Honest).unwrap();
        for v in [&first.vk, &next, &two.key.vk] {
            let verdict = quick::<E>().verify(v, &c.trace.publics, &proof);
            assert_eq!(verdict.is_ok(), v.model == k.vk.model);
        }
    }
    // each belongs to the key that it was made with
    assert!(matches!(first.vk.next(&file_two), Err(CheckError::File(_))));
    assert!(matches!(next.next(&file_one), Err(CheckError::File(_))));
    let mut proof = file_one.clone();
    proof.kind = FileKind::Proof;
    assert!(matches!(first.vk.next(&proof), Err(CheckError::File(_))));
    // what would lead back to the key itself commits to what the key does
    let same = file(&first.vk, first.certify::<E>(&first, &mut Honest).unwrap());
    assert!(matches!(first.vk.next(&same), Err(CheckError::Rejected(VerifyError::Shape(_)))));
}

/// Other weights have no certificate, wherever they differ; rows that hold none may be anything.
fn other_weights_are_not_certified<E: Extension>() {
    let c = case(7, true);
    let old = key::<E>(&c);
    let (group, free) = place(&old);
    let height = old.vk.air.groups[group].height();
    for row in free..height {
        let new = other(&old, row);
        let certificate = file(&old.vk, old.certify::<E>(&new, &mut Honest).unwrap());
        let refused = old.vk.next(&certificate);
        assert!(
            matches!(refused, Err(CheckError::Rejected(VerifyError::Equation(_)))),
            "row {row}: {refused:?}"
        );
    }
    // nor where changes balance, in a row and in a column
    assert!(old.model[group].width > 1 && height > free + 1);
    let (one, less) = (F::ONE, F::NEG_ONE);
    for cells in [[(free, 0, one), (free, 1, less)], [(free, 0, one), (free + 1, 0, less)]] {
        let new = changed(&old.epoch().unwrap().key, &cells);
        let certificate = file(&old.vk, old.certify::<E>(&new, &mut Honest).unwrap());
        let refused = old.vk.next(&certificate);
        assert!(matches!(refused, Err(CheckError::Rejected(VerifyError::Equation(_)))), "{cells:?}");
    }
    for row in [0, free - 1] {
        let new = other(&old, row);
        let certificate = file(&old.vk, old.certify::<E>(&new, &mut Honest).unwrap());
        assert_eq!(old.vk.next(&certificate).unwrap().0.model, new.vk.model);
    }
}

/// Whoever certifies does not keep to the protocol.
enum Lie {
    /// Computes with the older key's weights what is committed with others.
    Columns(Vec<Mat>),
    /// Sends another commitment than it proves of.
    Commitment(Commitment),
    /// Says that what is exposed is zero.
    Exposed,
}

impl<E: Extension> Tamper<E> for Lie {
    fn witness(&mut self, groups: &mut [Mat]) {
        if let Lie::Columns(old) = self {
            groups.clone_from_slice(old);
        }
    }
    fn terminals(&mut self, values: &mut [E], _: &crate::adversary::Claims<E>) {
        if matches!(self, Lie::Exposed) {
            values.fill(E::ZERO);
        }
    }
    fn proof(&mut self, proof: &mut crate::keys::Proof<E>) {
        if let Lie::Commitment(c) = self {
            proof.commitments[0] = c.clone();
        }
    }
}

fn forged_certificates_are_rejected<E: Extension>() {
    let c = case(7, true);
    let old = key::<E>(&c);
    let (group, free) = place(&old);
    let new = other(&old, free);
    let columns = vec![Mat::clone(&old.model[group])];
    assert_eq!(old.model.iter().filter(|m| m.width > 0).count(), 1);
    let again = old.epoch().unwrap().key;
    let cases = [
        (&new, Lie::Columns(columns)),
        (&again, Lie::Commitment(new.vk.model.clone().unwrap())),
        (&new, Lie::Exposed),
    ];
    for (i, (new, mut lie)) in cases.into_iter().enumerate() {
        let certificate = file(&old.vk, old.certify::<E>(new, &mut lie).unwrap());
        assert!(matches!(old.vk.next(&certificate), Err(CheckError::Rejected(_))), "lie {i}");
    }
    // every value of an honest one matters
    let honest = old.certify::<E>(&again, &mut Honest).unwrap();
    assert!(old.vk.next(&file(&old.vk, honest.clone())).is_ok());
    let changes: [fn(&mut crate::keys::Proof<E>); 5] = [
        |p| p.terminals[0] += E::ONE,
        |p| drop(p.commitments.remove(0)),
        |p| p.commitments.swap(0, 1),
        |p| p.opened[0][0][0][0] += E::ONE,
        |p| p.terminals.push(E::ZERO),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut proof = honest.clone();
        change(&mut proof);
        assert!(matches!(old.vk.next(&file(&old.vk, proof)), Err(CheckError::Rejected(_))), "change {i}");
    }
    // what certificates are of is the key's to say, and an audit's to compare
    let mut vk = old.vk.clone();
    vk.epochs.as_mut().unwrap().air.equations.clear();
    assert!(audit(&c.program.architecture(), &vk).is_err() && vk.digest() != old.vk.digest());
    vk.epochs = None;
    let none = vk.next(&file(&old.vk, honest));
    assert!(matches!(none, Err(CheckError::Rejected(VerifyError::Shape(_)))));
}

/// What a certificate shows of the owner's first column in the older and in the newer commitment.
fn show<E: Extension>(old: &ProvingKey, new: &ProvingKey, number: u64) -> [Vec<F>; 2] {
    let proof = deaf(number, || old.certify::<E>(new, &mut Honest)).unwrap();
    let vk = key_of(&old.vk).unwrap();
    [Round::Model, Round::Witness].map(|round| shown(&vk, &proof, round, 0, 0..1))
}

/// Within the turns that it takes, what proofs and certificates say of weights is said by rows that are uniform; with one proof more it is not.
fn certificates_are_counted_as_they_show<E: Extension>() {
    let c = case(6, true);
    let (old, new) = {
        let old = key::<E>(&c);
        let new = old.epoch().unwrap().key;
        (old, new)
    };
    let (turns, uses) = (turns(&old.vk).unwrap(), old.uses().unwrap());
    assert!(uses > turns, "{uses} of {turns}");
    let free = place(&old).1;
    for side in [0, 1] {
        let key = if side == 0 { &old } else { &new };
        let group = place(key).0;
        let proof = |key: &ProvingKey, k: u64| -> Vec<F> {
            let proof =
                deaf(100 + k, || crate::prove_with::<E>(key, c.trace.clone(), &mut Honest)).unwrap().0;
            let at = Round::Model.shapes(&key.vk.air).iter().position(|s| s.group == group).unwrap();
            shown(&key.vk, &proof, Round::Model, at, 0..1)
        };
        let all = |key: &ProvingKey, proofs: u64| -> Vec<F> {
            let certificate = match side {
                0 => show::<E>(key, &new, 7),
                _ => show::<E>(&old, key, 7),
            };
            certificate[side].iter().copied().chain((0..proofs).flat_map(|k| proof(key, k))).collect()
        };
        // one proof beyond, and what is behind that
        let most = uses - turns + 2;
        let honest = all(key, most);
        let rows: Vec<Vec<F>> = (0..key.vk.air.groups[group].height())
            .map(|row| all(&moved(key, row), most).iter().zip(&honest).map(|(a, b)| *a - *b).collect())
            .collect();
        let within = all(key, uses - turns).len();
        let cut = |rows: &[Vec<F>], n: usize| rows.iter().map(|r| r[..n].to_vec()).collect::<Vec<_>>();
        assert_eq!(rank(cut(&rows[..free], within)), rank(cut(&rows, within)), "side {side}");
        assert!(rank(cut(&rows[..free], honest.len())) < rank(rows.clone()), "side {side}");
    }
}

both!(
    certificates_lead_to_keys_of_the_same_weights,
    other_weights_are_not_certified,
    forged_certificates_are_rejected,
    certificates_are_counted_as_they_show
);
