//! A backend: the proof is the whole witness, sealed by a hash under the key.
//!
//! It is the smallest backend that is right, not one to use: a verifier sees every cell and does all the work, by Tessera's
//! reference checker. What a real one puts in its place is `prove` and `verify`; everything around them is as here.
//!
//! Invariant: `verify` takes the relation from its key and nothing from the proof but the values of cells.

use serde::{Deserialize, Serialize};
use tessera_api::{
    Backend, Capabilities, Cost, Digest, Prices, Program, ProveError, Publics, SetupError, Shape, Target,
    Timings, Trace, Verified, VerifyError,
};
use tessera_checker::Checker;

/// The backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sealed;

/// What both sides keep: the relation and its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Key {
    /// The relation.
    pub program: Program,
    /// Its digest, which seals name.
    pub digest: Digest,
}

/// A witness, and a seal that says for which relation and statement it was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {
    tables: Vec<Vec<i64>>,
    seal: Digest,
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
    type ProvingKey = Key;
    type VerifyingKey = Key;
    type Proof = Proof;

    fn setup(&self, program: &Program) -> Result<(Key, Key), SetupError> {
        self.admit(program)?;
        let key = Key { program: program.clone(), digest: program.digest() };
        Ok((key.clone(), key))
    }

    fn prove(&self, key: &Key, trace: Trace) -> Result<(Proof, Timings), ProveError> {
        let (trace, timings) = Checker.prove(&key.program, trace)?;
        let seal = seal(key, &trace.publics, &trace.tables);
        Ok((Proof { tables: trace.tables, seal }, timings))
    }

    fn verify(&self, key: &Key, publics: &Publics, proof: &Proof) -> Result<Verified, VerifyError> {
        if seal(key, publics, &proof.tables) != proof.seal {
            return Err(VerifyError::Publics("the seal is of another witness, statement or key".into()));
        }
        let trace = Trace { tables: proof.tables.clone(), publics: publics.clone() };
        Checker.verify(&key.program, publics, &trace)
    }
}
