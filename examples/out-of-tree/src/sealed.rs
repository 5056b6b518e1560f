//! A backend: the proof is the whole witness, sealed by a hash under the key.
//!
//! It is the smallest backend that is right, not one to use: a verifier sees every cell and does all the work, by Tessera's
//! reference checker. What a real one puts in its place is `prove` and `verify`; everything around them is as here.
//!
//! Invariant: `verify` takes the relation from its key and nothing from the proof but the values of cells.

use std::sync::Arc;
use tessera_api::container::digest_of;
use tessera_api::{
    Backend, Capabilities, CheckError, Container, Cost, Digest, FileError, FileKind, Keys, Offer, Prices,
    Program, ProveError, Prover, Public, Publics, Security, SetupError, Shape, Table, Target, Timings, Trace,
    Verified, Verifier, VerifyError,
};
use tessera_checker::Checker;

/// The backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sealed;

/// The backend's place in a registry.
pub static BACKEND: Sealed = Sealed;

/// What both sides keep: the relation and its digest, which seals name.
#[derive(Clone)]
struct Key {
    program: Arc<Program>,
    digest: Digest,
}

impl Key {
    fn new(program: Arc<Program>) -> Key {
        let digest = digest_of(&program.named());
        Key { program, digest }
    }
}

/// Seals cells for a relation and a statement.
fn seal(key: &Key, publics: &Publics, tables: &[Vec<i64>]) -> Digest {
    let mut hash = blake3::Hasher::new_derive_key("tessera example, sealed witness");
    hash.update(&key.digest.0);
    for list in publics.tensors.iter().chain(tables) {
        // lengths first, so that no two lists of lists are hashed alike
        hash.update(&(list.len() as u64).to_le_bytes());
        for value in list {
            hash.update(&value.to_le_bytes());
        }
    }
    Digest(*hash.finalize().as_bytes())
}

impl Target for Sealed {
    fn name(&self) -> &'static str {
        "sealed"
    }

    fn capabilities(&self) -> Capabilities {
        Checker.capabilities()
    }

    fn prices(&self) -> Prices {
        Checker.prices()
    }

    fn cost(&self, shape: &Shape) -> Cost {
        Checker.cost(shape)
    }
}

impl Backend for Sealed {
    fn keys(&self, program: &Program, _: Security) -> Result<Keys, SetupError> {
        self.admit(program)?;
        let proving = Container::new(FileKind::ProvingKey, program.digest());
        let mut verifying = Container::new(FileKind::VerifyingKey, program.digest());
        program.store(&mut verifying);
        Ok(Keys { proving, verifying, offer: Key::new(Arc::new(program.clone())).offer(), uses: None })
    }

    fn prover(&self, file: &Container, program: Arc<Program>) -> Result<Box<dyn Prover>, FileError> {
        file.only(&[])?;
        Ok(Box::new(Key::new(program)))
    }

    fn verifier(&self, file: &Container) -> Result<Box<dyn Verifier>, FileError> {
        file.only(&Program::SECTIONS)?;
        let program = Program::load(file)?;
        file.check_parent(program.digest())?;
        self.admit(&program).map_err(|e| FileError::Damaged(e.to_string()))?;
        Ok(Box::new(Key::new(Arc::new(program))))
    }
}

impl Prover for Key {
    fn verifier(&self) -> Box<dyn Verifier> {
        Box::new(self.clone())
    }

    fn prove(&self, trace: Trace) -> Result<(Container, Timings), ProveError> {
        tessera_checker::shape(&self.program, &trace)?;
        let mut proof = Container::new(FileKind::Proof, self.digest);
        proof.put("seal", &seal(self, &trace.publics, &trace.tables));
        proof.put("tables", &trace.tables);
        Ok((proof, Timings::default()))
    }
}

impl Verifier for Key {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn program(&self) -> Digest {
        self.program.digest()
    }

    fn statement(&self) -> &[Public] {
        &self.program.publics
    }

    fn offer(&self) -> Offer {
        let limited_by = "the reference checker's random points".to_owned();
        Offer {
            bits: 90.0,
            proven: 90.0,
            regime: "proven".into(),
            limited_by,
            degree: 1,
            terms: vec![],
            hiding: None,
        }
    }

    fn weights(&self) -> Option<Digest> {
        self.program.has_committed().then_some(self.digest)
    }

    fn audit(&self, program: &Program) -> Result<(), String> {
        if self.program.is_of(program) { Ok(()) } else { Err("the key is not that of this model".into()) }
    }

    fn proof_bytes_at_most(&self) -> u64 {
        // a number has at most ten bytes, and a table has a length
        let cells = |t: &Table| 10 + 10 * u64::from(t.rows).saturating_mul(t.witness.len() as u64);
        self.program.tables.iter().map(cells).fold(1 << 12, u64::saturating_add)
    }

    fn verify(&self, publics: &Publics, proof: &Container) -> Result<Verified, CheckError> {
        proof.only(&["seal", "tables"])?;
        proof.check_parent(self.digest)?;
        let tables: Vec<Vec<i64>> = proof.get("tables")?;
        if seal(self, publics, &tables) != proof.get("seal")? {
            let why = "the seal is of another witness, statement or key";
            return Err(VerifyError::Publics(why.into()).into());
        }
        Ok(tessera_checker::verify(&self.program, &Trace { tables, publics: publics.clone() })?)
    }
}
