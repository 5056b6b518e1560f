//! Proving keys as files, whatever the backend; verifying keys and proofs are read by `tessera-verify`, and here from files that are
//! remembered.
//!
//! Files: `model.pk` and `model.vk` are the backend's containers with the section `metadata` added, which names the backend and what
//! was proven.
use crate::failure::{Failure, Result};
use crate::files;
use crate::measure;
use crate::model::{Metadata, Model};
use crate::show;
use crate::show::program::Prediction;
use crate::uses;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tessera_api::{
    Backend, Blob, Bytes, Container, Digest, Epoch, FileKind, Keys, Prices, Program, Prover, Public,
    Security, Shape, Timings, Trace,
};
use tessera_verify::key::VERIFYING_KEY_AT_MOST;
pub use tessera_verify::key::{ProofFile, VerifyingKey};

/// The backend of this name.
pub fn backend(name: &str) -> Result<&'static dyn Backend> {
    Ok(tessera_verify::key::backend(name)?)
}

/// Whether keys should be compact: where they are asked for, and where making others, or proving with them, takes more memory than may be
/// taken; without a limit that is what the machine has free.
///
/// # Errors
/// Where they are asked for and proofs hide something; where there is a limit, and making keys takes more in any case.
pub fn compact(model: &Model, security: Security, asked: bool, limit: Option<u64>) -> Result<bool> {
    if asked && model.program.zero_knowledge {
        return Err(Failure::new("there are no compact keys of a model whose proofs hide something")
            .help("leave out --compact; --lean makes a proving key of some kilobytes, with which a proof takes as long as setup besides"));
    }
    let Some(most) = limit.or_else(measure::free_memory) else { return Ok(asked) };
    let backend = backend(&model.metadata.backend)?;
    let rough = prices(model)?.memory(&backend.cost(&Shape::of(&model.program)));
    // far from what the machine has: predicting closer would compile the Program once more
    if limit.is_none() && !asked && 8.0 * rough < most as f64 {
        return Ok(false);
    }
    let p = predict(model, security)?;
    let compact =
        p.compact_setup_memory_bytes.filter(|_| asked || p.setup_memory_bytes.max(p.memory_bytes) > most);
    let needed = compact.unwrap_or(p.setup_memory_bytes);
    if limit.is_some() && needed > most {
        return Err(Failure::new("making the keys takes more memory than it may")
            .expected(format!("a limit of {} or more", show::bytes(needed)))
            .found(format!("--max-memory of {}", show::bytes(most)))
            .help("compile with a smaller --batch, or for a shorter text"));
    }
    measure::expect(needed);
    Ok(asked || compact.is_some())
}

/// Makes the keys of a model, of the backend that it was placed for.
pub fn keys(model: &Model, security: Security, compact: bool) -> Result<Keys> {
    let backend = backend(&model.metadata.backend)?;
    let program = &model.with_weights()?.program;
    let mut keys = match compact {
        true => backend.compact_keys(program, security),
        false => backend.keys(program, security),
    }?;
    keys.proving.put("metadata", &model.metadata);
    keys.verifying.put("metadata", &model.metadata);
    Ok(keys)
}

/// The prices by which a model was placed and is predicted: its own, or those of its backend.
pub fn prices(model: &Model) -> Result<Prices> {
    Ok(model.prices.unwrap_or(backend(&model.metadata.backend)?.prices()))
}

/// Seconds of one core that a proof of this model will take, by its prices: from its shape alone, at once.
pub fn seconds(model: &Model) -> Result<f64> {
    let backend = backend(&model.metadata.backend)?;
    Ok(prices(model)?.seconds(&backend.cost(&Shape::of(&model.program))))
}

/// What a model takes with keys of this security: its backend compiles the Program for it, and makes nothing.
pub fn predict(model: &Model, security: Security) -> Result<Prediction> {
    predict_program(&model.program, &model.metadata, &prices(model)?, security)
}

/// As [`predict`], of a Program that is no model yet.
pub fn predict_program(
    program: &Program,
    metadata: &Metadata,
    prices: &Prices,
    security: Security,
) -> Result<Prediction> {
    let backend = backend(&metadata.backend)?;
    let sizes = backend.sizes(program, security)?;
    let added = bytes_of(metadata);
    // as many numbers as there are public values, of two bytes mostly
    let statement: usize = program.publics.iter().map(Public::stated).sum();
    let proof = sizes.proof + 2 * statement as u64;
    let (held, kept) = held(program);
    Ok(Prediction {
        prove_cpu_s: prices.seconds(&sizes.cost),
        verify_cpu_s: prices.verify_seconds(proof),
        proof_bytes: proof,
        proving_key_bytes: sizes.proving_key + added,
        lean_key_bytes: sizes.lean_key + added,
        compact_key_bytes: sizes
            .compact_key
            .map(|key| key + added)
            .filter(|key| *key < sizes.proving_key + added),
        verifying_key_bytes: sizes.verifying_key + added,
        setup_memory_bytes: sizes.setup_memory + held,
        compact_setup_memory_bytes: sizes.compact_setup_memory.map(|memory| memory + held),
        memory_bytes: sizes.prove_memory + held,
        least_memory_bytes: sizes
            .least_memory
            .filter(|least| *least < sizes.prove_memory)
            .map(|least| least + kept),
        cost: sizes.cost,
    })
}

/// Bytes of memory that are taken before anything is made or proven: the command, and of a model's weights what its file holds and what
/// inference packs, 16 bits, or floats of 64 where they have more. And those of them that are taken where what inference packs is given back.
fn held(program: &Program) -> (u64, u64) {
    let packed = |c: &Blob| if c.width().bytes() > 2 { 8 } else { 2 };
    let sum = |of: &dyn Fn(&Blob) -> usize| -> u64 {
        program.constants.iter().map(|c| (c.len() * of(c)) as u64).sum()
    };
    let kept = COMMAND + sum(&|c| c.width().bytes());
    (kept + sum(&packed), kept)
}

/// Bytes of memory that the command takes before it does anything.
const COMMAND: u64 = 64 << 20;

/// Bytes that a section of the metadata adds to a file.
fn bytes_of(metadata: &Metadata) -> u64 {
    let file = |with: bool| {
        let mut c = Container::new(FileKind::VerifyingKey, Digest::default());
        if with {
            c.put("metadata", metadata);
        }
        c.to_bytes().len() as u64
    };
    file(true) - file(false)
}

/// What keys are made for unless something else is asked.
pub const SECURITY: Security =
    Security { bits: 100, regime: tessera_api::Regime::Proven, goal: tessera_api::Goal::Time };

/// A proving key that was read.
pub struct ProvingKey {
    key: Box<dyn Prover>,
    metadata: Metadata,
    /// Whether some of it was not compared with its hash, being large.
    large: bool,
    /// Its file, beside which the proofs of a key that hides weights are counted.
    file: Mutex<Option<PathBuf>>,
}

impl ProvingKey {
    /// Reads the key of a model. Errs when it is another model's.
    pub fn read(path: &Path, model: &Model) -> Result<ProvingKey> {
        let container = Container::from_shared(files::map(path)?, FileKind::ProvingKey);
        ProvingKey::of_file(container.map_err(|e| Failure::from(e).in_file(path))?, path, model)
    }

    /// Reads what a file holds.
    pub fn of_file(container: Container, path: &Path, model: &Model) -> Result<ProvingKey> {
        let key = ProvingKey::from_container(container, model).map_err(|f| f.in_file(path))?;
        Ok(ProvingKey { file: Mutex::new(Some(path.into())), ..key })
    }

    /// Writes the key, which was read from this container. Where it hides weights, its proofs are counted beside that file from then on.
    ///
    /// # Errors
    /// Where it hides weights and has a file already: with a count of its own, a copy would serve as many proofs again.
    pub fn write(&self, container: &Container, path: &Path) -> Result<()> {
        let Some(of) = self.uses() else {
            return files::write_container(path, container).map(drop);
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = &*file {
            let same =
                std::fs::canonicalize(at).ok().is_some_and(|at| std::fs::canonicalize(path).ok() == Some(at));
            if same {
                return Ok(());
            }
            return Err(Failure::new(
                "a key that hides weights counts its proofs beside one file, and has one",
            )
            .expected(at.display().to_string())
            .found(path.display().to_string())
            .help("move its .pk and .uses files together, or make another key with another setup"));
        }
        // first of all: a new key beside the count of an older one is refused
        uses::start(&uses::beside(path), format!("{:#}", self.verifying().digest()), (0, of))?;
        files::write_container(path, container)?;
        *file = Some(path.into());
        Ok(())
    }

    /// How many proofs a key that hides weights has served, as it is counted beside its file, and how many it serves.
    pub fn used(&self) -> Result<Option<(u64, u64)>> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (self.uses(), file) {
            (None, _) => Ok(None),
            (Some(of), None) => Ok(Some((0, of))),
            (Some(_), Some(file)) => uses::read(&uses::beside(&file)).map(Some),
        }
    }

    /// Reads a key's bytes.
    pub fn from_bytes(bytes: &[u8], model: &Model) -> Result<ProvingKey> {
        ProvingKey::from_shared(Bytes::copy_from_slice(bytes), model)
    }

    /// Reads a key's bytes where they lie.
    pub fn from_shared(bytes: Bytes, model: &Model) -> Result<ProvingKey> {
        ProvingKey::from_container(Container::from_shared(bytes, FileKind::ProvingKey)?, model)
    }

    /// Reads a key that [`keys`] made or a file has.
    pub fn from_container(mut c: Container, model: &Model) -> Result<ProvingKey> {
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
        Ok(ProvingKey { key, metadata, large: c.is_large(), file: Mutex::new(None) })
    }

    /// Whether some of its file was not compared with its hash, being large: what it proves is to be verified before somebody relies on it.
    pub fn is_large(&self) -> bool {
        self.large
    }

    /// The key that its proofs are checked with.
    pub fn verifying(&self) -> VerifyingKey {
        VerifyingKey::new(self.key.verifier(), self.metadata.clone())
    }

    /// How many proofs it serves, where it hides weights.
    pub fn uses(&self) -> Option<u64> {
        self.key.uses()
    }

    /// How many turns a certificate of a further key takes of this one, and of that; none where there are no certificates.
    pub fn certificate_turns(&self) -> Option<u64> {
        self.key.certificate_turns()
    }

    /// Makes a further key of the weights that this one hides, in the file `pk`, with a count beside it, and the certificate that it is one.
    /// Takes turns of both keys. Returns the digest of the further key's verifying part.
    ///
    /// # Errors
    /// Where this key has no turns left, no file or no certificates.
    pub fn epoch(&self, pk: &Path, certificate: &Path) -> Result<Digest> {
        let (Some(of), Some(turns)) = (self.uses(), self.certificate_turns()) else {
            return Err(Failure::new("this key has no certificates")
                .expected("a key that hides weights, made for short proving time")
                .help("compile with --weights committed --zero-knowledge, and set up without --optimize"));
        };
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let file = file.ok_or_else(|| {
            Failure::new("a key that hides weights makes certificates from its file, beside which its proofs are counted")
                .help("write it first: model.save(\"mine.tess\") in Python; tessera setup writes it always")
        })?;
        // first of all: what is taken is taken, whatever comes of it
        uses::take(&file, &format!("{:#}", self.verifying().digest()), (turns, of))?;
        let Epoch { mut proving, verifying, certificate: proof } = self.key.epoch()?;
        proving.put("metadata", &self.metadata);
        let verifier = backend(&self.metadata.backend)?.verifier(&verifying)?;
        let digest = VerifyingKey::new(verifier, self.metadata.clone()).digest();
        uses::start(&uses::beside(pk), format!("{digest:#}"), (turns, of))?;
        files::write_container(pk, &proving)?;
        files::write_container(certificate, &proof)?;
        Ok(digest)
    }

    /// Keeps the memory that proofs take within a limit, or within what the machine has free where there is none: where they would take more they
    /// take less, and more time. What they will take then is said.
    ///
    /// # Errors
    /// Where there is a limit, and they take more in any case.
    pub fn fit(&mut self, model: &Model, limit: Option<u64>) -> Result<Option<u64>> {
        let (held, still) = held(&model.program);
        let (kept, least) = self.key.memory();
        let (kept, least) = (kept + held, least.map(|least| least + still));
        measure::expect(kept);
        // others may want some of what is free
        let room = || measure::free_memory().map(|free| free / 10 * 9);
        let Some(most) = limit.or_else(room).filter(|most| kept > *most) else {
            return Ok(None);
        };
        let fits = least.is_some_and(|least| least <= most) || limit.is_none();
        if !fits {
            let expected = show::bytes(least.unwrap_or(kept));
            return Err(Failure::new("proving takes more memory than it may")
                .expected(format!("a limit of {expected} or more"))
                .found(format!("--max-memory of {}", show::bytes(most)))
                .help(
                    "make compact keys, with setup --compact; or compile with a smaller --batch, or for a shorter text",
                ));
        }
        let takes = least.map(|least| least.max(most));
        Ok(takes.filter(|_| self.key.save_memory(most.saturating_sub(still))))
    }

    /// Proves a trace, of which `used` inferences were asked for. A key that hides weights has so many turns, and this is one.
    ///
    /// # Errors
    /// Where it has none left, and where it was not read from a file: then nobody counts.
    pub fn prove(&self, trace: Trace, used: usize) -> Result<(ProofFile, Timings)> {
        if let Some(of) = self.uses() {
            let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let file = file.ok_or_else(|| {
                let what =
                    "a key that hides weights proves from its file, beside which its proofs are counted";
                Failure::new(what).help(
                    "write it first: model.save(\"mine.tess\") in Python; tessera setup writes it always",
                )
            })?;
            uses::take(&file, &format!("{:#}", self.verifying().digest()), (1, of))?;
        }
        let publics = trace.publics.clone();
        let (proof, timings) = self.key.prove(trace)?;
        Ok((ProofFile { publics, used, claim: None, proof }, timings))
    }
}

/// Reads a verifying key.
pub fn verifying_key(path: &Path) -> Result<VerifyingKey> {
    let bytes = files::read_ours(path, FileKind::VerifyingKey, VERIFYING_KEY_AT_MOST)?;
    Ok(VerifyingKey::from_bytes(&bytes).map_err(|e| e.in_file(path))?)
}

/// The key that a certificate of `key` leads to.
pub fn certificate(path: &Path, key: &VerifyingKey) -> Result<VerifyingKey> {
    let bytes = files::read_ours(path, FileKind::Certificate, key.certificate_bytes_at_most())?;
    Ok(key.next(&bytes).map_err(|e| e.in_file(path))?)
}

/// Reads a proof. Errs, as rejected, when it is a proof for another key.
pub fn proof(path: &Path, key: &VerifyingKey) -> Result<ProofFile> {
    let bytes = files::read_ours(path, FileKind::Proof, key.proof_bytes_at_most())?;
    Ok(ProofFile::from_bytes(&bytes, key).map_err(|e| e.in_file(path))?)
}
