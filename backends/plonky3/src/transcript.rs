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
use crate::arithmetic::{Extension, F, PrimeCharacteristicRing, signed};
use crate::p3::{Commitment, Sponge};
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

/// What is absorbed outside p3, in order: steps 2 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The verifying key's digest.
    Key,
    /// The public values.
    Publics,
    /// The witness commitment.
    Witness,
    /// The round-2 commitment.
    Round2,
    /// The round-3 commitment.
    Round3,
    /// All terminals.
    Terminals,
    /// The quotient commitment.
    Quotient,
}

/// One side's conduct.
pub trait Grind {
    /// Leaves the sponge as after absorbing a valid witness; false if there is none.
    fn grind(&mut self, sponge: &mut Sponge, bits: u8) -> bool;
    /// Before a message is absorbed; false to leave it out. Only a forger does anything here.
    fn absorbs(&mut self, _sponge: &Sponge, _message: Message) -> bool {
        true
    }
    /// A challenge. Only a forger takes another than the sponge's.
    fn draw<E: Extension>(&mut self, sponge: &mut Sponge) -> E {
        sponge.draw()
    }
}

/// What a forger does to the transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// Does not absorb a message.
    Omit(Message),
    /// Draws the challenges that follow a message before it absorbs it.
    Late(Message),
    /// Does no proof of work and sends a wrong one.
    Idle,
}

/// The prover's side: finds witnesses, in order.
pub struct Find(pub Vec<F>, Option<Skew>, Option<Sponge>);

impl Find {
    /// Honest without a skew.
    pub fn new(skew: Option<Skew>) -> Find {
        Find(vec![], skew, None)
    }
}

/// The verifier's side: checks them, in order.
pub struct Check<'a>(pub std::slice::Iter<'a, F>);

impl Grind for Find {
    fn grind(&mut self, sponge: &mut Sponge, bits: u8) -> bool {
        if bits > 0 && self.1 == Some(Skew::Idle) {
            let wrong = (0..).map(F::from_u64).find(|w| !sponge.clone().check_witness(bits as usize, *w));
            let wrong = wrong.unwrap_or_default();
            let _ = sponge.check_witness(bits as usize, wrong);
            self.0.push(wrong);
        } else if bits > 0 {
            self.0.push(sponge.grind(bits as usize));
        }
        true
    }

    fn absorbs(&mut self, sponge: &Sponge, message: Message) -> bool {
        self.2 = (self.1 == Some(Skew::Late(message))).then(|| sponge.clone());
        self.1 != Some(Skew::Omit(message))
    }

    fn draw<E: Extension>(&mut self, sponge: &mut Sponge) -> E {
        let due = sponge.draw();
        self.2.as_mut().map_or(due, Sponge::draw)
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
pub struct Challenges<E>(pub Vec<E>);

impl<G: Grind> Transcript<G> {
    /// Steps 1 to 3.
    pub fn new(key: Digest, publics: &Publics, grind: G) -> Self {
        let mut t = Transcript { sponge: Sponge::new(PROTOCOL), grind };
        t.absorb(Message::Key, |s| s.bytes(&key.0));
        t.absorb(Message::Publics, |s| {
            publics.tensors.iter().flatten().for_each(|x| s.observe(signed(*x)));
        });
        t
    }

    fn absorb(&mut self, message: Message, what: impl FnOnce(&mut Sponge)) {
        if self.grind.absorbs(&self.sponge, message) {
            what(&mut self.sponge);
        }
    }

    fn draw<E: Extension>(&mut self) -> E {
        self.grind.draw(&mut self.sponge)
    }

    fn commitment(&mut self, message: Message, c: Option<&Commitment>) {
        if let Some(c) = c {
            self.absorb(message, |s| s.commitment(c));
        }
    }

    /// Step 4. None if the grinding witness is wrong.
    pub fn challenges<E: Extension>(
        &mut self,
        witness: Option<&Commitment>,
        air: &Air,
        p: &SecurityParams,
    ) -> Option<Challenges<E>> {
        self.commitment(Message::Witness, witness);
        if !self.grind.grind(&mut self.sponge, p.challenge_pow) {
            return None;
        }
        let drawn = std::iter::repeat_n(&None, EXTRA_VARIABLES as usize - 1);
        let value = |v: &Option<i64>| v.map_or_else(|| self.draw(), |x| E::from(signed(x)));
        let mut all: Vec<E> = air.variables.iter().chain(drawn).map(value).collect();
        // no monomial of round 2 contains η
        all.push(E::ONE);
        Some(Challenges(all))
    }

    /// Step 5.
    pub fn round2(&mut self, c: Option<&Commitment>) {
        self.commitment(Message::Round2, c);
    }

    /// Step 6, drawing η.
    pub fn eta<E: Extension>(&mut self, challenges: &mut Challenges<E>, p: &SecurityParams) -> Option<()> {
        if !self.grind.grind(&mut self.sponge, p.challenge_pow) {
            return None;
        }
        if let Some(last) = challenges.0.last_mut() {
            *last = self.draw();
        }
        Some(())
    }

    /// Step 6, absorbing.
    pub fn round3(&mut self, c: Option<&Commitment>) {
        self.commitment(Message::Round3, c);
    }

    /// Step 7.
    pub fn alpha<E: Extension>(&mut self, terminals: &[E], p: &SecurityParams) -> Option<E> {
        self.absorb(Message::Terminals, |s| s.elements(terminals));
        self.grind.grind(&mut self.sponge, p.composition_pow).then(|| self.draw())
    }

    /// Step 8.
    pub fn zeta<E: Extension>(&mut self, quotient: &Commitment, p: &SecurityParams) -> Option<E> {
        self.commitment(Message::Quotient, Some(quotient));
        self.grind.grind(&mut self.sponge, p.point_pow).then(|| self.draw())
    }

    /// The sponge for step 9, and the grinding side.
    pub fn finish(self) -> (Sponge, G) {
        (self.sponge, self.grind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{join, lookups, suite};

    /// What a proof must carry is what the prover finds on the way.
    fn as_many_witnesses_as_challenges_are_ground<E: Extension>() {
        let mut linked = 0;
        // whatever is committed to
        let key = suite::quick::<E>().setup(&lookups(1).program).unwrap().1;
        let root = key.fixed.as_ref().or(key.summed.as_ref()).unwrap();
        for c in [lookups(1), join::join(1, join::shape(1))] {
            let vk = suite::quick::<E>().setup(&c.program).unwrap().1;
            for (challenge, composition, point) in [(0, 0, 0), (3, 0, 0), (0, 3, 0), (0, 0, 3), (2, 3, 1)] {
                let (challenge_pow, composition_pow, point_pow) = (challenge, composition, point);
                let p = SecurityParams { challenge_pow, composition_pow, point_pow, ..vk.security };
                let mut t = Transcript::new(vk.digest(), &Publics { tensors: vec![] }, Find::new(None));
                let mut drawn = t.challenges::<E>(Some(root), &vk.air, &p).unwrap();
                t.round2(Some(root));
                if !vk.air.links.is_empty() {
                    t.eta(&mut drawn, &p).unwrap();
                    linked += 1;
                }
                t.alpha::<E>(&[E::ONE], &p).unwrap();
                t.zeta::<E>(root, &p).unwrap();
                assert_eq!(t.finish().1.0.len(), witnesses(&p, &vk.air), "{p:?}");
            }
        }
        assert!(linked > 0, "a Program whose tables copy values");
    }

    both!(as_many_witnesses_as_challenges_are_ground);
}
