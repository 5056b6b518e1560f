//! Proving keys as files, whatever the backend; verifying keys and proofs are read by `tessera-verify`, and here from files that are
//! remembered.
//!
//! Files: `model.pk` and `model.vk` are the backend's containers with the section `metadata` added, which names the backend and what
//! was proven.
use crate::failure::{Failure, Result};
use crate::files;
use crate::model::{Metadata, Model};
use crate::show::program::Prediction;
use crate::uses;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tessera_api::{Backend, Bytes, Container, FileKind, Keys, Prover, Security, Shape, Timings, Trace};
use tessera_verify::key::VERIFYING_KEY_AT_MOST;
pub use tessera_verify::key::{ProofFile, VerifyingKey};

/// The backend of this name.
pub fn backend(name: &str) -> Result<&'static dyn Backend> {
    Ok(tessera_verify::key::backend(name)?)
}

/// Makes the keys of a model, of the backend that it was placed for.
pub fn keys(model: &Model, security: Security) -> Result<Keys> {
    let backend = backend(&model.metadata.backend)?;
    let mut keys = backend.keys(&model.with_weights()?.program, security)?;
    keys.proving.put("metadata", &model.metadata);
    keys.verifying.put("metadata", &model.metadata);
    Ok(keys)
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
        VerifyingKey::new(self.key.verifier(), self.metadata.clone())
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

/// Reads a verifying key.
pub fn verifying_key(path: &Path) -> Result<VerifyingKey> {
    let bytes = files::read_ours(path, FileKind::VerifyingKey, VERIFYING_KEY_AT_MOST)?;
    Ok(VerifyingKey::from_bytes(&bytes).map_err(|e| e.in_file(path))?)
}

/// Reads a proof. Errs, as rejected, when it is a proof for another key.
pub fn proof(path: &Path, key: &VerifyingKey) -> Result<ProofFile> {
    let bytes = files::read_ours(path, FileKind::Proof, key.proof_bytes_at_most())?;
    Ok(ProofFile::from_bytes(&bytes, key).map_err(|e| e.in_file(path))?)
}
