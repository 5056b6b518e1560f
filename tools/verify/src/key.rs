//! Verifying keys and proofs as files, whatever the backend.
//!
//! Files: `model.vk` is the backend's container with the section `metadata` added, which names the backend and what was proven; the
//! digest of a key covers it, and a proof names that digest; a `.proof` is the backend's with `publics` (the statement) and `used` (how
//! many inferences of the batch were asked for; the rest is padding, which is the prover's word and part of no proof), and `claim` where it
//! says a text. A backend gets its own sections and refuses others.
//!
//! Invariant: a verifier takes shapes, ranges and the relation from its key, and only values from the proof.
use crate::claim::Claim;
use crate::error::{Error, Result};
use crate::metadata::{Metadata, Port};
use serde::Serialize;
use tessera_api::{
    Backend, CheckError, Container, Digest, FileError, FileKind, Offer, Program, Public, Publics, Regime,
    Verified, Verifier, container::digest_of,
};

/// The most bytes of a verifying key: nothing in one grows with a model's weights or activations.
pub const VERIFYING_KEY_AT_MOST: u64 = 64 << 20;

/// The backend of this name.
pub fn backend(name: &str) -> Result<&'static dyn Backend> {
    tessera_backends::find(name).map_err(|e| Error::new(e.to_string()))
}

/// Which verifying keys are good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Keys whose proofs are worth fewer bits of security are refused.
    pub min_security: u32,
    /// Which bits count: those that are proven, or those of a conjecture, too, where a key was made for it.
    pub regime: Regime,
    /// Every other key than that of this digest is refused.
    pub key_digest: Option<Digest>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { min_security: 96, regime: Regime::Proven, key_digest: None }
    }
}

impl Policy {
    /// Errs when a key is not good enough.
    pub fn check(&self, key: &VerifyingKey) -> Result<()> {
        self.key_digest.map_or(Ok(()), |digest| key.pinned(digest))?;
        self.worth(key)
    }

    /// Errs when a key's proofs are worth too little: certificates that lead to it count.
    pub fn worth(&self, key: &VerifyingKey) -> Result<()> {
        let (offer, least) = (key.offer(), f64::from(self.min_security));
        let counted = match self.regime {
            Regime::Proven => offer.proven,
            Regime::Conjectured => offer.bits,
        };
        if counted >= least {
            return Ok(());
        }
        let (what, help) = match self.regime {
            Regime::Proven if offer.bits >= least => (
                "proven bits of security",
                "make keys with: tessera setup --security 100; or count those of the conjecture, too, with --regime conjectured",
            ),
            _ => (
                "bits of security",
                "make keys with: tessera setup --security 100; or say how little is enough, with --min-security",
            ),
        };
        Err(Error::new("the proofs of this verifying key are worth too little")
            .expected(format!("at least {} {what}", self.min_security))
            .found(offer.text())
            .help(help))
    }
}

/// A verifying key that was read.
pub struct VerifyingKey {
    key: Box<dyn Verifier>,
    /// About the model.
    pub metadata: Metadata,
    certified: Option<Certified>,
}

/// How a key is known that was not read.
struct Certified {
    /// Digest of the key that was.
    root: Digest,
    /// What each certificate on the way is worth: all bits, and those that are proven.
    bits: Vec<[f64; 2]>,
}

/// The most certificates from a key that was read to one that proofs are of.
pub const MOST_CERTIFICATES: usize = 2;

/// What a verifying key is of and worth, for scripts.
#[derive(Debug, Serialize)]
pub struct About<'a> {
    /// By which the key is known.
    pub digest: String,
    /// Digest of the Program.
    pub program: String,
    /// The commitment to weights that are their owner's.
    pub weights: Option<String>,
    /// About the model.
    pub model: &'a Metadata,
    /// What proofs are worth.
    pub security: Offer,
}

impl VerifyingKey {
    /// A backend's key, and what it is of.
    pub fn new(key: Box<dyn Verifier>, metadata: Metadata) -> VerifyingKey {
        VerifyingKey { key, metadata, certified: None }
    }

    /// Reads a key's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<VerifyingKey> {
        let mut c = Container::from_bytes(bytes, FileKind::VerifyingKey)?;
        let metadata: Metadata = c.take("metadata")?;
        let key = backend(&metadata.backend)?.verifier(&c)?;
        metadata.check(key.statement())?;
        Ok(VerifyingKey::new(key, metadata))
    }

    /// The key that a certificate of this one leads to: of the same model and the same weights.
    ///
    /// # Errors
    /// Where the file is no certificate of this key's, or does not hold; where there are too many on the way.
    pub fn next(&self, certificate: &[u8]) -> Result<VerifyingKey> {
        let (root, mut bits) =
            self.certified.as_ref().map_or((self.digest(), vec![]), |c| (c.root, c.bits.clone()));
        if bits.len() == MOST_CERTIFICATES {
            return Err(Error::new("there are too many certificates")
                .expected(format!("{MOST_CERTIFICATES} at most"))
                .help("a key that was certified twice certifies none that a verifier takes: make further ones of the first two"));
        }
        let c = Container::from_bytes(certificate, FileKind::Certificate)?;
        let (key, verified) = self.key.next(&c).map_err(|e| match e {
            CheckError::File(FileError::Parent { .. }) => {
                Error::rejected("this certificate is not of this key's weights")
                    .expected(format!(
                        "a certificate that was made with the key {:#}, of {}",
                        self.digest(),
                        self.metadata.name
                    ))
                    .help("give certificates in the order in which their keys were made, from the key on")
            }
            other => other.into(),
        })?;
        bits.push([verified.security_bits, verified.proven_bits]);
        Ok(VerifyingKey { key, metadata: self.metadata.clone(), certified: Some(Certified { root, bits }) })
    }

    /// The digest of the key that was read, where certificates led here, and how many.
    pub fn certified(&self) -> Option<(Digest, usize)> {
        self.certified.as_ref().map(|c| (c.root, c.bits.len()))
    }

    /// What a proof of so many bits, and of so many that are proven, is worth together with the certificates: one of them has to be false.
    fn together(&self, bits: [f64; 2]) -> [f64; 2] {
        let of = |which: usize| {
            let certificates = self.certified.iter().flat_map(|c| &c.bits);
            let chance: f64 = certificates.map(|b| (bits[which] - b[which]).exp2()).sum();
            bits[which] - (1.0 + chance).log2()
        };
        [of(0), of(1)]
    }

    /// More bytes than the file of any certificate has.
    pub fn certificate_bytes_at_most(&self) -> u64 {
        self.key.certificate_bytes_at_most().saturating_add(1 << 12)
    }

    /// Its own digest, which its proofs name: of everything that `tessera verify` says of a model.
    pub fn digest(&self) -> Digest {
        digest_of(&(self.key.digest(), &self.metadata))
    }

    /// Errs when it is not the key of this digest.
    pub fn pinned(&self, digest: Digest) -> Result<()> {
        let own = self.digest();
        if own == digest {
            return Ok(());
        }
        Err(Error::new("this verifying key is not the one of the digest that was given")
            .expected(format!("{digest:#}"))
            .found(format!("{own:#}, of {}", self.metadata.name)))
    }

    /// What its proofs are worth.
    pub fn offer(&self) -> Offer {
        let offer = self.key.offer();
        let [bits, proven] = self.together([offer.bits, offer.proven]);
        Offer { bits, proven, ..offer }
    }

    /// The tensors that proofs speak about, inputs first.
    pub fn statement(&self) -> &[Public] {
        self.key.statement()
    }

    /// Digest of the Program it is for.
    pub fn program(&self) -> Digest {
        self.key.program()
    }

    /// The commitment to weights that are their owner's.
    pub fn weights(&self) -> Option<Digest> {
        self.key.weights()
    }

    /// What it is of and worth.
    pub fn about(&self) -> About<'_> {
        About {
            digest: format!("{:#}", self.digest()),
            program: format!("{:#}", self.program()),
            weights: self.weights().map(|d| format!("{d:#}")),
            model: &self.metadata,
            security: self.offer(),
        }
    }

    /// More bytes than the file of any proof for this key has.
    pub fn proof_bytes_at_most(&self) -> u64 {
        let values: usize = self.key.statement().iter().map(Public::stated).sum();
        // a value is at most ten bytes long
        self.key.proof_bytes_at_most().saturating_add(values as u64 * 10).saturating_add(1 << 12)
    }

    /// Errs unless the key is what a setup makes of this Program, whose digest is given and which `metadata` is about, or of a
    /// Program of this architecture.
    pub fn audit(&self, program: &Program, digest: Digest, metadata: &Metadata) -> Result<()> {
        let wrong = |why: String| {
            Error::rejected("this verifying key is not of this model")
                .expected(format!("a key for program {digest}"))
                .found(why)
        };
        if self.program() != digest {
            return Err(wrong(format!("a key for program {}", self.program())));
        }
        if self.metadata != *metadata {
            return Err(wrong("other names, shapes or scales in the key".into()));
        }
        self.key.audit(program).map_err(wrong)
    }

    /// Checks a proof, and what it claims.
    ///
    /// # Correctness
    /// Exit code 0 of `tessera verify`, and every [`Report`](crate::report::Report), rests on this call and on nothing else.
    pub fn verify(&self, proof: &ProofFile) -> Result<Verified> {
        let mut verified = self.key.verify(&proof.publics, &proof.proof)?;
        let bits = self.together([verified.security_bits, verified.proven_bits]);
        [verified.security_bits, verified.proven_bits] = bits;
        proof.claim.map_or(Ok(()), |claim| claim.text(&self.metadata, &proof.publics).map(drop))?;
        Ok(verified)
    }
}

/// A proof with its statement.
pub struct ProofFile {
    /// All public values.
    pub publics: Publics,
    /// Inferences that were asked for, at most the model's batch.
    pub used: usize,
    /// What is claimed of the values, if anything.
    pub claim: Option<Claim>,
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
        if let Some(claim) = &self.claim {
            c.put("claim", claim);
        }
        c.to_bytes()
    }

    /// Reads a file's bytes. Errs, as rejected, when it is a proof for another key.
    pub fn from_bytes(bytes: &[u8], key: &VerifyingKey) -> Result<ProofFile> {
        let mut c = Container::from_bytes(bytes, FileKind::Proof)?;
        c.check_parent(key.digest()).map_err(|e| match e {
            FileError::Parent { expected, found, .. } => {
                Error::rejected("this proof was made for another verifying key")
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
        let claim = if c.contains("claim") { Some(c.take("claim")?) } else { None };
        Ok(ProofFile { publics, used, claim, proof: c })
    }

    /// Errs unless its public inputs are these, of which `used` inferences count.
    ///
    /// # Correctness
    /// How many count is the prover's word: were they more than are given here, the outputs of others would be said to be of these.
    pub fn is_about(&self, key: &VerifyingKey, inputs: &[Vec<i64>], used: usize) -> Result<()> {
        if self.used != used {
            return Err(Error::rejected("the proof holds, but it is about another number of inputs")
                .expected(format!("a proof about {used}, as many as were given"))
                .found(format!("one about {}", self.used))
                .help("give all inputs that the proof is about, and no others"));
        }
        let ports = key.metadata.inputs.iter().zip(key.statement());
        for (((port, public), proven), given) in ports.zip(&self.publics.tensors).zip(inputs) {
            if public.role.is_committed() {
                return Err(Error::rejected(
                    "the proof holds, and says of its input what it is committed as",
                )
                .expected(format!("a proof about a public input {:?}", port.name))
                .found("a root, which only who has the salt can compare with values")
                .help("verify with --root, and the root that the owner of the input published"));
            }
            about(port, proven, given.get(..used * port.len()).unwrap_or(given))?;
        }
        Ok(())
    }
}

/// Errs unless what is proven of an input begins with what was given.
fn about(port: &Port, proven: &[i64], given: &[i64]) -> Result<()> {
    if proven.is_empty() {
        return Err(Error::rejected("the proof holds, and does not say which input it is about")
            .expected(format!("a proof about a public input {:?}", port.name))
            .found("a proof with zero knowledge, which hides it")
            .help("verify without --input"));
    }
    let n = given.len();
    if proven.get(..n) != Some(given) {
        let differ = proven.iter().zip(given).filter(|(a, b)| a != b).count();
        return Err(Error::rejected("the proof holds, but it is about another input")
            .expected(format!("the given input {:?}", port.name))
            .found(format!("{differ} of {n} values differ after quantization")));
    }
    Ok(())
}
