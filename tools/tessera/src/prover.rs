//! Keys and proofs as files, whatever the backend.
//!
//! Files: `model.pk` and `model.vk` are the backend's containers with the section `metadata` added, which names the backend and what
//! was proven; the digest of a key covers it, and a proof names that digest; a `.proof` is the backend's with `publics` (the
//! statement) and `used` (how many inferences of the batch were asked for; the rest is padding, which is the prover's word and
//! part of no proof). A backend gets its own sections and refuses others.
//!
//! Invariant: a verifier takes shapes, ranges and the relation from its key, and only values from the proof.
use crate::failure::{Failure, Result};
use crate::files;
use crate::model::{Metadata, Model};
use crate::show::program::Prediction;
use crate::uses;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tessera_api::{
    Backend, Bytes, Container, Digest, FileError, FileKind, Keys, Offer, Prover, Public, Publics, Security,
    Shape, Timings, Trace, Verified, Verifier, container::digest_of,
};

/// The backend of this name.
pub fn backend(name: &str) -> Result<&'static dyn Backend> {
    tessera_backends::find(name).map_err(|e| Failure::new(e.to_string()))
}

/// Makes the keys of a model, of the backend that it was placed for.
pub fn keys(model: &Model, security: Security) -> Result<Keys> {
    let backend = backend(&model.metadata.backend)?;
    let mut keys = backend.keys(&model.with_weights()?.program, security)?;
    keys.proving.put("metadata", &model.metadata);
    keys.verifying.put("metadata", &model.metadata);
    Ok(keys)
}

/// Digest of a key: of the backend's, and of what a verifier is told of the model.
fn key_digest(backend: Digest, metadata: &Metadata) -> Digest {
    digest_of(&(backend, metadata))
}

/// What a proof of this model will cost, by its backend's prices.
pub fn predict(model: &Model) -> Result<Prediction> {
    let backend = backend(&model.metadata.backend)?;
    let cost = backend.cost(&Shape::of(&model.program));
    let prices = backend.prices();
    Ok(Prediction {
        prove_cpu_s: prices.seconds(&cost),
        proof_bytes: prices.bytes(&cost) as u64,
        memory_bytes: prices.memory(&cost) as u64,
        cost,
    })
}

/// A proving key that was read.
pub struct ProvingKey {
    key: Box<dyn Prover>,
    metadata: Metadata,
    /// Its file, beside which the proofs of a key that hides weights are counted.
    file: Option<PathBuf>,
}

impl ProvingKey {
    /// Reads the key of a model. Errs when it is another model's.
    pub fn read(path: &Path, model: &Model) -> Result<ProvingKey> {
        let key = ProvingKey::from_shared(files::map(path)?, model).map_err(|f| f.in_file(path))?;
        Ok(ProvingKey { file: Some(path.into()), ..key })
    }

    /// Reads a key's bytes.
    pub fn from_bytes(bytes: &[u8], model: &Model) -> Result<ProvingKey> {
        ProvingKey::from_shared(Bytes::copy_from_slice(bytes), model)
    }

    /// Reads a key's bytes where they lie.
    pub fn from_shared(bytes: Bytes, model: &Model) -> Result<ProvingKey> {
        let mut c = Container::from_shared(bytes, FileKind::ProvingKey)?;
        c.check_parent(model.digest()).map_err(|e| {
            Failure::from(e).help("make the keys of this model with: tessera setup MODEL.tess")
        })?;
        let metadata: Metadata = c.take("metadata")?;
        if metadata != model.metadata {
            return Err(Failure::new(
                "this proving key was made for a model with other names, shapes or scales",
            )
            .expected(format!("a key of {}, as it is in the model's file", model.metadata.name))
            .found(format!("a key of {}", metadata.name))
            .help("make the keys of this model with: tessera setup MODEL.tess"));
        }
        let key = backend(&metadata.backend)?.prover(&c, Arc::clone(&model.program))?;
        Ok(ProvingKey { key, metadata, file: None })
    }

    /// The key that its proofs are checked with.
    pub fn verifying(&self) -> VerifyingKey {
        VerifyingKey { key: self.key.verifier(), metadata: self.metadata.clone() }
    }

    /// How many proofs it serves, where it hides weights.
    pub fn uses(&self) -> Option<u64> {
        self.key.uses()
    }

    /// Proves a trace, of which `used` inferences were asked for. A key that hides weights has so many turns, and this is one.
    ///
    /// # Errors
    /// Where it has none left, and where it was not read from a file: then nobody counts.
    pub fn prove(&self, trace: Trace, used: usize) -> Result<(ProofFile, Timings)> {
        if let Some(of) = self.uses() {
            let file = self.file.as_ref().ok_or_else(|| {
                Failure::new(
                    "a key that hides weights proves from its file, beside which its proofs are counted",
                )
            })?;
            uses::take(file, &format!("{:#}", self.verifying().digest()), of)?;
        }
        let publics = trace.publics.clone();
        let (proof, timings) = self.key.prove(trace)?;
        Ok((ProofFile { publics, used, proof }, timings))
    }
}

/// A verifying key that was read.
pub struct VerifyingKey {
    key: Box<dyn Verifier>,
    /// About the model.
    pub metadata: Metadata,
}

impl VerifyingKey {
    /// Reads a key.
    pub fn read(path: &Path) -> Result<VerifyingKey> {
        let bytes = files::read_ours(path, FileKind::VerifyingKey, files::VERIFYING_KEY)?;
        VerifyingKey::from_bytes(&bytes).map_err(|f| f.in_file(path))
    }

    /// Reads a key's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<VerifyingKey> {
        let mut c = Container::from_bytes(bytes, FileKind::VerifyingKey)?;
        let metadata: Metadata = c.take("metadata")?;
        let key = backend(&metadata.backend)?.verifier(&c)?;
        metadata.check(key.statement())?;
        Ok(VerifyingKey { key, metadata })
    }

    /// Its own digest, which its proofs name: of everything that `tessera verify` says of a model.
    pub fn digest(&self) -> Digest {
        key_digest(self.key.digest(), &self.metadata)
    }

    /// Errs when it is not the key of this digest.
    pub fn pinned(&self, digest: Digest) -> Result<()> {
        let own = self.digest();
        if own == digest {
            return Ok(());
        }
        Err(Failure::new("this verifying key is not the one of the digest that was given")
            .expected(format!("{digest:#}"))
            .found(format!("{own:#}, of {}", self.metadata.name)))
    }

    /// Errs when its proofs are worth less than this.
    pub fn at_least(&self, bits: u32) -> Result<()> {
        let offer = self.offer();
        if offer.bits >= f64::from(bits) {
            return Ok(());
        }
        Err(Failure::new("the proofs of this verifying key are worth too little")
            .expected(format!("at least {bits} bits of security"))
            .found(offer.text())
            .help("make keys with: tessera setup --security 100; or say how little is enough, with --min-security"))
    }

    /// What its proofs are worth.
    pub fn offer(&self) -> Offer {
        self.key.offer()
    }

    /// Digest of the Program it is for.
    pub fn program(&self) -> Digest {
        self.key.program()
    }

    /// The commitment to weights that are their owner's.
    pub fn weights(&self) -> Option<Digest> {
        self.key.weights()
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
        self.key.audit(&model.program).map_err(wrong)
    }

    /// Checks a proof.
    ///
    /// # Correctness
    /// Exit code 0 of `tessera verify` rests on this call and on nothing else.
    pub fn verify(&self, proof: &ProofFile) -> Result<Verified> {
        Ok(self.key.verify(&proof.publics, &proof.proof)?)
    }
}

/// A proof with its statement.
pub struct ProofFile {
    /// All public values.
    pub publics: Publics,
    /// Inferences that were asked for, at most the model's batch.
    pub used: usize,
    /// The backend's proof, which belongs to the backend's key.
    pub proof: Container,
}

impl ProofFile {
    /// The file's bytes, for this key.
    pub fn to_bytes(&self, key: &VerifyingKey) -> Vec<u8> {
        let mut c = self.proof.clone();
        c.parent = key.digest();
        c.put("publics", &self.publics);
        c.put("used", &self.used);
        c.to_bytes()
    }

    /// Reads a file. Errs, as rejected, when it is a proof for another key.
    pub fn read(path: &Path, key: &VerifyingKey) -> Result<ProofFile> {
        let backend = key.key.proof_bytes_at_most();
        let values: usize = key.key.statement().iter().map(Public::len).sum();
        // a value is at most ten bytes long
        let most = backend.saturating_add(values as u64 * 10).saturating_add(1 << 12);
        ProofFile::from_bytes(&files::read_ours(path, FileKind::Proof, most)?, key)
            .map_err(|f| f.in_file(path))
    }

    /// Reads a file's bytes.
    pub fn from_bytes(bytes: &[u8], key: &VerifyingKey) -> Result<ProofFile> {
        let mut c = Container::from_bytes(bytes, FileKind::Proof)?;
        c.check_parent(key.digest()).map_err(|e| match e {
            FileError::Parent { expected, found, .. } => {
                Failure::rejected("this proof was made for another verifying key")
                    .expected(format!("a proof for key {expected}, of {}", key.metadata.name))
                    .found(format!("a proof for key {found}"))
                    .help("give the .vk that belongs to the prover's .pk; setups of one model with the same options are equal")
            }
            other => other.into(),
        })?;
        // the backend's own digest has no names in it
        c.parent = key.key.digest();
        let publics: Publics = c.take("publics")?;
        let used: usize = c.take("used")?;
        if used == 0 || used > key.metadata.batch {
            let why = format!("it claims {used} inferences of a batch of {}", key.metadata.batch);
            return Err(FileError::Damaged(why).into());
        }
        Ok(ProofFile { publics, used, proof: c })
    }
}
