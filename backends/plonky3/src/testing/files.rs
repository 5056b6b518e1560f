//! Files: round trips, and thousands of damaged keys and proofs of which none panics and none is accepted.
use super::join::{Shape, join};
use super::suite::{all, quick};
use super::*;
use crate::arithmetic::{Cubic, Quadratic};
use crate::verify::checked;
use crate::{Proof, ProvingKey, VerifyingKey};
use proptest::prelude::*;
use std::sync::LazyLock;

struct Files {
    case: Case,
    vk: VerifyingKey,
    proof: Proof,
    key_file: Vec<u8>,
    proof_file: Vec<u8>,
}

fn files<E: Extension>(case: Case) -> Files
where
    Proof: From<crate::keys::Proof<E>>,
{
    let (pk, vk) = quick::<E>().setup(&case.program).unwrap();
    let (proof, _) = quick::<E>().prove(&pk, case.trace.clone()).unwrap();
    let proof = Proof::from(proof);
    let (key_file, proof_file) = (vk.to_container().to_bytes(), proof.to_container(vk.digest()).to_bytes());
    Files { case, vk, proof, key_file, proof_file }
}

/// Whether the verifier accepts, without the net that turns a panic into a rejection.
fn accepted(vk: &VerifyingKey, publics: &Publics, proof: &Proof) -> bool {
    match proof {
        Proof::Quadratic(proof) => checked(vk, publics, proof).is_ok(),
        Proof::Cubic(proof) => checked(vk, publics, proof).is_ok(),
    }
}

static FILES: LazyLock<Vec<Files>> = LazyLock::new(|| {
    let s = Shape {
        layers: 1,
        channels: 3,
        positions: 3,
        outputs: 2,
        taps: 2,
        fixed: true,
        lanes: (2, 2),
        together: false,
    };
    vec![files::<Quadratic>(join(1, s)), files::<Cubic>(lookups(1)), files::<Quadratic>(folds(1))]
});

#[test]
fn files_round_trip() {
    for case in all(9) {
        let backend = Plonky3 { target: quick::<Quadratic>().target };
        let (pk, vk) = backend.setup(&case.program).unwrap();
        let read = |b: Vec<u8>, k| Container::from_bytes(&b, k).unwrap();
        let c = read(pk.to_container().to_bytes(), FileKind::ProvingKey);
        let pk2 = ProvingKey::from_container(&c, pk.program.clone()).unwrap();
        assert_eq!((&pk2.vk, pk2.digest), (&vk, vk.digest()));
        // without its columns it is the same key; without some of them it is none
        let lean = read(crate::files::lean(&c).to_bytes(), FileKind::ProvingKey);
        let made = ProvingKey::from_container(&lean, pk.program.clone()).unwrap();
        assert_eq!((&made.vk, made.digest), (&vk, vk.digest()));
        assert_eq!(made.to_container().to_bytes(), c.to_bytes());
        let mut some = c.clone();
        some.remove("fixed");
        assert!(ProvingKey::from_container(&some, pk.program.clone()).is_err());
        let c = read(vk.to_container().to_bytes(), FileKind::VerifyingKey);
        let vk2 = VerifyingKey::from_container(&c).unwrap();
        assert_eq!(vk2, vk);
        let (proof, _) = backend.prove(&pk2, case.trace.clone()).unwrap();
        let c = read(proof.to_container(vk.digest()).to_bytes(), FileKind::Proof);
        let proof = Proof::from_container(&c, &vk2).unwrap();
        backend.verify(&vk2, &case.trace.publics, &proof).unwrap();
    }
}

#[test]
fn damaged_compact_keys_are_refused_or_prove_nothing() {
    let mut changed = 0;
    for case in all(9) {
        let backend = Plonky3 { target: quick::<Quadratic>().target };
        let (pk, vk) = backend.setup(&case.program).unwrap();
        let compact = crate::keys::compacted(&pk).unwrap().to_container();
        if !compact.contains("fixed.tree") {
            continue;
        }
        let read = |c: &Container| {
            let c = Container::from_bytes(&c.to_bytes(), FileKind::ProvingKey).unwrap();
            ProvingKey::from_container(&c, pk.program.clone())
        };
        assert_eq!(read(&compact).unwrap().vk, vk);
        let mut with = compact.clone();
        with.insert("fixed.extended", vec![]);
        assert!(read(&with).is_err());
        for name in crate::files::columns(true) {
            let body = compact.section(name).unwrap().body().to_vec();
            let put = |body: Vec<u8>| {
                let mut c = compact.clone();
                c.insert(name, body);
                read(&c)
            };
            let mut without = compact.clone();
            without.remove(name);
            assert!(read(&without).is_err(), "without {name}");
            assert!(put([&body[..], &[0; 32]].concat()).is_err(), "a longer {name}");
            if body.is_empty() {
                continue;
            }
            assert!(put(body[1..].to_vec()).is_err(), "a shorter {name}");
            // its last digest is the root; another digest or cell is not seen, and leads to proofs that are refused
            let mut other = body.clone();
            *other.last_mut().unwrap() ^= 1;
            match put(other) {
                Err(_) => assert!(name.ends_with("tree"), "{name}"),
                Ok(key) => {
                    let (proof, _) = backend.prove(&key, case.trace.clone()).unwrap();
                    assert!(backend.verify(&vk, &case.trace.publics, &proof).is_err(), "another {name}");
                    changed += 1;
                }
            }
        }
    }
    assert!(changed > 2, "{changed}");
}

#[test]
fn files_name_what_they_belong_to() {
    let f = &FILES[0];
    let other = &FILES[2];
    let c = Container::from_bytes(&f.proof_file, FileKind::Proof).unwrap();
    assert!(matches!(Proof::from_container(&c, &other.vk), Err(FileError::Parent { .. })));
    assert!(matches!(VerifyingKey::from_container(&c), Err(FileError::Kind { .. })));
    let mut c = Container::from_bytes(&f.key_file, FileKind::VerifyingKey).unwrap();
    c.parent = other.vk.program;
    assert!(matches!(VerifyingKey::from_container(&c), Err(FileError::Parent { .. })));
}

#[test]
fn proofs_are_the_same_whatever_the_number_of_threads() {
    let case = join(6, Shape { ..super::join::shape(6) });
    let (pk, _) = quick::<Quadratic>().setup(&case.program).unwrap();
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let proof = pool.install(|| quick::<Quadratic>().prove(&pk, case.trace.clone()).unwrap().0);
        postcard::to_allocvec(&proof).unwrap()
    };
    assert_eq!(bytes(1), bytes(3));
}

/// How a section is damaged.
#[derive(Clone, Debug)]
enum Damage {
    Flip { at: usize, bit: u8 },
    Set { at: usize, to: u8 },
    Cut(usize),
    Insert { at: usize, byte: u8 },
    Remove(usize),
    Copy { from: usize, to: usize, len: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<usize>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        2 => (any::<usize>(), prop_oneof![Just(0u8), Just(0xff), any::<u8>()])
            .prop_map(|(at, to)| Damage::Set { at, to }),
        1 => any::<usize>().prop_map(Damage::Cut),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert { at, byte }),
        1 => any::<usize>().prop_map(Damage::Remove),
        1 => (any::<usize>(), any::<usize>(), 1..64usize)
            .prop_map(|(from, to, len)| Damage::Copy { from, to, len }),
    ]
}

/// Damages bytes; prefers the front, where the structure is, every other time.
fn apply(b: &mut Vec<u8>, d: &Damage, front: bool) {
    let n = if front { b.len().min(600) } else { b.len() };
    match *d {
        Damage::Flip { at, bit } => b[at % n] ^= 1 << bit,
        Damage::Set { at, to } => b[at % n] = to,
        Damage::Cut(at) => b.truncate(at % n),
        Damage::Insert { at, byte } => b.insert(at % n, byte),
        Damage::Remove(at) => {
            b.remove(at % n);
        }
        Damage::Copy { from, to, len } => {
            let len = len.min(n);
            let (from, to) = (from % (n - len + 1), to % (n - len + 1));
            b.copy_within(from..from + len, to);
        }
    }
}

/// A file with one section damaged and its checksum made right again, read back.
fn damaged(file: &[u8], kind: FileKind, section: &str, d: &Damage, front: bool) -> Option<Container> {
    let mut c = Container::from_bytes(file, kind).unwrap();
    let before = c.bytes(section).unwrap();
    let mut body = before.to_vec();
    apply(&mut body, d, front);
    let changed = body != before;
    c.insert(section, body);
    changed.then(|| Container::from_bytes(&c.to_bytes(), kind).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_proof_is_never_accepted(k in 0..3usize, d in damage(), front: bool) {
        let f = &FILES[k];
        if let Some(c) = damaged(&f.proof_file, FileKind::Proof, "proof", &d, front)
            && let Ok(proof) = Proof::from_container(&c, &f.vk)
        {
            prop_assert!(!accepted(&f.vk, &f.case.trace.publics, &proof));
        }
    }

    #[test]
    fn a_damaged_key_never_accepts(k in 0..3usize, d in damage(), front: bool) {
        let f = &FILES[k];
        if let Some(c) = damaged(&f.key_file, FileKind::VerifyingKey, "key", &d, front)
            && let Ok(vk) = VerifyingKey::from_container(&c)
        {
            prop_assert!(!accepted(&vk, &f.case.trace.publics, &f.proof));
        }
    }

    #[test]
    fn a_damaged_file_is_an_error(k in 0..3usize, d in damage(), front: bool, proof: bool) {
        let f = &FILES[k];
        let (file, kind) = if proof {
            (&f.proof_file, FileKind::Proof)
        } else {
            (&f.key_file, FileKind::VerifyingKey)
        };
        let mut bytes = file.clone();
        apply(&mut bytes, &d, front);
        prop_assume!(bytes != *file);
        prop_assert!(Container::from_bytes(&bytes, kind).and_then(|c| c.check()).is_err());
    }
}
