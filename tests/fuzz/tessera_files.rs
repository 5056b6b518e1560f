//! The files of our own: model, keys, proof, opening, certificate, count of proofs. Three small models of the checker's families, one that
//! says tokens and one whose weights are hidden, with keys and proofs.
//!
//! Changes: bytes of the whole file; bytes of one section, the checksum made right again; numbers of a section's value.
use crate::driver::{MEMORY, Target, run};
use crate::mutate::{Random, mutate, renumber};
use crate::numbers::changed;
use crate::parts::{Parts, head};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::OnceLock;
use tessera::model::{Calibration, LEVELS, Level, Metadata, Model, Port};
use tessera::opening::Opening;
use tessera::prover::{ProofFile, ProvingKey, VerifyingKey, keys};
use tessera::uses;
use tessera_api::commitment::SALT;
use tessera_api::{Container, Digest, FileKind, Goal, Program, Publics, Regime, Security, WitnessPlan};
use tessera_checker::testing::{Family, case};
use tessera_circuit_to_program::{PlaceOptions, place};
use tessera_mlir::params::{Param, ParamData, Params};
use tessera_verify::claim::Claim;
use tessera_verify::commitments::Tensor;

/// The files of one model.
pub struct Files {
    /// What they are of.
    pub model: Model,
    tess: Vec<u8>,
    pk: Vec<u8>,
    vk: Vec<u8>,
    proof: Vec<u8>,
    opening: Vec<u8>,
    /// Of a key whose weights are hidden.
    certificate: Option<Vec<u8>>,
}

impl Files {
    /// All of them.
    pub fn all(&self) -> Vec<(&Vec<u8>, FileKind)> {
        let mut all = vec![
            (&self.tess, FileKind::Model),
            (&self.pk, FileKind::ProvingKey),
            (&self.vk, FileKind::VerifyingKey),
            (&self.proof, FileKind::Proof),
            (&self.opening, FileKind::Opening),
        ];
        all.extend(self.certificate.as_ref().map(|c| (c, FileKind::Certificate)));
        all
    }
}

/// All of them, made once.
pub fn files() -> &'static [Files] {
    static ALL: OnceLock<Vec<Files>> = OnceLock::new();
    ALL.get_or_init(|| {
        let families = [(Family::Mixed, 3), (Family::Lookups, 5), (Family::Constraints, 1)].map(family);
        families.into_iter().chain([speaker(), hidden()]).collect()
    })
}

fn family((family, seed): (Family, u64)) -> Files {
    let mut c = case(family, seed);
    // FRI needs a table of some height
    c.program.tables[0].log_height = c.program.tables[0].log_height.max(3);
    made(&format!("{family:?}"), (c.program, c.plan), c.inputs, None)
}

/// After each token comes the next one.
const TOKENS: &str = r#"
module {
  circuit.table @after(x in [0, 7]) = [1, 2, 3, 4, 5, 6, 7, 0]
  func.func @main() {
    %x = circuit.input "ids" public : 1x4 in [0, 7]
    %y = circuit.lookup @after(%x) : 1x4 in [0, 7] -> [0, 7]
    circuit.output %y "next" public : 1x4 in [0, 7]
    return
  }
}"#;

/// A product with weights that are their owner's.
const WEIGHTS: &str = r#"
module attributes {tessera.params = "w.safetensors"} {
  ml_program.global private @w(#ml_program.extern<tensor<3x4xi64>>) : tensor<3x4xi64>
  func.func @main() {
    %x = circuit.input "x" public : 1x4 in [-7, 7]
    %w = circuit.weight @w model : 3x4 in [-9, 9]
    %y = circuit.contract %x[n, i] * %w[o, i] -> [n, o] : 1x4 in [-7, 7], 3x4 in [-9, 9] -> 1x3 in [-252, 252]
    circuit.output %y "y" public : 1x3 in [-252, 252]
    return
  }
}"#;

fn placed(text: &str, params: &Params, options: &PlaceOptions) -> (Program, WitnessPlan) {
    let context = tessera_passes::context();
    let module = tessera_mlir::parse(&context, text, "fuzz.mlir").expect("a circuit");
    let placed = place(&module, params, options).expect("a placement");
    (placed.program, placed.plan)
}

fn speaker() -> Files {
    let options = PlaceOptions::new(tessera_backends::default());
    let placed = placed(TOKENS, &Params::default(), &options);
    made("speaker", placed, vec![vec![3, 4, 5, 6]], Some(Claim { prompt: 2, generated: 3 }))
}

fn hidden() -> Files {
    let mut params = Params::default();
    let values = (0..12).map(|i| i % 5 - 2).collect::<Vec<i64>>();
    params.insert("w", Param::new([3, 4], ParamData::I64(values.into())).expect("as many values"));
    let options = PlaceOptions {
        committed: true,
        zero_knowledge: true,
        uses: 3,
        ..PlaceOptions::new(tessera_backends::default())
    };
    made("hidden", placed(WEIGHTS, &params, &options), vec![vec![1, -2, 3, 7]], None)
}

/// The files of a model with this name. Numbers are tokens, and the key is compact, where something is claimed of them.
fn made(
    name: &str,
    (program, plan): (Program, WitnessPlan),
    inputs: Vec<Vec<i64>>,
    claim: Option<Claim>,
) -> Files {
    let ports = |inputs: bool| {
        let of = program.publics.iter().filter(move |p| p.role.is_input() == inputs);
        let port = |p: &tessera_api::Public| Port {
            name: p.name.clone(),
            shape: p.shape.iter().map(|d| *d as usize).collect(),
            scale: 0.5,
            min: p.min,
            max: p.max,
            factor: None,
            exact: claim.is_some(),
            texts: vec![],
        };
        of.map(port).collect::<Vec<_>>()
    };
    let metadata = Metadata {
        name: name.into(),
        compiler: "0".into(),
        source: Digest::default(),
        parameters: 1,
        batch: 1,
        inputs: ports(true),
        outputs: ports(false),
        labels: vec!["label".into()],
        calibration: Calibration { method: "min-max".into(), percentile: None, samples: 1, data: "d".into() },
        pipeline: vec![],
        backend: "plonky3".into(),
    };
    let level =
        |l: &str| (l.to_string(), Level { text: format!("// {l}\n").into(), params: vec![1, 2].into() });
    let levels = LEVELS.into_iter().map(level).collect();
    let model = Model::new(metadata, program, plan, levels);
    let security = Security { bits: 40, regime: Regime::Proven, goal: Goal::Time };
    let made = keys(&model, security, claim.is_some()).expect("keys");
    let (pk, vk) = (made.proving.to_bytes(), made.verifying.to_bytes());
    // hidden weights are proven with from a file, beside which turns are counted
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("m.pk"), &pk).expect("the proving key");
    let key = ProvingKey::read(&at("m.pk"), &model).expect("the proving key");
    let certificate = key.uses().map(|of| {
        let digest = format!("{:#}", key.verifying().digest());
        uses::start(&at("m.uses"), digest, (0, of)).expect("a count");
        key.epoch(&at("next.pk"), &at("next.cert")).expect("a further key");
        std::fs::read(at("next.cert")).expect("a certificate")
    });
    let trace = tessera_runtime::run(&model.program, &model.plan, inputs).expect("a witness");
    let (mut proof, _) = key.prove(trace, 1).expect("a proof");
    proof.claim = claim;
    let proof = proof.to_bytes(&key.verifying());
    let port = &model.metadata.inputs[0];
    let tensor = Tensor::of(&model.metadata, port);
    let opening = Opening::new(tensor, (vec![port.min; port.len()], 1), [7; SALT]).container().to_bytes();
    Files { tess: model.to_bytes(), model, pk, vk, proof, opening, certificate }
}

/// Changes numbers of a section that holds a `T`.
fn in_section<T: Serialize + DeserializeOwned>(parts: &mut Parts, name: &str, r: &mut Random) {
    if let Some(value) = parts.get::<T>(name)
        && let Some(value) = changed(&value, r)
        && let (Ok(bytes), Some(body)) = (postcard::to_stdvec(&value), parts.body(name))
    {
        *body = bytes;
    }
}

/// Changes the head of a file, and makes its checksum right again; the whole file where it has no head.
fn change_head(file: &mut Vec<u8>, all: &[Vec<u8>], r: &mut Random) {
    let Some(head) = head(file) else { return mutate(file, all, r) };
    let bodies = file.split_off(head);
    file.truncate(head - 32);
    mutate(file, all, r);
    file.extend(blake3::hash(file).as_bytes());
    file.extend(bodies);
}

/// A changed file of this kind.
fn change(kind: FileKind, file: &[u8], all: &[Vec<u8>], r: &mut Random) -> Vec<u8> {
    let mut bytes = file.to_vec();
    let way = r.below(32);
    if way < 4 {
        mutate(&mut bytes, all, r);
        return bytes;
    }
    let Some(mut parts) = Parts::of(file).filter(|p| way >= 8 && !p.sections.is_empty()) else {
        change_head(&mut bytes, all, r);
        return bytes;
    };
    let at = r.below(parts.sections.len());
    match way {
        8..16 => mutate(&mut parts.sections[at].1, all, r),
        16..31 => (0..1 + r.below(3)).for_each(|_| renumber(&mut parts.sections[at].1, r)),
        // numbers of what a section holds, whatever they are encoded as, which takes as long as all others
        _ => match (kind, r.below(5)) {
            (FileKind::Model, 0) => in_section::<WitnessPlan>(&mut parts, "plan", r),
            (FileKind::Model | FileKind::ProvingKey | FileKind::VerifyingKey, 1) => {
                in_section::<Metadata>(&mut parts, "metadata", r)
            }
            (FileKind::Model, _) => in_section::<Program>(&mut parts, "program", r),
            (FileKind::Proof, 0) => in_section::<Publics>(&mut parts, "publics", r),
            (FileKind::Proof, 1) if parts.body("claim").is_some() => {
                in_section::<Claim>(&mut parts, "claim", r)
            }
            (FileKind::Proof | FileKind::Certificate, _) => in_section::<
                tessera_plonky3::keys::Proof<tessera_plonky3::arithmetic::Quadratic>,
            >(&mut parts, "proof", r),
            (FileKind::Opening, _) => in_section::<Opening>(&mut parts, "opening", r),
            (FileKind::ProvingKey | FileKind::VerifyingKey, _) => {
                in_section::<tessera_plonky3::VerifyingKey>(&mut parts, "key", r);
            }
        },
    }
    // a forger makes the file belong to what is in it
    if r.below(4) > 0 {
        let key = |p: &mut Parts| p.get::<tessera_plonky3::VerifyingKey>("key").map(|k| k.program);
        let root = |p: &mut Parts| p.get::<Opening>("opening").map(|o| o.root().digest());
        let parent = match kind {
            FileKind::ProvingKey => key(&mut parts),
            FileKind::Opening => root(&mut parts),
            _ => None,
        };
        parent.into_iter().for_each(|digest| parts.belongs_to(digest));
    }
    parts.to_bytes()
}

/// Fuzzes one kind of file.
fn kind(
    name: &'static str,
    inputs: usize,
    kind: FileKind,
    of: fn(&Files) -> Option<&Vec<u8>>,
    read: &dyn Fn(&[u8]) -> bool,
) {
    let change = |b: &[u8], all: &[Vec<u8>], r: &mut Random| change(kind, b, all, r);
    let corpus = files().iter().filter_map(|f| of(f).cloned()).collect();
    run(&Target { name, inputs, corpus, read, change: Some(&change), memory: MEMORY, native: false });
}

#[test]
fn container() {
    let read = |b: &[u8]| FileKind::ALL.iter().any(|k| Container::from_bytes(b, *k).is_ok());
    let corpus = files().iter().flat_map(|f| f.all()).map(|(bytes, _)| bytes.clone()).collect();
    let change = |b: &[u8], all: &[Vec<u8>], r: &mut Random| {
        let mut b = b.to_vec();
        if r.below(2) == 0 {
            change_head(&mut b, all, r)
        } else {
            mutate(&mut b, all, r)
        }
        b
    };
    run(&Target {
        name: "container",
        inputs: 3000,
        corpus,
        read: &read,
        change: Some(&change),
        memory: MEMORY,
        native: false,
    });
}

#[test]
fn model() {
    kind("model", 3000, FileKind::Model, |f| Some(&f.tess), &|b| Model::from_bytes(b).is_ok());
}

#[test]
fn opening() {
    let read = |b: &[u8]| {
        let Ok(opening) = Opening::from_bytes(b) else { return false };
        let file = Container::from_bytes(b, FileKind::Opening).expect("a file that was read");
        assert_eq!(opening.root().digest(), file.parent, "an opening of another root");
        true
    };
    kind("opening", 3000, FileKind::Opening, |f| Some(&f.opening), &read);
}

#[test]
fn proving_key() {
    let read = |b: &[u8]| {
        // the first that it belongs to, as a user would
        files().iter().any(|f| {
            // a caller who does not compare digests
            ProvingKey::from_bytes(b, &f.model).is_ok()
                || Container::from_bytes(b, FileKind::ProvingKey).is_ok_and(|c| {
                    tessera_plonky3::ProvingKey::from_container(&c, f.model.program.clone()).is_ok()
                })
        })
    };
    kind("proving_key", 1000, FileKind::ProvingKey, |f| Some(&f.pk), &read);
}

/// What is proven, or what proofs are checked with: these sections of a file.
fn meaning(b: &[u8], kind: FileKind) -> Vec<Vec<u8>> {
    let c = Container::from_bytes(b, kind).expect("a file that was read");
    ["proof", "publics", "key"].iter().filter_map(|s| c.bytes(s).ok().map(|b| b.to_vec())).collect()
}

#[test]
fn verifying_key() {
    let honest: Vec<_> = files().iter().map(|f| meaning(&f.vk, FileKind::VerifyingKey)).collect();
    let read = |b: &[u8]| {
        let Ok(key) = VerifyingKey::from_bytes(b) else { return false };
        key.offer();
        // proofs that claim to belong to it
        for f in files() {
            let mut c = Container::from_bytes(&f.proof, FileKind::Proof).expect("the proof");
            c.parent = key.digest();
            let verified = ProofFile::from_bytes(&c.to_bytes(), &key).is_ok_and(|p| key.verify(&p).is_ok());
            let same = honest.contains(&meaning(b, FileKind::VerifyingKey));
            assert!(!verified || same, "another key accepts a proof");
        }
        true
    };
    kind("verifying_key", 2000, FileKind::VerifyingKey, |f| Some(&f.vk), &read);
}

#[test]
fn proof() {
    let keys: Vec<VerifyingKey> =
        files().iter().map(|f| VerifyingKey::from_bytes(&f.vk).expect("the key")).collect();
    let honest: Vec<_> = files().iter().map(|f| meaning(&f.proof, FileKind::Proof)).collect();
    let read = |b: &[u8]| {
        let read = keys.iter().filter_map(|k| Some((k, ProofFile::from_bytes(b, k).ok()?)));
        let Some((_, p)) = read.into_iter().find(|(k, p)| k.verify(p).is_ok()) else { return false };
        assert!(honest.contains(&meaning(b, FileKind::Proof)), "a changed proof is accepted");
        if let Some(claim) = p.claim {
            let [ids, next] = &p.publics.tensors[..] else {
                panic!("a claim of a model that says no tokens")
            };
            let (from, to) = (claim.prompt as usize, claim.prompt as usize + claim.generated as usize);
            let said = (from..to).all(|at| ids.get(at).is_none_or(|read| *read == next[at - 1]));
            assert!(0 < from && from < to && to <= ids.len() + 1 && said, "a false claim is accepted");
        }
        true
    };
    kind("proof", 3000, FileKind::Proof, |f| Some(&f.proof), &read);
}

#[test]
fn certificate() {
    let hidden = files().iter().find(|f| f.certificate.is_some()).expect("a key of hidden weights");
    let key = VerifyingKey::from_bytes(&hidden.vk).expect("the key");
    let honest = hidden.certificate.as_ref().map(|c| meaning(c, FileKind::Certificate));
    let read = |b: &[u8]| {
        let Ok(next) = key.next(b) else { return false };
        assert_eq!(Some(meaning(b, FileKind::Certificate)), honest, "a changed certificate is accepted");
        assert_ne!(next.weights(), key.weights());
        true
    };
    kind("certificate", 1000, FileKind::Certificate, |f| f.certificate.as_ref(), &read);
}

#[test]
fn count() {
    let dir = tempfile::tempdir().expect("a folder");
    let (pk, path) = (dir.path().join("m.pk"), dir.path().join("m.uses"));
    std::fs::write(&pk, "a key").expect("a file");
    uses::start(&path, "k".into(), (3, 1000)).expect("a count");
    let corpus = vec![std::fs::read(&path).expect("the count")];
    let read = |b: &[u8]| {
        std::fs::write(&path, b).expect("the count");
        let Ok((used, of)) = uses::read(&path) else { return false };
        if used <= of - of.min(3) && of == 1000 {
            let taken = uses::take(&pk, "k", (3, of));
            assert!(taken.is_err() || uses::read(&path).is_ok_and(|now| now == (used + 3, of)), "{taken:?}");
        } else {
            assert!(uses::take(&pk, "k", (3, 1000)).is_err(), "turns that there are not: {used} of {of}");
        }
        true
    };
    run(&Target {
        name: "count",
        inputs: 500,
        corpus,
        read: &read,
        change: None,
        memory: MEMORY,
        native: false,
    });
}
