//! The Fiat–Shamir transcript: what both sides absorb and draw, in order. The one place that says so.
//!
//! 1. absorb the protocol's name and version
//! 2. absorb the verifying key's digest: Program digest, shapes, constraints, monomials, equations, fixed commitment,
//!    security parameters
//! 3. absorb the public values
//! 4. absorb the witness commitment; grind; draw the fold variables, then LogUp's α and β
//! 5. absorb the round-2 commitment
//! 6. where values are copied between tables: grind; draw η; absorb the round-3 commitment
//! 7. absorb all terminals; grind; draw α, which combines the constraints
//! 8. absorb the quotient commitment; grind; draw the out-of-domain point ζ
//! 9. (p3) absorb every opened value; grind; draw the batching challenge; FRI
//!
//! # Correctness
//! * 2: the verifier takes nothing about the relation from the proof; a proof for another key starts another transcript.
//! * 3: a statement is fixed before any challenge, so a proof says one thing.
//! * 4: folds are polynomial identities in the witness: their point must not be known when the witness is committed; nor
//!   LogUp's, which compresses tuples of it.
//! * 5–6: η separates lists of segment values, so it comes after both lists (the Horner columns and the copies) are committed.
//! * 7: terminals are claims of the prover that constraints refer to; α must not be known when they are chosen (the "last
//!   challenge" bug of lookup arguments).
//! * 8: ζ comes after everything it evaluates.
//! * 9: p3's `TwoAdicFriPcs::verify` absorbs the claimed evaluations first; a test of ours changes one and sees it rejected.
//! * Lengths between draws are fixed by the key (2), so the encoding is injective.
use crate::air::{Air, EXTRA_VARIABLES};
use crate::p3::{Commitment, E, F, Sponge, signed};
use crate::security::SecurityParams;
use p3_challenger::{CanObserve, GrindingChallenger};
use tessera_api::{Digest, Publics};

/// Name and version of the protocol.
pub const PROTOCOL: &[u8] = b"tessera-plonky3/1";

/// Both sides' transcript. `G` says what grinding is: finding a witness, or checking one.
pub struct Transcript<G> {
    /// The sponge.
    pub sponge: Sponge,
    grind: G,
}

/// Grinding on one side.
pub trait Grind {
    /// Leaves the sponge as after absorbing a valid witness; false if there is none.
    fn grind(&mut self, sponge: &mut Sponge, bits: u8) -> bool;
}

/// The prover's side: finds witnesses, in order.
#[derive(Default)]
pub struct Find(pub Vec<F>);
/// The verifier's side: checks them, in order.
pub struct Check<'a>(pub std::slice::Iter<'a, F>);

impl Grind for Find {
    fn grind(&mut self, sponge: &mut Sponge, bits: u8) -> bool {
        if bits > 0 {
            self.0.push(sponge.grind(bits as usize));
        }
        true
    }
}

impl Grind for Check<'_> {
    fn grind(&mut self, sponge: &mut Sponge, bits: u8) -> bool {
        bits == 0 || self.0.next().is_some_and(|w| sponge.check_witness(bits as usize, *w))
    }
}

/// How many grinding witnesses a proof carries outside FRI.
pub fn witnesses(p: &SecurityParams, air: &Air) -> usize {
    let challenges = if air.links.is_empty() { 1 } else { 2 };
    (if p.challenge_pow > 0 { challenges } else { 0 })
        + usize::from(p.composition_pow > 0)
        + usize::from(p.point_pow > 0)
}

/// The challenge point of a Program: fold variables, α, β, η (1 until it is drawn).
pub struct Challenges(pub Vec<E>);

impl<G: Grind> Transcript<G> {
    /// Steps 1 to 3.
    pub fn new(key: Digest, publics: &Publics, grind: G) -> Self {
        let mut sponge = Sponge::new(PROTOCOL);
        sponge.bytes(&key.0);
        for x in publics.tensors.iter().flatten() {
            sponge.observe(signed(*x));
        }
        Transcript { sponge, grind }
    }

    /// Step 4. None if the grinding witness is wrong.
    pub fn challenges(
        &mut self,
        witness: Option<&Commitment>,
        air: &Air,
        p: &SecurityParams,
    ) -> Option<Challenges> {
        if let Some(c) = witness {
            self.sponge.commitment(c);
        }
        if !self.grind.grind(&mut self.sponge, p.challenge_pow) {
            return None;
        }
        let drawn = std::iter::repeat_n(&None, EXTRA_VARIABLES as usize - 1);
        let value = |v: &Option<i64>| v.map_or_else(|| self.sponge.draw(), |x| E::from(signed(x)));
        let mut all: Vec<E> = air.variables.iter().chain(drawn).map(value).collect();
        // no monomial of round 2 contains η
        all.push(<E as p3_field::PrimeCharacteristicRing>::ONE);
        Some(Challenges(all))
    }

    /// Step 5.
    pub fn round2(&mut self, c: Option<&Commitment>) {
        if let Some(c) = c {
            self.sponge.commitment(c);
        }
    }

    /// Step 6, drawing η.
    pub fn eta(&mut self, challenges: &mut Challenges, p: &SecurityParams) -> Option<()> {
        if !self.grind.grind(&mut self.sponge, p.challenge_pow) {
            return None;
        }
        if let Some(last) = challenges.0.last_mut() {
            *last = self.sponge.draw();
        }
        Some(())
    }

    /// Step 6, absorbing.
    pub fn round3(&mut self, c: Option<&Commitment>) {
        if let Some(c) = c {
            self.sponge.commitment(c);
        }
    }

    /// Step 7.
    pub fn alpha(&mut self, terminals: &[E], p: &SecurityParams) -> Option<E> {
        self.sponge.elements(terminals);
        self.grind.grind(&mut self.sponge, p.composition_pow).then(|| self.sponge.draw())
    }

    /// Step 8.
    pub fn zeta(&mut self, quotient: &Commitment, p: &SecurityParams) -> Option<E> {
        self.sponge.commitment(quotient);
        self.grind.grind(&mut self.sponge, p.point_pow).then(|| self.sponge.draw())
    }

    /// The sponge for step 9, and the grinding side.
    pub fn finish(self) -> (Sponge, G) {
        (self.sponge, self.grind)
    }
}
