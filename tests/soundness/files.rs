//! Damaged files of all kinds: errors, never a panic, and never a proof that holds all the same.
use crate::lenet::lenet;
use crate::support::{calibration, compiled_with};
use proptest::prelude::*;
use std::sync::OnceLock;
use tessera::model::Model;
use tessera::opening::Opening;
use tessera::prover::{ProofFile, ProvingKey, VerifyingKey};
use tessera_api::commitment::SALT;
use tessera_api::{Container, FileKind};
use tessera_verify::commitments::Tensor;

/// The files of one inference.
struct Files {
    tess: Vec<u8>,
    pk: Vec<u8>,
    vk: Vec<u8>,
    proof: Vec<u8>,
    opening: Vec<u8>,
    certificate: Vec<u8>,
}

/// A key that hides weights, and a certificate of a further one.
struct Certified {
    key: VerifyingKey,
    certificate: Vec<u8>,
}

fn certified() -> &'static Certified {
    static ONE: OnceLock<Certified> = OnceLock::new();
    ONE.get_or_init(|| {
        let (data, scale) = calibration("digits_mlp");
        let data = data.to_string_lossy();
        let hidden = ["--weights", "committed", "--zero-knowledge", "--uses", "2"];
        let options = [&["--calibration", &*data, "--scale", scale], &hidden[..]].concat();
        let files = compiled_with("digits_mlp", "digits_certified".into(), &options);
        let (tess, pk) = (files.file("tess"), files.file("pk"));
        let model = Model::from_bytes(&std::fs::read(&tess).expect("a file")).expect("the model");
        // a key of its own, which has its turns, whoever else runs this test
        let dir = tempfile::tempdir().expect("a directory");
        let (own, new) = (dir.path().join("own.pk"), dir.path().join("new.pk"));
        std::fs::copy(&pk, &own).expect("a copy");
        std::fs::copy(pk.with_extension("uses"), own.with_extension("uses")).expect("a copy");
        let key = ProvingKey::read(&own, &model).expect("the key");
        let path = dir.path().join("new.cert");
        key.epoch(&new, &path).expect("a further key");
        Certified { key: key.verifying(), certificate: std::fs::read(path).expect("a certificate") }
    })
}

fn files() -> &'static Files {
    static ONE: OnceLock<Files> = OnceLock::new();
    ONE.get_or_init(|| {
        let l = lenet();
        let read = |extension: &str| std::fs::read(l.files.file(extension)).expect("a file");
        let proof = tessera_plonky3::Proof::from(l.proof.clone()).to_container(l.vk.digest());
        let proof = ProofFile { publics: l.trace.publics.clone(), used: 1, claim: None, proof };
        let key = tessera::prover::verifying_key(&l.files.file("vk")).expect("the verifying key");
        let tensor = Tensor::of(&key.metadata, &key.metadata.inputs[0]);
        let opening = Opening::new(tensor, (l.trace.publics.tensors[0].clone(), 1), [7; SALT]);
        Files {
            tess: read("tess"),
            pk: read("pk"),
            vk: read("vk"),
            proof: proof.to_bytes(&key),
            opening: opening.container().to_bytes(),
            certificate: certified().certificate.clone(),
        }
    })
}

#[test]
fn whole_files_are_taken() {
    for kind in FileKind::ALL {
        assert!(reads(kind, of(kind)), "a {kind} is refused");
    }
}

fn of(kind: FileKind) -> &'static [u8] {
    let f = files();
    match kind {
        FileKind::Model => &f.tess,
        FileKind::ProvingKey => &f.pk,
        FileKind::VerifyingKey => &f.vk,
        FileKind::Proof => &f.proof,
        FileKind::Opening => &f.opening,
        FileKind::Certificate => &f.certificate,
    }
}

/// Whether a file is taken: read in full and, for a proof, verified.
fn reads(kind: FileKind, bytes: &[u8]) -> bool {
    match kind {
        // levels are hashed when they are used
        FileKind::Model => Model::from_bytes(bytes)
            .is_ok_and(|m| m.levels.values().all(|l| l.text().is_ok() && l.params.bytes().is_ok())),
        // what is for tools is hashed when a tool asks
        FileKind::ProvingKey => {
            ProvingKey::from_bytes(bytes, &lenet().model).is_ok()
                && Container::from_bytes(bytes, kind).is_ok_and(|c| c.bytes("metadata").is_ok())
        }
        FileKind::VerifyingKey => VerifyingKey::from_bytes(bytes).is_ok(),
        FileKind::Opening => Opening::from_bytes(bytes).is_ok(),
        FileKind::Certificate => certified().key.next(bytes).is_ok(),
        FileKind::Proof => {
            let Ok(key) = VerifyingKey::from_bytes(of(FileKind::VerifyingKey)) else { return false };
            ProofFile::from_bytes(bytes, &key).is_ok_and(|p| key.verify(&p).is_ok())
        }
    }
}

fn kinds() -> impl Strategy<Value = FileKind> {
    prop::sample::select(FileKind::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// As a broken disk or line would: the checksum does not fit.
    #[test]
    fn a_flipped_bit_or_a_cut_is_an_error(kind in kinds(), at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<bool>()) {
        let mut b = of(kind).to_vec();
        let i = at.index(b.len());
        if cut { b.truncate(i) } else { b[i] ^= 1 << bit }
        prop_assert!(!reads(kind, &b), "a damaged {kind} is taken");
    }
}

/// Sections whose every change must be noticed, because they are what is proven or what a verifier trusts.
fn binding(kind: FileKind, section: &str) -> bool {
    match kind {
        FileKind::Proof => section == "proof" || section == "publics",
        FileKind::ProvingKey => section.ends_with(".extended"),
        FileKind::Certificate => true,
        // a changed key is another key: it may be read, but must not accept the proof, nor be taken for the first
        FileKind::VerifyingKey | FileKind::Model => false,
        // what the integers are to a model is no part of their root
        FileKind::Opening => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// As a forger would: the change is inside a section, and the checksum is made anew.
    #[test]
    fn a_changed_section_under_a_right_checksum_never_panics(
        kind in kinds(),
        section in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut c = Container::from_bytes(of(kind), kind).expect("the honest file");
        let names: Vec<String> = c.sections().map(|(name, _)| name.to_owned()).collect();
        let name = section.get(&names).clone();
        let before = c.bytes(&name).expect("a section");
        let mut body = before.to_vec();
        for (at, to) in places {
            if !body.is_empty() {
                let i = at.index(body.len());
                body[i] = to;
            }
        }
        let changed = body != before;
        c.insert(&name, body);
        let taken = reads(kind, &c.to_bytes());
        if changed && binding(kind, &name) {
            prop_assert!(!taken, "a {kind} with a changed section {name} is taken");
        }
        if changed && kind == FileKind::VerifyingKey && name == "key" {
            if let Ok(key) = VerifyingKey::from_bytes(&c.to_bytes()) {
                let accepted = ProofFile::from_bytes(of(FileKind::Proof), &key).is_ok_and(|p| key.verify(&p).is_ok());
                prop_assert!(!accepted, "a changed key accepts the proof");
            }
        }
        if changed && kind == FileKind::ProvingKey && name == "key" {
            another_key(&c);
        }
        if kind == FileKind::Model && taken {
            // what can be read can be run or refused
            if let Ok(model) = Model::from_bytes(&c.to_bytes()) {
                let input = lenet().trace.publics.tensors[0].clone();
                if let Ok(plan) = tessera_runtime::Prepared::new(&model.program, &model.plan) {
                    let _ = plan.run(vec![input]);
                }
            }
        }
    }
}

/// A proving key whose parameters were changed is refused, or is another key: one whose proofs name another verifying key.
fn another_key(c: &Container) -> bool {
    let own = VerifyingKey::from_bytes(of(FileKind::VerifyingKey)).expect("the verifying key").digest();
    let Ok(key) = ProvingKey::from_bytes(&c.to_bytes(), &lenet().model) else { return false };
    assert_ne!(
        key.verifying().digest(),
        own,
        "a proving key with a changed section key is taken for the first"
    );
    true
}

/// More grinding than a target needs makes a key that is sound, and another.
#[test]
fn a_proving_key_with_more_grinding_is_another_key() {
    let mut c = Container::from_bytes(&files().pk, FileKind::ProvingKey).expect("the honest file");
    let mut key: tessera_plonky3::VerifyingKey = c.get("key").expect("its verifying part");
    key.security.point_pow += 1;
    c.put("key", &key);
    assert!(another_key(&c), "a sound key is refused");
}

#[test]
fn the_wrong_kind_of_file_is_named() {
    for expected in FileKind::ALL {
        for found in FileKind::ALL {
            assert_eq!(reads(expected, of(found)), expected == found, "a {found} as a {expected}");
        }
    }
}
