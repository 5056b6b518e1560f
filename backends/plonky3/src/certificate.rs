//! Certificates: that two keys, which hide weights, commit to the same ones.
//!
//! A key that hides weights serves so many proofs. [`ProvingKey::epoch`] makes another key of the same weights, with randomness of its
//! own, and a certificate of it: a proof of a relation of its own, whose tables have the columns of the older key's commitment as
//! fixed columns, and those of the newer one's as their witness. One equation a table says that they are equal on all rows that hold a
//! parameter: Σ (old − new)·z^row·s^column = 0. The commitment to that witness is the newer key's very tree, so that what is certified is what
//! the newer key's proofs open.
//!
//! # Correctness
//! * Both commitments stand before z and s are drawn: the older one in the digest that the transcript starts with, the newer one as
//!   the witness. So cells that differ pass with the probability of the term "folds".
//! * Both are opened column by column, within the unique decoding radius, at the heights and the rate that proofs of both keys have: what is found to
//!   be equal are the columns that proofs of both keys are about (docs/protocol.md, section 7).
//! * The relation, its selectors and its parameters follow from the key's ([`Epochs`](crate::epochs::Epochs)); nothing of it is the certificate's to say. A key that a
//!   certificate leads to is the older one in all but its commitment.
//!
//! # Hiding
//! A certificate is a hiding proof, whose witness has masks already: as each proof does, it shows one value a query and those of one point of
//! each column of both commitments, and takes as many turns of both keys as it takes proofs of theirs to show as much ([`turns`]). What it
//! exposes are values of single folds, which are zero.
use crate::air::Air;
use crate::arithmetic::{Cubic, Extension, Mat, Quadratic};
use crate::epochs::{relation, selectors};
use crate::hiding::random::Seed;
use crate::hiding::weights;
use crate::keys::{Extensions, FixedColumns, ProvingKey, VerifyingKey, assembled, masked};
use crate::p3::{Commitment, Committed, extend, matrices, stored};
use crate::prove::{Proven, Sealed};
use crate::{Plonky3, Proof, adversary, prove};
use std::sync::Arc;
use tessera_api::{
    CheckError, Container, Digest, FileError, FileKind, ProveError, Publics, Verified, VerifyError,
};

/// How many turns of a key a certificate takes, of the older key and of the newer one.
pub fn turns(vk: &VerifyingKey) -> Option<u64> {
    let shown = |a: &Air| a.budget().map(|b| b.of_weights() as u64);
    Some(shown(&vk.epochs.as_ref()?.air)?.div_ceil(shown(&vk.air)?))
}

/// The key that certificates of newer keys are checked with.
pub(crate) fn key_of(vk: &VerifyingKey) -> Option<VerifyingKey> {
    let e = vk.epochs.as_deref()?.clone();
    Some(VerifyingKey {
        program: vk.program,
        air: e.air,
        fixed: e.fixed,
        model: vk.model.clone(),
        summed: None,
        security: e.security,
        epochs: None,
    })
}

/// The owner's columns of a key's groups, those without any left out, with their extensions and what their commitment is of.
fn columns(key: &ProvingKey) -> (Vec<Mat>, Vec<Mat>) {
    let plain = key.model.iter().filter(|m| m.width > 0).map(|m| Mat::clone(m)).collect();
    let extended = key.model_committed.iter().flat_map(|c| matrices(c)).cloned().collect();
    (plain, extended)
}

/// The same tree once more.
fn tree(key: &ProvingKey, extended: Vec<Mat>) -> Result<(Commitment, Committed), ProveError> {
    let internal = |why: &str| ProveError::Internal(why.into());
    let entropy = key.entropy.as_ref().ok_or_else(|| internal("a key without entropy hides no weights"))?;
    let made = weights::commit(extended, &Seed::of_weights(entropy, &key.vk.program));
    made.ok_or_else(|| internal("a key without columns of an owner"))
}

/// A newer key of the same weights, and the proof that it is one.
pub struct Epoch {
    /// The newer key.
    pub key: ProvingKey,
    /// Its certificate.
    pub certificate: Proof,
}

impl ProvingKey {
    /// Another key of the same weights.
    fn again(&self, entropy: [u8; 32]) -> Result<ProvingKey, ProveError> {
        let log_blowup = self.vk.security.fri.log_blowup;
        let of = |all: &[Arc<Mat>]| all.iter().map(|m| Mat::clone(m)).collect::<Vec<_>>();
        let model = masked(&self.compiled, of(&self.model), &Seed::of_weights(&entropy, &self.vk.program));
        let used = model.iter().filter(|m| m.width > 0).cloned();
        let columns = FixedColumns {
            fixed: of(&self.fixed),
            extensions: Extensions::Kept {
                fixed: self.committed.iter().flat_map(|c| matrices(c)).cloned().collect(),
                model: used.map(|m| extend(m, log_blowup)).collect(),
                summed: self.summed_tree.iter().flat_map(|t| t.extended()).cloned().collect(),
                summed_tree: self.summed_tree.as_ref().map(|t| t.digests().clone()),
            },
            model,
            summed: self.summed.clone(),
            entropy: Some(entropy),
        };
        let compiled = self.compiled.clone();
        assembled(
            self.program.clone(),
            self.vk.program,
            (compiled, self.vk.security),
            columns,
            self.vk.epochs.clone(),
        )
        .map_err(ProveError::Internal)
    }

    /// A further key of the weights that this one hides, with its certificate. Both keys are used up by [`turns`]: whoever calls this
    /// counts first.
    ///
    /// # Errors
    /// Where this key hides no weights, or is of a kind that has no certificates.
    pub fn epoch(&self) -> Result<Epoch, ProveError> {
        let key = self.again(Seed::entropy().map_err(ProveError::Internal)?)?;
        let certificate = match usize::from(self.vk.air.degree) {
            Cubic::DEGREE => self.certify::<Cubic>(&key, &mut adversary::Honest)?.into(),
            _ => self.certify::<Quadratic>(&key, &mut adversary::Honest)?.into(),
        };
        Ok(Epoch { key, certificate })
    }

    /// The proof that `new` commits to the weights of this key.
    pub(crate) fn certify<E: Extension>(
        &self,
        new: &ProvingKey,
        tamper: &mut dyn adversary::Tamper<E>,
    ) -> Result<crate::keys::Proof<E>, ProveError> {
        let none = || ProveError::Internal("keys of this kind have no certificates".into());
        self.vk.epochs.as_ref().ok_or_else(none)?;
        let r = relation(&self.compiled, &self.vk.security).map_err(ProveError::Internal)?;
        let [fixed, fixed_extended] = selectors(&r).map_err(ProveError::Internal)?;
        let (model, model_extended) = columns(self);
        let columns_of = FixedColumns {
            fixed,
            model,
            summed: r.compiled.air.groups.iter().map(|_| stored(Mat::new(vec![], 0))).collect(),
            extensions: Extensions::Kept {
                fixed: fixed_extended,
                model: model_extended,
                summed: vec![],
                summed_tree: None,
            },
            entropy: self.entropy,
        };
        let key = assembled(Arc::new(r.program), self.vk.program, (r.compiled, r.security), columns_of, None);
        let key = key.map_err(ProveError::Internal)?;
        let (columns, extended) = columns(new);
        let (commitment, data) = tree(new, extended)?;
        let mark = commitment.roots().iter().flatten().map(|b| i64::from(*b)).collect();
        let sealed = Sealed { columns, commitment, data, mark };
        prove::prove_of(&key, Proven::Sealed(Box::new(sealed)), tamper).map(|(proof, _)| proof)
    }
}

impl Epoch {
    /// The certificate as a file, which belongs to the older key.
    pub fn to_container(&self, old: &VerifyingKey) -> Result<Container, ProveError> {
        let key = key_of(old).ok_or_else(|| ProveError::Internal("a key without certificates".into()))?;
        let mut c = self.certificate.to_container(key.digest());
        c.kind = FileKind::Certificate;
        Ok(c)
    }
}

impl VerifyingKey {
    /// The digest that certificates of newer keys belong to.
    pub fn certificates(&self) -> Option<Digest> {
        key_of(self).map(|key| key.digest())
    }

    /// More bytes than the file of any certificate of a newer key has.
    pub fn certificate_bytes_at_most(&self) -> u64 {
        key_of(self).map_or(0, |key| key.proof_bytes_at_most())
    }

    /// The key that a certificate leads to: that of the same model and the same weights, with another commitment to them.
    ///
    /// # Errors
    /// Where the file is no certificate of this key's, or does not hold.
    pub fn next(&self, certificate: &Container) -> Result<(VerifyingKey, Verified), CheckError> {
        if certificate.kind != FileKind::Certificate {
            let found = certificate.kind;
            return Err(FileError::Kind { expected: FileKind::Certificate, found }.into());
        }
        let key = key_of(self).ok_or_else(|| {
            VerifyError::Shape("the key hides no weights, or is of a kind without certificates".into())
        })?;
        let mut c = certificate.clone();
        c.kind = FileKind::Proof;
        let proof = Proof::from_container(&c, &key)?;
        let verified = Plonky3::default().verify(&key, &Publics { tensors: vec![] }, &proof)?;
        // the first commitment is that of the witness, which has columns
        let first = match proof {
            Proof::Quadratic(p) => p.commitments.into_iter().next(),
            Proof::Cubic(p) => p.commitments.into_iter().next(),
        };
        let first = first.ok_or_else(|| VerifyError::Shape("a certificate without commitments".into()))?;
        Ok((VerifyingKey { model: Some(first), ..self.clone() }, verified))
    }
}
