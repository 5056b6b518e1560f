//! The Plonky3 backend: proves that a trace satisfies a Program, with a multi-round AIR over Goldilocks and FRI.
//!
//! The way through the crate: [`arithmetic`] has the fields and reads rows; [`air`] compiles a Program to columns and constraints; `columns` computes them; `eval`
//! evaluates constraints for both sides; `quotient`, `prove`, `verify` are the protocol; [`transcript`] lists what is
//! absorbed; [`hiding`] is what a zero-knowledge proof has besides; [`security`] says what a proof is worth; [`p3`] names the hash and the commitment scheme.
//!
//! Invariants: nothing here knows MLIR; the verifier trusts its key and nothing else; reading a key or a proof never panics.
#[cfg(test)]
#[macro_use]
mod testing;

#[cfg(any(test, feature = "adversary"))]
pub mod adversary;
#[cfg(not(any(test, feature = "adversary")))]
mod adversary;
pub mod air;
pub mod arithmetic;
mod backend;
pub mod budget;
pub mod certificate;
mod clock;
mod columns;
mod cost;
mod epochs;
mod eval;
mod files;
pub mod hiding;
pub mod keys;
pub mod p3;
mod prove;
mod queries;
mod quotient;
mod rounds;
pub mod security;
mod size;
mod sizes;
pub mod transcript;
mod verify;

use arithmetic::{Cubic, Extension, Quadratic};
pub use backend::BACKEND;
pub use clock::cpu_seconds;
pub use keys::{ProvingKey, VerifyingKey};
pub use security::{Regime, Report, SecurityParams, SecurityTarget};
use tessera_api::{Program, ProveError, Publics, SetupError, Target, Timings, Trace, Verified, VerifyError};

/// The backend's name.
pub const NAME: &str = "plonky3";

fn unsupported(reason: &str) -> SetupError {
    SetupError::Unsupported { backend: NAME.into(), reason: reason.into() }
}

/// A proof, without the public values: with challenges of the degree that its key states.
#[derive(Clone)]
pub enum Proof {
    /// Of degree two: what reaches about 100 bits.
    Quadratic(keys::Proof<Quadratic>),
    /// Of degree three, for more.
    Cubic(keys::Proof<Cubic>),
}

impl From<keys::Proof<Quadratic>> for Proof {
    fn from(p: keys::Proof<Quadratic>) -> Proof {
        Proof::Quadratic(p)
    }
}

impl From<keys::Proof<Cubic>> for Proof {
    fn from(p: keys::Proof<Cubic>) -> Proof {
        Proof::Cubic(p)
    }
}

/// The backend, at a security target.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plonky3 {
    /// What its keys are made for.
    pub target: SecurityTarget,
}

impl Plonky3 {
    /// Keys for a Program.
    ///
    /// # Errors
    /// When it, or the security target, is beyond the backend.
    pub fn setup(&self, program: &Program) -> Result<(ProvingKey, VerifyingKey), SetupError> {
        self.admit(program)?;
        let key = keys::setup(program, self.target)?;
        let vk = key.vk.clone();
        Ok((key, vk))
    }

    /// Proves that `trace` satisfies the Program. Consumes the trace.
    ///
    /// # Errors
    /// When the trace has not the Program's shape.
    pub fn prove(&self, key: &ProvingKey, trace: Trace) -> Result<(Proof, Timings), ProveError> {
        match usize::from(key.vk.air.degree) {
            Cubic::DEGREE => {
                prove::prove::<Cubic>(key, trace, &mut adversary::Honest).map(|(p, t)| (p.into(), t))
            }
            _ => prove::prove::<Quadratic>(key, trace, &mut adversary::Honest).map(|(p, t)| (p.into(), t)),
        }
    }

    /// Checks a proof of a statement.
    ///
    /// # Errors
    /// With the reason why it is rejected.
    pub fn verify(
        &self,
        key: &VerifyingKey,
        publics: &Publics,
        proof: &Proof,
    ) -> Result<Verified, VerifyError> {
        match proof {
            Proof::Quadratic(proof) => verify::verify(key, publics, proof),
            Proof::Cubic(proof) => verify::verify(key, publics, proof),
        }
    }
}

/// Proves with hooks that may change anything on the way. The key has challenges in `E`.
#[cfg(any(test, feature = "adversary"))]
pub fn prove_with<E: Extension>(
    key: &ProvingKey,
    trace: Trace,
    tamper: &mut dyn adversary::Tamper<E>,
) -> Result<(keys::Proof<E>, Timings), ProveError> {
    prove::prove(key, trace, tamper)
}
