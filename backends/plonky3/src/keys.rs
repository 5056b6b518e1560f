//! Proving keys, verifying keys, proofs.
//!
//! Invariants: a verifying key holds nothing whose size grows with the number of rows; its digest covers everything in it; a
//! proving key can be made again from its Program and security parameters, and refuses to be used with another digest.
use crate::air::compile::{Compiled, compile};
use crate::air::fixed::sparse;
use crate::air::reshape::Limits;
use crate::air::{Air, Group};
use crate::arithmetic::{DEGREES, Extension, F, Mat};
use crate::epochs::{self, Epochs};
use crate::hiding::random::Seed;
use crate::hiding::tails::{self, Points, Tails};
use crate::hiding::weights;
use crate::p3::{
    Commitment, Committed, Digests, FriProof, Kept, LOG_QUOTIENT, Opened, Stored, SummedTree,
    commit_extended, commit_streamed, extend, stored, streamed,
};
use crate::queries::budget;
use crate::quotient::Live;
pub use crate::rounds::{Round, Shape};
use crate::security::{Goal, Report, SecurityParams, SecurityTarget, choose, report};
use crate::size::proof_bytes;
use crate::unsupported;
use bytes::Bytes;
use p3_matrix::Matrix as _;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tessera_api::container::digest_of;
use tessera_api::{Digest, Program, Public, SetupError};

/// What the verifier keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifyingKey {
    /// Digest of the Program.
    pub program: Digest,
    /// The compiled relation.
    pub air: Air,
    /// Commitment to the fixed columns that are opened as they are, if there are any.
    pub fixed: Option<Commitment>,
    /// Commitment of the model's owner to weights that nobody else knows, if there are any.
    pub model: Option<Commitment>,
    /// Commitment to the summed columns, if there are any.
    pub summed: Option<Commitment>,
    /// Parameters.
    pub security: SecurityParams,
    /// What certificates are of, by which newer keys of the same weights are known; none where weights are not hidden.
    pub epochs: Option<Box<Epochs>>,
}

impl VerifyingKey {
    /// Digest of everything in the key; the parent of its proofs.
    pub fn digest(&self) -> Digest {
        digest_of(self)
    }

    /// The public tensors a proof speaks about.
    pub fn statement(&self) -> &[Public] {
        &self.air.publics
    }

    /// What its proofs are worth, term by term.
    pub fn security_report(&self) -> Report {
        report(&self.security, &self.air)
    }
}

/// What the prover keeps.
pub struct ProvingKey {
    /// The relation.
    pub program: Arc<Program>,
    /// The verifier's part.
    pub vk: VerifyingKey,
    /// Its digest.
    pub digest: Digest,
    pub(crate) compiled: Compiled,
    /// How many bytes beyond the least a proof may take, where not all extensions of its columns need be held: those are that these bytes hold,
    /// and others are made anew wherever they are read.
    pub(crate) spare: Option<u64>,
    pub(crate) fixed: Vec<Arc<Mat>>,
    pub(crate) sparse: Vec<Mat>,
    pub(crate) sparse_extended: Vec<Mat>,
    pub(crate) hiding: Option<Beyond>,
    /// Where the randomness of the commitment to hidden weights comes from.
    pub(crate) entropy: Option<[u8; 32]>,
    pub(crate) committed: Option<Committed>,
    pub(crate) model: Vec<Arc<Mat>>,
    pub(crate) model_committed: Option<Committed>,
    pub(crate) summed: Vec<Stored>,
    pub(crate) summed_tree: Option<SummedTree>,
}

/// What a hiding prover keeps besides: per group the polynomial that vanishes on the mask rows, on the extension, and the key's columns
/// at the points beyond it.
pub(crate) struct Beyond {
    pub live: Vec<Mat>,
    pub fixed: Vec<Option<Tails>>,
    pub model: Vec<Option<Tails>>,
    pub sparse: Vec<Tails>,
}

impl ProvingKey {
    /// Whether it holds no extensions of its columns.
    pub fn is_compact(&self) -> bool {
        let anew = |data: &Option<Committed>| matches!(data, Some(Committed::Streamed(_)));
        let summed = self.summed_tree.as_ref().is_some_and(|t| t.extended().is_empty());
        anew(&self.committed) || anew(&self.model_committed) || summed
    }

    /// From now on, extensions of columns are made anew wherever they are read, but for those that so many bytes hold beyond the least: proofs are
    /// the same, and take less memory and more time. Not of a proof that hides something; says whether it is done.
    pub fn save_memory(&mut self, spare: u64) -> bool {
        let can = self.vk.air.budget().is_none();
        self.spare = can.then_some(spare);
        can
    }

    /// How many proofs may be made with this key: with one more, what they show would tell of the weights that they hide. None where
    /// weights are public, or where nothing is hidden.
    pub fn uses(&self) -> Option<u64> {
        weights::uses(&self.compiled)
    }
}

/// A proof, without the public values.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Proof<E: Extension> {
    /// Of the witness, round 2, round 3 (those that exist), the quotient.
    pub commitments: Vec<Commitment>,
    /// Exposed values.
    pub terminals: Vec<E>,
    /// Grinding outside FRI.
    pub witnesses: Vec<F>,
    /// Values at ζ and ζω.
    pub opened: Opened<E>,
    /// That they are right.
    pub fri: FriProof<E>,
}

/// The fixed columns of all groups on the trace domain.
pub(crate) struct FixedColumns {
    pub fixed: Vec<Mat>,
    pub model: Vec<Mat>,
    pub summed: Vec<Stored>,
    /// Of those that exist.
    pub extensions: Extensions,
    /// Of hidden weights: what their free rows and salts are drawn from.
    pub entropy: Option<[u8; 32]>,
}

/// Low-degree extensions of a key's columns.
pub(crate) enum Extensions {
    /// All of them.
    Kept {
        fixed: Vec<Mat>,
        model: Vec<Mat>,
        summed: Vec<Stored>,
        /// The digests of the tree of summed columns, where they are known.
        summed_tree: Option<Bytes>,
    },
    /// None: they are made anew wherever they are read. The digests of the trees of fixed, model and summed columns, where they are known;
    /// nothing of a tree without columns.
    Anew(Option<[Bytes; 3]>),
}

/// Keys of a Program, with challenges of the least degree that reaches the target.
pub fn setup(program: &Program, target: SecurityTarget) -> Result<ProvingKey, SetupError> {
    let (compiled, security) = planned(program, target)?;
    filled(program.clone(), program.digest(), (compiled, security), false)
}

/// Keys of a Program that hold no extensions of their columns.
///
/// # Errors
/// As of [`setup`], and where proofs hide something.
pub fn setup_compact(program: &Program, target: SecurityTarget) -> Result<ProvingKey, SetupError> {
    let (compiled, security) = planned(program, target)?;
    if compiled.air.budget().is_some() {
        return Err(unsupported("keys of proofs that hide something hold the extensions of their columns"));
    }
    filled(program.clone(), program.digest(), (compiled, security), true)
}

/// A key without its extensions.
#[cfg(test)]
pub(crate) fn compacted(key: &ProvingKey) -> Result<ProvingKey, SetupError> {
    filled(Program::clone(&key.program), key.vk.program, (key.compiled.clone(), key.vk.security), true)
}

/// Keys of a Program, with challenges of this degree.
#[cfg(test)]
pub(crate) fn setup_over(
    program: &Program,
    target: SecurityTarget,
    degree: usize,
) -> Result<ProvingKey, SetupError> {
    let (compiled, security) = planned_over(program, target, degree)?;
    filled(program.clone(), program.digest(), (compiled, security), false)
}

/// What keys of a Program will be, before any column is made: with challenges of the least degree that reaches the target;
/// where size counts, of that with smaller proofs.
pub fn planned(program: &Program, target: SecurityTarget) -> Result<(Compiled, SecurityParams), SetupError> {
    let [rest @ .., most] = DEGREES;
    if target.goal != Goal::Time {
        let all = DEGREES.map(|degree| planned_over(program, target, degree)).into_iter().flatten();
        let bytes = |p: &(Compiled, SecurityParams)| proof_bytes(&p.0.air, &p.1.fri);
        let best = all.reduce(|best, p| if bytes(&p) < bytes(&best) { p } else { best });
        // none reaches it: the reason is that of the largest
        return best.map_or_else(|| planned_over(program, target, most), Ok);
    }
    for degree in rest {
        match planned_over(program, target, degree) {
            Err(SetupError::Unsupported { .. }) => {}
            done => return done,
        }
    }
    planned_over(program, target, most)
}

fn planned_over(
    program: &Program,
    target: SecurityTarget,
    degree: usize,
) -> Result<(Compiled, SecurityParams), SetupError> {
    let parameters = |air: &Air| choose(target, air).map_err(|reason| unsupported(&reason));
    let mut limits = Limits::of(degree);
    if program.zero_knowledge {
        limits = limits.hiding(budget(program, target, limits)?);
    }
    relation(program, limits, parameters)
}

/// The compiled relation, with parameters that depend on it.
fn relation(
    program: &Program,
    limits: Limits,
    parameters: impl FnOnce(&Air) -> Result<SecurityParams, SetupError>,
) -> Result<(Compiled, SecurityParams), SetupError> {
    let compiled = compile(program, limits)?;
    compiled.air.validate().map_err(|e| unsupported(&e))?;
    let security = parameters(&compiled.air)?;
    Ok((compiled, security))
}

/// Keys of a Program with this digest, with parameters that depend on the compiled relation.
pub fn build(
    program: Program,
    program_digest: Digest,
    limits: Limits,
    parameters: impl FnOnce(&Air) -> Result<SecurityParams, SetupError>,
) -> Result<ProvingKey, SetupError> {
    let (compiled, security) = relation(&program, limits, parameters)?;
    filled(program, program_digest, (compiled, security), false)
}

/// Keys of a compiled relation; compact ones hold no extensions.
fn filled(
    program: Program,
    program_digest: Digest,
    (compiled, security): (Compiled, SecurityParams),
    compact: bool,
) -> Result<ProvingKey, SetupError> {
    let entropy = match weights::hidden(&compiled.air) {
        false => None,
        true => Some(Seed::entropy().map_err(|e| unsupported(&e))?),
    };
    let columns = match compact {
        true => FixedColumns::compact(&program, &compiled)?,
        false => FixedColumns::new(&program, &program_digest, (&compiled, security.fri.log_blowup), entropy)?,
    };
    assemble(Arc::new(program), program_digest, compiled, security, columns).map_err(|e| unsupported(&e))
}

impl FixedColumns {
    /// The columns of a Program with this digest, with their extensions of an inverse rate as a power of two. Equal arguments give equal columns.
    pub fn new(
        program: &Program,
        digest: &Digest,
        (compiled, log_blowup): (&Compiled, u8),
        entropy: Option<[u8; 32]>,
    ) -> Result<FixedColumns, SetupError> {
        let [fixed, mut model, summed] = compiled.fixed(program)?;
        if let Some(entropy) = &entropy {
            model = masked(compiled, model, &Seed::of_weights(entropy, digest));
        }
        let extended = |all: &[Mat]| -> Vec<Mat> {
            let used = all.iter().filter(|m| m.width > 0).cloned();
            used.map(|m| extend(m, log_blowup)).collect()
        };
        let extensions = Extensions::Kept {
            fixed: extended(&fixed),
            model: extended(&model),
            summed: extended(&summed).into_iter().map(stored).collect(),
            summed_tree: None,
        };
        Ok(FixedColumns {
            fixed,
            model,
            summed: summed.into_iter().map(stored).collect(),
            extensions,
            entropy,
        })
    }

    /// The columns of a Program alone.
    fn compact(program: &Program, compiled: &Compiled) -> Result<FixedColumns, SetupError> {
        let [fixed, model, summed] = compiled.fixed(program)?;
        let summed = summed.into_iter().map(stored).collect();
        Ok(FixedColumns { fixed, model, summed, extensions: Extensions::Anew(None), entropy: None })
    }
}

/// The owner's columns with uniform rows where no parameter stands.
pub(crate) fn masked(compiled: &Compiled, mut model: Vec<Mat>, seed: &Seed) -> Vec<Mat> {
    weights::mask(compiled, &mut model, seed);
    model
}

/// The limits that a relation was compiled with.
pub(crate) fn limits_of(air: &Air) -> Limits {
    let limits = Limits::of(air.degree.into());
    air.budget().map_or(limits, |b| limits.hiding(b))
}

/// Whether a verifying key is of this Program, by making it again. Of a Program without its owner's data (an
/// [`Program::architecture`]), the commitment to those is all that may be anything.
///
/// # Errors
/// When the Program cannot be compiled, the key's parameters do not reach the level they claim, or the keys differ.
pub fn audit(program: &Program, vk: &VerifyingKey) -> Result<(), String> {
    let same = build(program.clone(), program.digest(), limits_of(&vk.air), |air| {
        crate::security::check(&vk.security, air).map(|()| vk.security).map_err(|reason| unsupported(&reason))
    });
    let mut same = same.map_err(|e| e.to_string())?.vk;
    // hidden weights are committed to with randomness that the key does not tell
    if program.is_architecture() || weights::hidden(&vk.air) {
        same.model = vk.model.clone();
    }
    if same == *vk { Ok(()) } else { Err("the key is not that of this model".into()) }
}

/// A key of its parts. The columns' commitments are computed, whatever the columns are, but for those whose tree is known.
///
/// # Errors
/// When that is the tree of other columns, by its size.
pub(crate) fn assemble(
    program: Arc<Program>,
    program_digest: Digest,
    compiled: Compiled,
    security: SecurityParams,
    columns: FixedColumns,
) -> Result<ProvingKey, String> {
    let epochs = epochs::epochs(&compiled, &security).map(Box::new);
    assembled(program, program_digest, (compiled, security), columns, epochs)
}

/// The commitment to the extensions of columns that are made anew, none of no columns; nothing where these are the digests of others.
fn anew(
    columns: &[Arc<Mat>],
    digests: Option<Bytes>,
    log_blowup: u8,
) -> Option<Option<(Commitment, Committed)>> {
    let used: Vec<Arc<Mat>> = columns.iter().filter(|m| m.width > 0).cloned().collect();
    let tree = match digests {
        Some(digests) if used.is_empty() => return digests.is_empty().then_some(None),
        Some(digests) => Some(Digests::over(used.iter().map(|m| m.height()), log_blowup, digests)?),
        None => commit_streamed(&used.iter().map(|m| &**m).collect::<Vec<_>>(), log_blowup),
    };
    Some(tree.map(|tree| (tree.commitment(), streamed(used, log_blowup, tree))))
}

/// [`assemble`], where what certificates are of is known.
pub(crate) fn assembled(
    program: Arc<Program>,
    program_digest: Digest,
    (compiled, security): (Compiled, SecurityParams),
    columns: FixedColumns,
    epochs: Option<Box<Epochs>>,
) -> Result<ProvingKey, String> {
    let FixedColumns { fixed, model, summed, extensions, entropy } = columns;
    let [fixed, model] = [fixed, model].map(|all| all.into_iter().map(Arc::new).collect::<Vec<_>>());
    let foreign = "the tree of its columns is one of others";
    let compact = matches!(extensions, Extensions::Anew(_));
    let ((commitment, committed), (model_commitment, model_committed), summed_tree) = match extensions {
        Extensions::Kept { fixed, model, summed, summed_tree } => {
            let model = match &entropy {
                Some(entropy) => weights::commit(model, &Seed::of_weights(entropy, &program_digest)),
                None => commit_extended(model),
            };
            let tree = match summed_tree {
                Some(digests) if summed.is_empty() => digests.is_empty().then_some(None).ok_or(foreign)?,
                Some(digests) => Some(Kept::new(summed, digests).ok_or(foreign)?),
                None => (!summed.is_empty()).then(|| Kept::commit(summed)),
            };
            (commit_extended(fixed).unzip(), model.unzip(), tree)
        }
        Extensions::Anew(trees) => {
            let log_blowup = security.fri.log_blowup;
            let [of_fixed, of_model, of_summed] = trees.map_or([None, None, None], |all| all.map(Some));
            let anew = |columns: &[Arc<Mat>], digests: Option<Bytes>| {
                anew(columns, digests, log_blowup).ok_or(foreign).map(Option::unzip)
            };
            let used: Vec<Stored> = summed.iter().filter(|m| m.width > 0).cloned().collect();
            let tree = match of_summed {
                Some(digests) if used.is_empty() => digests.is_empty().then_some(None).ok_or(foreign)?,
                Some(digests) => Some(Kept::of_columns(used, log_blowup, digests).ok_or(foreign)?),
                None => Kept::commit_columns(used, log_blowup),
            };
            (anew(&fixed, of_fixed)?, anew(&model, of_model)?, tree)
        }
    };
    let summed_commitment = summed_tree.as_ref().map(Kept::commitment);
    let summed_tree = summed_tree.map(Arc::new);
    let sparse: Vec<Mat> = compiled.air.groups.iter().map(sparse).collect();
    let sparse_extended = sparse.iter().cloned().map(|m| extend(m, LOG_QUOTIENT as u8)).collect();
    let hiding = compiled.air.budget().map(|b| {
        let points = Points::of(b);
        let tails = |m: &Mat| tails::extend(m.clone(), LOG_QUOTIENT as u8, points).1;
        let live = |g: &Group| Live::of(g.log_height, g.masks).map(|l| l.extended());
        Beyond {
            live: compiled.air.groups.iter().filter_map(live).collect(),
            fixed: fixed.iter().map(|m| (m.width > 0).then(|| tails(m))).collect(),
            model: model.iter().map(|m| (m.width > 0).then(|| tails(m))).collect(),
            sparse: sparse.iter().map(tails).collect(),
        }
    });
    let vk = VerifyingKey {
        program: program_digest,
        air: compiled.air.clone(),
        fixed: commitment,
        model: model_commitment,
        summed: summed_commitment,
        security,
        epochs,
    };
    let digest = vk.digest();
    Ok(ProvingKey {
        // what a compact key has not is made anew
        spare: compact.then_some(u64::MAX),
        program,
        vk,
        digest,
        compiled,
        fixed,
        sparse,
        sparse_extended,
        hiding,
        entropy,
        committed,
        model,
        model_committed,
        summed,
        summed_tree,
    })
}

const _: () = assert!(LOG_QUOTIENT == 1, "constraints have degree 3 and the quotient two chunks");
