//! What a proving backend offers: keys, proofs, its capabilities and its prices.
//!
//! Invariants: a compiler asks its [`Target`], never a backend's name; a verifier trusts nothing but its key.
use crate::container::{Container, Digest, FileError};
use crate::cost::{Cost, Prices};
use crate::field::MODULUS;
use crate::program::{Program, Public};
use crate::shape::{Shape, TableShape, TermShape};
use crate::trace::{Publics, Trace};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a backend can express. A Program beyond it is refused before any work is done; a compiler asks, and avoids what it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Order of the field that cells are of.
    pub modulus: u64,
    /// Highest degree of a row constraint.
    pub max_degree: u32,
    /// Smallest table height that is used well, as a power of two: less is padded to it.
    pub min_log_height: u8,
    /// Largest table height, as a power of two.
    pub max_log_height: u8,
    /// Most columns of a table, fixed and witness.
    pub max_columns: u32,
    /// Rows of the largest table that lookups read, as a power of two.
    pub max_log_table: u8,
    /// Whether lookups are available.
    pub lookups: bool,
    /// Whether joins of two folds are available.
    pub joins: bool,
    /// Whether proofs can tell nothing of the witness, private inputs among it.
    pub zero_knowledge: bool,
}

impl Capabilities {
    /// Bits of the radix by which two integers share a cell: the largest r with (2^r − 2)·(2^r + 1) < modulus, so that
    /// a + 2^r·b ≡ 0 has no solution but 0 where neither is beyond 2^r − 2.
    pub fn radix_bits(&self) -> u32 {
        let holds = |r: &u32| ((1u128 << r) - 2) * ((1u128 << r) + 1) < u128::from(self.modulus);
        (1..=32).rev().find(holds).unwrap_or(0)
    }

    /// The height of a table with this many rows, as a power of two.
    pub fn log_height(&self, rows: u64) -> u8 {
        (rows.next_power_of_two().trailing_zeros() as u8).max(self.min_log_height)
    }

    /// Everything of a Program that is beyond this, for people.
    pub fn refusals(&self, shape: &Shape) -> Vec<String> {
        let mut out = vec![];
        for t in &shape.tables {
            let mut refuse = |why: String| out.push(format!("table {:?} {why}", t.name));
            if t.log_height > self.max_log_height {
                refuse(format!(
                    "has 2^{} rows; at most 2^{} are possible",
                    t.log_height, self.max_log_height
                ));
            }
            if t.degree > self.max_degree {
                refuse(format!(
                    "has a constraint of degree {}; at most {} is possible",
                    t.degree, self.max_degree
                ));
            }
            if t.fixed.saturating_add(t.witness) > self.max_columns {
                refuse(format!(
                    "has {} columns; at most {} are possible",
                    t.fixed.saturating_add(t.witness),
                    self.max_columns
                ));
            }
            if t.lookups + t.provides > 0 && !self.lookups {
                refuse("has lookups, which are not available".into());
            }
            if t.provides > 0 && t.log_height > self.max_log_table {
                refuse(format!(
                    "is read by lookups and has 2^{} rows; at most 2^{} are possible",
                    t.log_height, self.max_log_table
                ));
            }
        }
        if !self.joins && shape.terms.iter().any(|t| matches!(t, TermShape::Join(..))) {
            out.push("two folds are joined, which is not available".into());
        }
        out
    }
}

/// What a compiler asks of a backend.
pub trait Target: std::fmt::Debug + Sync {
    /// Its name, for people and in files.
    fn name(&self) -> &'static str;
    /// What it can express.
    fn capabilities(&self) -> Capabilities;
    /// What it charges.
    fn prices(&self) -> Prices;
    /// What a Program of this shape will cost.
    fn cost(&self, shape: &Shape) -> Cost;

    /// The height, as a power of two, of a table with the rows and columns of this shape, whose height is not yet known. Where proofs
    /// hide the witness, it leaves the rows free that masks take; in a table of the owner, whose commitment proofs share, those of so
    /// many proofs. None hide anything where that number is zero.
    fn log_height(&self, table: &TableShape, _proofs: u32) -> u8 {
        self.capabilities().log_height(table.rows)
    }

    /// Checks a Program against itself and against what the backend can express.
    ///
    /// # Errors
    /// With everything that is beyond it.
    fn admit(&self, program: &Program) -> Result<(), SetupError> {
        program.validate()?;
        let capabilities = self.capabilities();
        let mut refusals = capabilities.refusals(&Shape::of(program));
        if capabilities.modulus != MODULUS {
            refusals.push(format!(
                "cells are of the field of {MODULUS} elements, not of {}",
                capabilities.modulus
            ));
        }
        if program.zero_knowledge && !capabilities.zero_knowledge {
            refusals.push("its proofs hide nothing".into());
        }
        if refusals.is_empty() {
            return Ok(());
        }
        Err(SetupError::Unsupported { backend: self.name().into(), reason: refusals.join("; ") })
    }
}

/// Setup could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The Program contradicts itself.
    #[error("the compiled model is invalid: {0}")]
    Program(#[from] crate::validate::ProgramError),
    /// The backend cannot express it.
    #[error("backend {backend} cannot express this model: {reason}")]
    Unsupported {
        /// Backend name.
        backend: String,
        /// Why.
        reason: String,
    },
}

/// Proving could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// Trace and key do not fit.
    #[error("the witness does not fit the proving key: {0}")]
    Shape(String),
    /// A public value is out of range or of the wrong shape.
    #[error("{0}")]
    Publics(String),
    /// Anything inside the proof system.
    #[error("the prover failed: {0}")]
    Internal(String),
}

/// Why a proof is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The proof's shape is not the key's.
    #[error("malformed proof: {0}")]
    Shape(String),
    /// Public values out of range or of wrong shape.
    #[error("the statement is not of this key: {0}")]
    Publics(String),
    /// An opening does not fit its commitment.
    #[error("an opening does not match its commitment: {0}")]
    Opening(String),
    /// A table's constraints do not hold.
    #[error("the constraints of table {0:?} do not hold")]
    Constraints(String),
    /// An equation between terms does not hold.
    #[error("the equation {0:?} does not hold")]
    Equation(String),
    /// The lookups do not balance.
    #[error("the lookups do not balance")]
    Lookups,
    /// The check itself failed: nothing is known about the proof.
    #[error("{0}")]
    Internal(String),
}

/// What an accepted proof says, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Bits of security in the regime the key was made for.
    pub security_bits: f64,
    /// Of them, those that rest on no conjecture.
    pub proven_bits: f64,
    /// "proven" or "conjectured".
    pub regime: String,
    /// The soundness term that limits.
    pub limited_by: String,
}

/// CPU and wall seconds per phase, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// (phase, CPU s, wall s).
    pub phases: Vec<(String, f64, f64)>,
}

/// What is assumed of a proof system, where it offers a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Regime {
    /// Nothing beyond proven theorems.
    Proven,
    /// A conjecture that gives smaller proofs.
    Conjectured,
}

impl std::str::FromStr for Regime {
    type Err = String;
    fn from_str(s: &str) -> Result<Regime, String> {
        match s {
            "proven" => Ok(Regime::Proven),
            "conjectured" => Ok(Regime::Conjectured),
            other => Err(format!("there is no regime {other:?}: expected proven or conjectured")),
        }
    }
}

/// What parameters of a proof system are chosen for, where it offers a choice. The security is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goal {
    /// Short proving time.
    #[default]
    Time,
    /// Smaller proofs where they cost little time.
    Balanced,
    /// The smallest proofs.
    Size,
}

/// What a user asks of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// Bits.
    pub bits: u32,
    /// Of which analysis.
    pub regime: Regime,
    /// What else counts.
    pub goal: Goal,
}

/// What keys offer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Offer {
    /// Bits of security in the regime that the keys were made for.
    pub bits: f64,
    /// Of them, those that rest on no conjecture.
    pub proven: f64,
    /// "proven" or "conjectured".
    pub regime: String,
    /// The term of the analysis that limits.
    pub limited_by: String,
    /// Degree of the extension field that challenges are drawn from.
    pub degree: u8,
    /// All terms: (source of error, bits).
    pub terms: Vec<(String, f64)>,
    /// Bits by which proofs are told from simulated ones, which nobody needed the witness for; none where proofs hide nothing.
    pub hiding: Option<f64>,
}

/// How many of these bits are proven, for people, where not all are.
pub fn proven_of(bits: f64, proven: f64) -> String {
    if proven < bits { format!("; {proven:.1} of them proven") } else { String::new() }
}

impl Offer {
    /// For people.
    pub fn text(&self) -> String {
        let proven = proven_of(self.bits, self.proven);
        let hiding = self.hiding.map_or(String::new(), |b| format!("; {b:.1} bits of zero knowledge"));
        format!(
            "{:.1} bits of security ({} regime{proven}), limited by {}{hiding}",
            self.bits, self.regime, self.limited_by
        )
    }
}

/// What keys and proofs of a Program take: bytes of memory, and of files without what a command adds to them (the model's names and shapes, and the
/// statement of a proof).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sizes {
    /// The proving key.
    pub proving_key: u64,
    /// The proving key as [`Backend::lean`] leaves it.
    pub lean_key: u64,
    /// The proving key of [`Backend::compact_keys`]; none where there is no such thing.
    pub compact_key: Option<u64>,
    /// The verifying key.
    pub verifying_key: u64,
    /// A proof.
    pub proof: u64,
    /// Of memory, while keys are made, beside the Program.
    pub setup_memory: u64,
    /// The same of compact keys.
    pub compact_setup_memory: Option<u64>,
    /// Of memory, while a proof is made, beside the Program.
    pub prove_memory: u64,
    /// The same with a compact key; none where there is no such thing.
    pub least_memory: Option<u64>,
    /// What is committed, as it is compiled: more is known of it than of the [`Shape`].
    pub cost: Cost,
}

/// Both keys of a Program, as files that belong to its digest.
pub struct Keys {
    /// For whoever proves.
    pub proving: Container,
    /// For whoever verifies: small.
    pub verifying: Container,
    /// What proofs will be worth.
    pub offer: Offer,
    /// How many proofs the proving key serves, where it hides weights ([`Prover::uses`]).
    pub uses: Option<u64>,
}

/// A proof system that can prove Programs. Keys and proofs are files; what is in them is its own.
///
/// # Correctness
/// Nothing that is read panics or is believed: keys are checked when they are read, proofs when they are verified. What a file says
/// has one form: a section that the backend did not write is refused ([`Container::only`]).
pub trait Backend: Target {
    /// Makes keys. Equal Programs and security give equal keys, byte for byte, but where weights are hidden: those are committed to with
    /// fresh randomness.
    ///
    /// # Errors
    /// Before any work where the Program or the security is beyond the backend.
    fn keys(&self, program: &Program, security: Security) -> Result<Keys, SetupError>;

    /// As [`Backend::keys`], with a proving key that leaves out what a proof can make anew: it is smaller, takes less memory to make and to
    /// prove with, and proofs take longer. Verifying keys and proofs are the same. The keys themselves where there is no such thing.
    ///
    /// # Errors
    /// As of [`Backend::keys`], and where what is proven does not allow it.
    fn compact_keys(&self, program: &Program, security: Security) -> Result<Keys, SetupError> {
        self.keys(program, security)
    }

    /// What keys and proofs of a Program will take, without making any: its data are not looked at. By default nothing but what its shape
    /// says.
    ///
    /// # Errors
    /// As [`Backend::keys`].
    fn sizes(&self, program: &Program, _security: Security) -> Result<Sizes, SetupError> {
        self.admit(program)?;
        let cost = self.cost(&Shape::of(program));
        let proof = self.prices().bytes(&cost) as u64;
        let prove_memory = self.prices().memory(&cost) as u64;
        Ok(Sizes { proof, prove_memory, cost, ..Sizes::default() })
    }

    /// A proving key without what [`Backend::prover`] can make again of the Program and its data: much smaller, and each time it is
    /// read that takes as long as making the key. The key itself where there is no such thing.
    fn lean(&self, key: &Container) -> Container {
        key.clone()
    }

    /// Reads a proving key for its Program, whose digest the caller has compared with the file's parent.
    ///
    /// # Errors
    /// When the file is damaged or of another Program.
    fn prover(&self, key: &Container, program: Arc<Program>) -> Result<Box<dyn Prover>, FileError>;

    /// Reads a verifying key.
    ///
    /// # Errors
    /// When the file is damaged, or the key does not reach the security it claims.
    fn verifier(&self, key: &Container) -> Result<Box<dyn Verifier>, FileError>;
}

/// A proving key that was read.
pub trait Prover: Send + Sync {
    /// The key that its proofs are checked with.
    fn verifier(&self) -> Box<dyn Verifier>;

    /// How many proofs may be made with this key before they tell of the weights that they hide; none where there is no such end. Who
    /// keeps the key counts.
    fn uses(&self) -> Option<u64> {
        None
    }

    /// A further key of the weights that this one hides, and the proof that it is one. It takes turns of both keys
    /// ([`Prover::certificate_turns`]): who keeps them counts first.
    ///
    /// # Errors
    /// Where the key hides no weights, or the backend cannot.
    fn epoch(&self) -> Result<Epoch, ProveError> {
        Err(ProveError::Internal("keys of this kind have no certificates".into()))
    }

    /// How many turns of this key, and of the further one, a certificate takes; none where there are no certificates.
    fn certificate_turns(&self) -> Option<u64> {
        None
    }

    /// Bytes of memory that a proof takes beside the Program, and those it takes once memory is saved, where it can be.
    fn memory(&self) -> (u64, Option<u64>) {
        (0, None)
    }

    /// From now on, proofs take no more memory beside the Program than so many bytes, or the least, and more time, where the backend can do that;
    /// says whether it can. Proofs are the same.
    fn save_memory(&mut self, most: u64) -> bool {
        let _ = most;
        false
    }

    /// Proves that `trace` satisfies the Program. The file belongs to the digest of the verifying key and holds no public values.
    ///
    /// # Errors
    /// When the trace has not the Program's shape.
    fn prove(&self, trace: Trace) -> Result<(Container, Timings), ProveError>;
}

/// A further key of the same weights.
pub struct Epoch {
    /// For whoever proves.
    pub proving: Container,
    /// For whoever verifies; a [`Verifier`] of the older key gets to it by the certificate.
    pub verifying: Container,
    /// That it is of the same weights.
    pub certificate: Container,
}

/// A verifying key that was read.
pub trait Verifier: Send + Sync {
    /// Its own digest, the parent of its proofs.
    fn digest(&self) -> Digest;
    /// Digest of the Program it is for.
    fn program(&self) -> Digest;
    /// The public tensors that its proofs speak about.
    fn statement(&self) -> &[Public];
    /// What its proofs are worth.
    fn offer(&self) -> Offer;
    /// The commitment to weights that are their owner's.
    fn weights(&self) -> Option<Digest>;

    /// Errs, with the reason, unless the key is what [`Backend::keys`] makes of this Program, or of a Program of this architecture.
    fn audit(&self, program: &Program) -> Result<(), String>;

    /// More bytes than the file of any proof for this key has, beside its statement: no more is read of one.
    fn proof_bytes_at_most(&self) -> u64;

    /// The key that a certificate leads to, of the same model and the same weights, with what the certificate is worth.
    ///
    /// # Errors
    /// [`CheckError::File`] where the file is no certificate of this key's, [`CheckError::Rejected`] where it is a wrong one, or the
    /// backend has none.
    fn next(&self, _certificate: &Container) -> Result<(Box<dyn Verifier>, Verified), CheckError> {
        Err(VerifyError::Shape("keys of this kind have no certificates".into()).into())
    }

    /// More bytes than the file of any certificate has.
    fn certificate_bytes_at_most(&self) -> u64 {
        0
    }

    /// Checks a proof of a statement.
    ///
    /// # Errors
    /// [`CheckError::File`] where the file is no proof for this key, [`CheckError::Rejected`] where it is a wrong one.
    fn verify(&self, publics: &Publics, proof: &Container) -> Result<Verified, CheckError>;
}

/// A proof was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It does not hold.
    #[error(transparent)]
    Rejected(#[from] VerifyError),
}
