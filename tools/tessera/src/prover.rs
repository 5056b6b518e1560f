//! The proving backend, and the files of keys and proofs. The one module that names a backend.
//!
//! Files: `model.pk` and `model.vk` are the backend's containers with the section `metadata` added, so that a verifier can
//! say what was proven; a `.proof` is the backend's with `publics` (the statement) and `used` (how many inferences of the
//! batch were asked for; the rest is padding, which is the prover's word and part of no proof).
//!
//! Invariant: a verifier takes shapes, ranges and the relation from its key, and only values from the proof.
use crate::cli::Regime;
use crate::failure::{Failure, Result};
use crate::files;
use crate::model::{Metadata, Model};
use crate::show::program::Prediction;
use serde::Serialize;
use std::path::Path;
use tessera_api::{
    Backend, Bytes, Container, Digest, FileError, FileKind, Program, Publics, Shape, Target, Timings, Trace,
    Verified,
};
use tessera_plonky3::{Plonky3, Proof, SecurityTarget, keys};

/// What a user asks for.
#[derive(Clone, Copy, Debug)]
pub struct Security {
    /// Bits.
    pub bits: u32,
    /// Of which analysis.
    pub regime: Regime,
}

/// What keys offer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Offer {
    /// Bits of security.
    pub bits: f64,
    /// "proven" or "conjectured".
    pub regime: String,
    /// The term of the analysis that limits.
    pub limited_by: String,
    /// Degree of the extension field that challenges are drawn from.
    pub degree: u8,
    /// All terms.
    pub terms: Vec<(String, f64)>,
}

impl Offer {
    fn of(vk: &tessera_plonky3::VerifyingKey) -> Offer {
        let r = vk.security_report();
        Offer {
            bits: r.bits,
            regime: r.regime,
            limited_by: r.limited_by,
            degree: vk.air.degree,
            terms: r.terms,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        format!("{:.1} bits of security ({} regime), limited by {}", self.bits, self.regime, self.limited_by)
    }
}

/// Both keys as files.
pub struct Keys {
    /// `model.pk`
    pub proving: Container,
    /// `model.vk`
    pub verifying: Container,
    /// What proofs will be worth.
    pub offer: Offer,
}

/// Makes the keys of a model.
pub fn keys(model: &Model, security: Security) -> Result<Keys> {
    let program = &model.with_weights()?.program;
    let file = |mut c: Container| {
        c.put("metadata", &model.metadata);
        c
    };
    let regime = match security.regime {
        Regime::Proven => tessera_plonky3::Regime::Proven,
        Regime::Conjectured => tessera_plonky3::Regime::Conjectured,
    };
    let target = SecurityTarget { bits: security.bits, regime, ..Default::default() };
    let (pk, vk) = Plonky3 { target }.setup(program)?;
    Ok(Keys { proving: file(pk.to_container()), verifying: file(vk.to_container()), offer: Offer::of(&vk) })
}

/// What a proof of this Program will cost, by the backend's prices.
pub fn predict(program: &Program) -> Prediction {
    let backend = &tessera_plonky3::PLONKY3;
    let cost = backend.cost(&Shape::of(program));
    let prices = backend.prices();
    Prediction {
        prove_cpu_s: prices.seconds(&cost),
        proof_bytes: prices.bytes(&cost) as u64,
        memory_bytes: prices.memory(&cost) as u64,
        cost,
    }
}

/// A proving key that was read.
pub struct ProvingKey {
    key: tessera_plonky3::ProvingKey,
}

impl ProvingKey {
    /// Reads the key of a model. Errs when it is another model's.
    pub fn read(path: &Path, model: &Model) -> Result<ProvingKey> {
        ProvingKey::from_shared(files::map(path)?, model).map_err(|f| f.in_file(path))
    }

    /// Reads a key's bytes.
    pub fn from_bytes(bytes: &[u8], model: &Model) -> Result<ProvingKey> {
        ProvingKey::from_shared(Bytes::copy_from_slice(bytes), model)
    }

    /// Reads a key's bytes where they lie.
    fn from_shared(bytes: Bytes, model: &Model) -> Result<ProvingKey> {
        let c = Container::from_shared(bytes, FileKind::ProvingKey)?;
        c.check_parent(model.digest()).map_err(|e| {
            Failure::from(e).help("make the keys of this model with: tessera setup MODEL.tess")
        })?;
        Ok(ProvingKey { key: tessera_plonky3::ProvingKey::from_container(&c, model.program.clone())? })
    }

    /// Proves a trace.
    pub fn prove(&self, trace: Trace) -> Result<(Proof, Timings)> {
        Ok(Plonky3::default().prove(&self.key, trace)?)
    }

    /// How long a proof will take, in seconds.
    pub fn estimate(&self, program: &Program) -> f64 {
        predict(program).prove_cpu_s / rayon::current_num_threads().max(1) as f64
    }

    fn digest(&self) -> Digest {
        self.key.digest
    }
}

/// A verifying key that was read.
pub struct VerifyingKey {
    key: tessera_plonky3::VerifyingKey,
    /// About the model.
    pub metadata: Metadata,
}

impl VerifyingKey {
    /// Reads a key.
    pub fn read(path: &Path) -> Result<VerifyingKey> {
        let bytes = files::read(path)?;
        VerifyingKey::from_bytes(&bytes).map_err(|f| f.in_file(path))
    }

    /// Reads a key's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<VerifyingKey> {
        let c = Container::from_bytes(bytes, FileKind::VerifyingKey)?;
        let key = tessera_plonky3::VerifyingKey::from_container(&c)?;
        let metadata: Metadata = c.get("metadata")?;
        metadata.check(key.statement())?;
        Ok(VerifyingKey { key, metadata })
    }

    /// Its own digest, which its proofs name.
    pub fn digest(&self) -> Digest {
        self.key.digest()
    }

    /// What its proofs are worth.
    pub fn offer(&self) -> Offer {
        Offer::of(&self.key)
    }

    /// Digest of the Program it is for.
    pub fn program(&self) -> Digest {
        self.key.program
    }

    /// The commitment to weights that are their owner's.
    pub fn weights(&self) -> Option<Digest> {
        self.key.model.as_ref().map(tessera_api::container::digest_of)
    }

    /// Errs unless the key is what [`keys`] makes of this model, or of a model of this architecture.
    pub fn audit(&self, model: &Model) -> Result<()> {
        let wrong = |why: String| {
            Failure::rejected("this verifying key is not of this model")
                .expected(format!("a key for program {}", model.digest()))
                .found(why)
        };
        if self.program() != model.digest() {
            return Err(wrong(format!("a key for program {}", self.program())));
        }
        if self.metadata != model.metadata {
            return Err(wrong("other names, shapes or scales in the key".into()));
        }
        keys::audit(&model.program, &self.key).map_err(wrong)
    }

    /// Checks a proof.
    ///
    /// # Correctness
    /// Exit code 0 of `tessera verify` rests on this call and on nothing else.
    pub fn verify(&self, proof: &ProofFile) -> Result<Verified> {
        Ok(Plonky3::default().verify(&self.key, &proof.publics, &proof.proof)?)
    }
}

/// A proof with its statement.
pub struct ProofFile {
    /// All public values.
    pub publics: Publics,
    /// Inferences that were asked for, at most the model's batch.
    pub used: usize,
    /// The backend's proof.
    pub proof: Proof,
}

impl ProofFile {
    /// The file's bytes.
    pub fn to_bytes(&self, key: &ProvingKey) -> Vec<u8> {
        let mut c = self.proof.to_container(key.digest());
        c.put("publics", &self.publics);
        c.put("used", &self.used);
        c.to_bytes()
    }

    /// Reads a file. Errs, as rejected, when it is a proof for another key.
    pub fn read(path: &Path, key: &VerifyingKey) -> Result<ProofFile> {
        ProofFile::from_bytes(&files::read(path)?, key).map_err(|f| f.in_file(path))
    }

    /// Reads a file's bytes.
    pub fn from_bytes(bytes: &[u8], key: &VerifyingKey) -> Result<ProofFile> {
        let c = Container::from_bytes(bytes, FileKind::Proof)?;
        let proof = Proof::from_container(&c, &key.key).map_err(|e| match e {
            FileError::Parent { expected, found, .. } => {
                Failure::rejected("this proof was made for another verifying key")
                    .expected(format!("a proof for key {expected}, of {}", key.metadata.name))
                    .found(format!("a proof for key {found}"))
                    .help("give the .vk that belongs to the prover's .pk; setups of one model with the same options are equal")
            }
            other => other.into(),
        })?;
        let publics: Publics = c.get("publics")?;
        let used: usize = c.get("used")?;
        if used == 0 || used > key.metadata.batch {
            let why = format!("it claims {used} inferences of a batch of {}", key.metadata.batch);
            return Err(FileError::Damaged(why).into());
        }
        Ok(ProofFile { publics, used, proof })
    }
}
