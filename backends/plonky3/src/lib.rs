//! The Plonky3 backend: proves that a trace satisfies a Program, with a multi-round AIR over Goldilocks and FRI.
//!
//! The way through the crate: [`air`] compiles a Program to columns and constraints; `columns` computes them; `eval`
//! evaluates constraints for both sides; `quotient`, `prove`, `verify` are the protocol; [`transcript`] lists what is
//! absorbed; [`security`] says what a proof is worth; [`p3`] names the field, the hash and the commitment scheme.
//!
//! Invariants: nothing here knows MLIR; the verifier trusts its key and nothing else; reading a key or a proof never panics.
#[cfg(any(test, feature = "adversary"))]
pub mod adversary;
#[cfg(not(any(test, feature = "adversary")))]
mod adversary;
pub mod air;
mod clock;
mod columns;
mod eval;
mod files;
pub mod keys;
pub mod p3;
mod prove;
mod quotient;
mod rows;
pub mod security;
#[cfg(test)]
mod testing;
pub mod transcript;
mod verify;

pub use clock::cpu_seconds;
pub use keys::{Proof, ProvingKey, VerifyingKey};
pub use security::{Regime, Report, SecurityParams, SecurityTarget};
use tessera_api::{
    Backend, Capabilities, Cost, Prices, Program, ProveError, Publics, SetupError, Timings, Trace, Verified,
    VerifyError,
};

/// The backend's name.
pub const NAME: &str = "plonky3";

fn unsupported(reason: &str) -> SetupError {
    SetupError::Unsupported { backend: NAME.into(), reason: reason.into() }
}

/// The backend, at a security target.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plonky3 {
    /// What its keys are made for.
    pub target: SecurityTarget,
}

impl Backend for Plonky3 {
    type ProvingKey = ProvingKey;
    type VerifyingKey = VerifyingKey;
    type Proof = Proof;

    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { max_degree: 3, max_log_height: 26, lookups: true, joins: true, zero_knowledge: false }
    }

    fn prices(&self) -> Prices {
        // measured by examples/lenet on one core with AVX-512, for 1 and 64 images; an opened column is eight bytes of each
        // of 203 queries and its value outside the domain
        Prices {
            fixed_cell: 15.0,
            witness_cell: 65.0,
            extension_cell: 130.0,
            lookup: 70.0,
            column_bytes: 1640.0,
        }
    }

    fn cost(&self, program: &Program) -> Result<Cost, SetupError> {
        let compiled = air::compile::compile(program, Default::default())?;
        let air = &compiled.air;
        let sum = |f: &dyn Fn(&air::Group) -> u64| air.groups.iter().map(f).sum::<u64>();
        Ok(Cost {
            fixed_cells: sum(&|g| ((g.fixed + g.model + g.summed) as u64) << g.log_height),
            witness_cells: sum(&|g| (g.witness as u64) << g.log_height),
            extension_cells: sum(&|g| ((g.round2 + g.round3) as u64) << g.log_height),
            lookups: air.measure.fractions,
            padding_rows: compiled.tables.iter().map(|t| (1u64 << t.log_height) - t.rows as u64).sum(),
            opened_columns: sum(&|g| {
                (g.fixed + g.model + g.summed + g.witness + p3::DEGREE as u32 * (g.round2 + g.round3)) as u64
            }),
        })
    }

    fn setup(&self, program: &Program) -> Result<(ProvingKey, VerifyingKey), SetupError> {
        let key = keys::setup(program, self.target)?;
        let vk = key.vk.clone();
        Ok((key, vk))
    }

    fn prove(&self, key: &ProvingKey, trace: Trace) -> Result<(Proof, Timings), ProveError> {
        prove::prove(key, trace, &mut adversary::Honest)
    }

    fn verify(&self, key: &VerifyingKey, publics: &Publics, proof: &Proof) -> Result<Verified, VerifyError> {
        verify::verify(key, publics, proof)
    }
}

/// Proves with hooks that may change anything on the way.
#[cfg(any(test, feature = "adversary"))]
pub fn prove_with(
    key: &ProvingKey,
    trace: Trace,
    tamper: &mut dyn adversary::Tamper,
) -> Result<(Proof, Timings), ProveError> {
    prove::prove(key, trace, tamper)
}
