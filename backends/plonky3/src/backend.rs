//! The backend as others see it: what a compiler asks, and keys and proofs as files.
//!
//! Invariant: keys and proofs are read by [`crate::files`] and nowhere else.
use crate::security::SecurityTarget;
use crate::{Plonky3, Proof, ProvingKey, VerifyingKey, cost};
use std::sync::Arc;
use tessera_api::container::digest_of;
use tessera_api::{
    Backend, Capabilities, CheckError, Container, Cost, Digest, Epoch, FileError, Keys, Offer, Prices,
    Program, ProveError, Prover, Public, Publics, Security, SetupError, Shape, Sizes, TableShape, Target,
    Timings, Trace, Verified, Verifier,
};

/// The backend's place in a registry.
pub static BACKEND: Plonky3 = Plonky3 { target: SecurityTarget::DEFAULT };

impl Target for Plonky3 {
    fn name(&self) -> &'static str {
        crate::NAME
    }

    fn capabilities(&self) -> Capabilities {
        cost::CAPABILITIES
    }

    fn prices(&self) -> Prices {
        cost::PRICES
    }

    fn cost(&self, shape: &Shape) -> Cost {
        cost::cost(shape)
    }

    fn log_height(&self, table: &TableShape, proofs: u32) -> u8 {
        match proofs {
            0 => cost::CAPABILITIES.log_height(table.rows),
            proofs => cost::hiding_log_height(table, proofs),
        }
    }
}

impl Plonky3 {
    /// What is asked of keys, with the grinding that this prover has.
    fn asked(&self, Security { bits, regime, goal }: Security) -> SecurityTarget {
        SecurityTarget { bits, regime, goal, ..self.target }
    }
}

/// A key's files.
fn keys(key: &ProvingKey) -> Keys {
    Keys {
        proving: key.to_container(),
        verifying: key.vk.to_container(),
        offer: key.vk.offer(),
        uses: key.uses(),
    }
}

impl Backend for Plonky3 {
    fn keys(&self, program: &Program, security: Security) -> Result<Keys, SetupError> {
        let (pk, _) = Plonky3 { target: self.asked(security) }.setup(program)?;
        Ok(keys(&pk))
    }

    fn compact_keys(&self, program: &Program, security: Security) -> Result<Keys, SetupError> {
        self.admit(program)?;
        Ok(keys(&crate::keys::setup_compact(program, self.asked(security))?))
    }

    fn sizes(&self, program: &Program, security: Security) -> Result<Sizes, SetupError> {
        self.admit(program)?;
        crate::sizes::sizes(program, self.asked(security))
    }

    fn lean(&self, key: &Container) -> Container {
        crate::files::lean(key)
    }

    fn prover(&self, key: &Container, program: Arc<Program>) -> Result<Box<dyn Prover>, FileError> {
        Ok(Box::new(ProvingKey::from_container(key, program)?))
    }

    fn verifier(&self, key: &Container) -> Result<Box<dyn Verifier>, FileError> {
        Ok(Box::new(VerifyingKey::from_container(key)?))
    }
}

impl Prover for ProvingKey {
    fn verifier(&self) -> Box<dyn Verifier> {
        Box::new(self.vk.clone())
    }

    fn uses(&self) -> Option<u64> {
        self.uses()
    }

    fn epoch(&self) -> Result<Epoch, ProveError> {
        let made = self.epoch()?;
        Ok(Epoch {
            proving: made.key.to_container(),
            verifying: made.key.vk.to_container(),
            certificate: made.to_container(&self.vk)?,
        })
    }

    fn certificate_turns(&self) -> Option<u64> {
        crate::certificate::turns(&self.vk)
    }

    fn memory(&self) -> (u64, Option<u64>) {
        let log_blowup = self.vk.security.fri.log_blowup;
        match self.is_compact() {
            true => {
                let (kept, least) = crate::sizes::compact_memory(&self.compiled, log_blowup);
                (kept, Some(least))
            }
            false => crate::sizes::memory(&self.compiled, log_blowup),
        }
    }

    fn save_memory(&mut self, most: u64) -> bool {
        let log_blowup = self.vk.security.fri.log_blowup;
        let standing = crate::sizes::standing(&self.compiled, log_blowup, self.is_compact());
        self.save_memory(most.saturating_sub(standing))
    }

    fn prove(&self, trace: Trace) -> Result<(Container, Timings), ProveError> {
        let (proof, timings) = BACKEND.prove(self, trace)?;
        Ok((proof.to_container(self.digest), timings))
    }
}

impl Verifier for VerifyingKey {
    fn digest(&self) -> Digest {
        self.digest()
    }

    fn program(&self) -> Digest {
        self.program
    }

    fn statement(&self) -> &[Public] {
        self.statement()
    }

    fn offer(&self) -> Offer {
        let r = self.security_report();
        let degree = self.air.degree;
        let hiding = crate::security::hiding(&self.security, &self.air);
        let (bits, proven) = (r.bits, r.proven);
        Offer { bits, proven, regime: r.regime, limited_by: r.limited_by, degree, terms: r.terms, hiding }
    }

    fn weights(&self) -> Option<Digest> {
        self.model.as_ref().map(digest_of)
    }

    fn audit(&self, program: &Program) -> Result<(), String> {
        crate::keys::audit(program, self)
    }

    fn proof_bytes_at_most(&self) -> u64 {
        self.proof_bytes_at_most()
    }

    fn next(&self, certificate: &Container) -> Result<(Box<dyn Verifier>, Verified), CheckError> {
        let (key, verified) = self.next(certificate)?;
        Ok((Box::new(key), verified))
    }

    fn certificate_bytes_at_most(&self) -> u64 {
        self.certificate_bytes_at_most()
    }

    fn verify(&self, publics: &Publics, proof: &Container) -> Result<Verified, CheckError> {
        let proof = Proof::from_container(proof, self)?;
        Ok(BACKEND.verify(self, publics, &proof)?)
    }
}
