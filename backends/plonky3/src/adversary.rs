//! A dishonest prover for tests: hooks that may change what is committed, claimed or sent, at every phase.
//!
//! Invariant: without the feature `adversary` nothing outside this crate can reach them, and the honest prover's are empty.
#[cfg(any(test, feature = "adversary"))]
pub mod forger;
use crate::air::Air;
use crate::arithmetic::{Columns, Extension, Mat};
use crate::hiding::segments::Segments;
use crate::keys::{Proof, ProvingKey, Round, VerifyingKey};
use crate::p3::{Commitment, Committed};
use crate::transcript::Skew;
use tessera_api::Publics;

/// What exposed values have to satisfy: a forger who knows it can choose false ones that do.
#[cfg_attr(not(any(test, feature = "adversary")), allow(dead_code))]
pub struct Claims<'a, E> {
    /// Equations, links and lookups.
    pub air: &'a Air,
    /// Values of the monomials.
    pub monomials: &'a [E],
    /// The challenges.
    pub point: &'a [E],
    /// The statement.
    pub publics: &'a Publics,
}

/// What an adaptive prover may still change once the challenges after the witness are known: all but the commitment it has sent.
#[cfg_attr(not(any(test, feature = "adversary")), allow(dead_code))]
pub struct Drawn<'a> {
    /// The key.
    pub key: &'a ProvingKey,
    /// The sums of the key's columns.
    pub sums: &'a [Mat],
    /// What later rounds are computed of.
    pub witness: &'a mut Vec<Mat>,
    /// What the commitment will be opened from.
    pub data: &'a mut Option<Committed>,
    /// The same of other columns, with the salts that there are.
    pub commit: &'a dyn Fn(Vec<Mat>) -> Option<Committed>,
}

/// What may be changed, in the order of the protocol.
pub trait Tamper<E: Extension> {
    /// The order of the transcript, before anything is absorbed.
    fn transcript(&mut self) -> Option<Skew> {
        None
    }
    /// The witness columns on physical rows, before they are committed.
    fn witness(&mut self, _groups: &mut [Mat]) {}
    /// The witness of a hiding proof, once its mask rows are filled.
    fn masks(&mut self, _groups: &mut [Mat]) {}
    /// The same of round 2 and of round 3.
    fn extension_masks(&mut self, _round: u8, _groups: &mut [Columns<E>]) {}
    /// The segments of each group's quotient with its random codeword, then what all groups share: coefficients.
    fn segments(&mut self, _groups: &mut [Segments]) {}
    /// The matrix of third segments, with its random codeword.
    fn last(&mut self, _m: &mut Mat) {}
    /// Whether the leaves of a hiding proof's trees have salts.
    fn salted(&mut self) -> bool {
        true
    }
    /// The entropy of a hiding proof, in place of the operating system's.
    fn entropy(&mut self) -> Option<[u8; 32]> {
        None
    }
    /// The same after they are committed: what later rounds are computed of.
    fn committed(&mut self, _groups: &mut [Mat]) {}
    /// Low-degree extensions of the witness, then of round 2, then of round 3, rows in bit-reversed order, before they are
    /// committed.
    fn extended(&mut self, _matrices: &mut [Mat]) {}
    /// Whether what is opened may be no extension, so that its combination is taken row by row.
    fn any_rows(&self) -> bool {
        false
    }
    /// A commitment of the witness, of round 2 or of round 3, before it is absorbed and sent.
    fn commitment(&mut self, _round: Round, _key: &VerifyingKey, _c: &mut Option<Commitment>) {}
    /// The challenges that follow the witness are drawn.
    fn drawn(&mut self, _drawn: Drawn) {}
    /// A layer that FRI has folded, before it is committed.
    fn folded(&mut self, _layer: &mut [E]) {}
    /// The values copied from one table to another, before running sums take them up.
    fn copied(&mut self, _copy: usize, _values: &mut [E]) {}
    /// Folds, copies, sums, fractions, before they are committed.
    fn round2(&mut self, _groups: &mut [Columns<E>]) {}
    /// η-folds, before they are committed.
    fn round3(&mut self, _groups: &mut [Columns<E>]) {}
    /// Exposed values, before they are absorbed.
    fn terminals(&mut self, _values: &mut [E], _claims: &Claims<E>) {}
    /// The quotient's values on the extension, before it is committed.
    fn quotients(&mut self, _groups: &mut [Vec<E>]) {}
    /// The finished proof.
    fn proof(&mut self, _proof: &mut Proof<E>) {}
}

/// Changes nothing.
pub struct Honest;
impl<E: Extension> Tamper<E> for Honest {}
