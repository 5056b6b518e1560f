//! The verifier.
//!
//! # Correctness
//! Everything that is compared stands in the key or is computed here: heights, widths, the number of points, queries and
//! terminals; the folds of public values; sparse selectors. Lengths are compared before anything indexes by them.
use crate::air::symbol::{self, Poly};
use crate::air::{Air, Equation, Group, Operand};
use crate::arithmetic::lanes::Point;
use crate::arithmetic::{
    Extension, F, Field, PrimeCharacteristicRing, TwoAdicField, combine as extension, coordinates, signed,
};
use crate::eval::{Combiner, Row, combine, prepare};
use crate::keys::{Proof, Round, VerifyingKey};
use crate::p3::{
    Claimed, Claims, Commitment, Opened, Scheme, Summed, check_fri_shape, domain, recompose_quotient,
    vanishing,
};
use crate::quotient::Live;
use crate::security;
use crate::transcript::{Check, Transcript, witnesses};
use tessera_api::{Digest, Publics, Seq, Verified, VerifyError};

/// Checks a proof of a statement. Never panics.
pub fn verify<E: Extension>(
    key: &VerifyingKey,
    publics: &Publics,
    proof: &Proof<E>,
) -> Result<Verified, VerifyError> {
    let run = std::panic::AssertUnwindSafe(|| checked(key, publics, proof));
    // shapes are compared before p3 sees anything: a panic is a defect, or a machine without threads, and says nothing of the proof
    std::panic::catch_unwind(run)
        .unwrap_or_else(|_| Err(VerifyError::Internal("the verifier failed unexpectedly".into())))
}

fn shape(what: &str, expected: usize, found: usize) -> Result<(), VerifyError> {
    if expected == found {
        Ok(())
    } else {
        Err(VerifyError::Shape(format!("{what}: expected {expected}, found {found}")))
    }
}

/// [`verify`] without the net that turns a panic into a rejection.
pub(crate) fn checked<E: Extension>(
    key: &VerifyingKey,
    publics: &Publics,
    proof: &Proof<E>,
) -> Result<Verified, VerifyError> {
    let (air, p) = (&key.air, &key.security);
    air.validate().map_err(|e| VerifyError::Shape(format!("the verifying key is invalid: {e}")))?;
    shape("degree of the challenges", air.degree.into(), E::DEGREE)?;
    security::check(p, air).map_err(|e| VerifyError::Shape(format!("the verifying key is too weak: {e}")))?;
    publics.check(&air.publics).map_err(VerifyError::Publics)?;
    let rounds = rounds(air);
    check_shapes(key, &rounds, proof)?;
    fresh(key, proof)?;
    protocol(key, &rounds, publics, proof)
}

/// No proof has a reason to commit to the key's very columns, and what is known of a commitment of the key is not known of a
/// prover's.
fn fresh<E: Extension>(key: &VerifyingKey, proof: &Proof<E>) -> Result<(), VerifyError> {
    let mut own = key.fixed.iter().chain(&key.model).chain(&key.summed);
    if own.any(|c| proof.commitments.contains(c)) {
        return Err(VerifyError::Shape("a commitment of the proof is one of the key's".into()));
    }
    Ok(())
}

/// The rounds of the protocol that a key has.
pub(crate) fn rounds(air: &Air) -> Vec<Round> {
    Round::ALL.into_iter().filter(|r| *r == Round::Quotient || !r.shapes(air).is_empty()).collect()
}

/// The protocol, with a key that means something and a proof of its shape.
pub(crate) fn protocol<E: Extension>(
    key: &VerifyingKey,
    rounds: &[Round],
    publics: &Publics,
    proof: &Proof<E>,
) -> Result<Verified, VerifyError> {
    let (air, p) = (&key.air, &key.security);
    // commitments by round; the first ones are the key's
    let mut given = proof.commitments.iter();
    let mut commitment = |r: Round| match r {
        Round::Fixed => key.fixed.as_ref(),
        Round::Model => key.model.as_ref(),
        Round::Summed => key.summed.as_ref(),
        _ if rounds.contains(&r) => given.next(),
        _ => None,
    };
    let all = Round::ALL.map(&mut commitment);
    let [_, _, _, c1, c2, c3, Some(c4)] = all else {
        return Err(VerifyError::Shape("the quotient's commitment is missing".into()));
    };
    let weak = || VerifyError::Opening("a proof of work is missing or wrong".into());
    let digest: Digest = key.digest();
    let mut transcript = Transcript::new(digest, publics, Check(proof.witnesses.iter()));
    let mut challenges = transcript.challenges(c1, air, p).ok_or_else(weak)?;
    transcript.round2(c2);
    if !air.links.is_empty() {
        transcript.eta(&mut challenges, p).ok_or_else(weak)?;
        transcript.round3(c3);
    }
    let alpha: E = transcript.alpha(&proof.terminals, p).ok_or_else(weak)?;
    let zeta: E = transcript.zeta(c4, p).ok_or_else(weak)?;
    let (mut sponge, _) = transcript.finish();

    let monomials = symbol::evaluate(&air.monomials, &challenges.0);
    let mut claims: Claims<E> = vec![];
    for (round, opened) in rounds.iter().zip(&proof.opened) {
        let k = Round::ALL.iter().position(|r| r == round).unwrap_or(0);
        let Some(c) = all[k] else {
            return Err(VerifyError::Shape("a commitment is missing".into()));
        };
        let mut matrices = vec![];
        for (s, points) in round.shapes(air).iter().zip(opened) {
            let at = round.points_of(s, air, zeta);
            matrices.push((domain(s.log_height), at.into_iter().zip(points.iter().cloned()).collect()));
        }
        claims.push((claimed(*round, c.clone(), air, &monomials), matrices));
    }
    Scheme::new(&p.fri).verify(claims, &proof.fri, &mut sponge).map_err(VerifyError::Opening)?;

    let at = At { air, rounds, monomials: &monomials, alpha, terminals: &proof.terminals };
    for (group, (constraints, quotient)) in air.groups.iter().zip(at.evaluate(&proof.opened, zeta)) {
        if constraints != quotient * vanishing(group.log_height, zeta) {
            return Err(VerifyError::Constraints(group.tables.join(", ")));
        }
    }
    terminals(air, &proof.terminals, &monomials, &challenges.0, publics)?;
    let r = security::report(p, air);
    Ok(Verified { security_bits: r.bits, proven_bits: r.proven, regime: r.regime, limited_by: r.limited_by })
}

/// What the identity at a point outside of the domain is evaluated with.
pub(crate) struct At<'a, E> {
    pub(crate) air: &'a Air,
    pub(crate) rounds: &'a [Round],
    pub(crate) monomials: &'a [E],
    pub(crate) alpha: E,
    pub(crate) terminals: &'a [E],
}

impl<E: Extension> At<'_, E> {
    /// Per group what its constraints come to, and its quotient, where the columns take these values.
    pub(crate) fn evaluate(&self, opened: &Opened<E>, zeta: E) -> Vec<(E, E)> {
        let one = |(g, group): (usize, &Group)| -> (E, E) {
            let at = |r: Round, point: usize| -> &[E] {
                let k = self.rounds.iter().position(|x| *x == r);
                let i = r.shapes(self.air).iter().position(|s| s.group == g);
                match (k, i) {
                    (Some(k), Some(i)) => &opened[k][i][point],
                    _ => &[],
                }
            };
            let pairs =
                |v: &[E]| -> Vec<E> { v.chunks_exact(E::DEGREE).map(|c| extension(|i| c[i])).collect() };
            let base = [
                at(Round::Fixed, 0),
                at(Round::Model, 0),
                &sparse(group, zeta),
                at(Round::Witness, 0),
                at(Round::Summed, 0),
            ]
            .concat();
            let ext = |point| [at(Round::Second, point), at(Round::Third, point)].concat();
            let (current, next) = (pairs(&ext(0)), pairs(&ext(1)));
            let nodes = prepare(group, self.monomials);
            let live = Live::of(group.log_height, group.masks).map(|l| l.at(zeta));
            let row = Row::<Point<E>> { base: &base, current: &current, next: &next, live };
            let combiner = Combiner::new(&nodes, self.alpha);
            let value = combine::<Point<E>>(&nodes, &combiner, &row, self.terminals, &mut vec![]);
            let parts = pairs(at(Round::Quotient, 0));
            let part = |i: usize| parts.get(i).copied().unwrap_or_default();
            let quotient = match self.air.budget() {
                None => recompose_quotient(group.log_height, [part(0), part(1)], zeta),
                Some(b) => {
                    // the third segments of all groups stand in the last matrix
                    let last = self.rounds.len() - 1;
                    let shared = pairs(opened[last].last().map_or(&[], |points| &points[0]));
                    let third = shared.get(g).copied().unwrap_or_default();
                    let step = zeta.exp_u64(b.stride(group.height()) as u64);
                    part(0) + step * (part(1) + step * third)
                }
            };
            (value, quotient)
        };
        self.air.groups.iter().enumerate().map(one).collect()
    }
}

/// Every length of the proof.
fn check_shapes<E: Extension>(
    key: &VerifyingKey,
    rounds: &[Round],
    proof: &Proof<E>,
) -> Result<(), VerifyError> {
    let air = &key.air;
    let committed = rounds.iter().filter(|r| !r.in_key()).count();
    shape("commitments", committed, proof.commitments.len())?;
    for c in proof.commitments.iter().chain(&key.fixed).chain(&key.model).chain(&key.summed) {
        shape("roots of a commitment", 1, c.num_roots())?;
    }
    for (what, round, c) in [
        ("commitment to fixed columns", Round::Fixed, &key.fixed),
        ("commitment of the model's owner", Round::Model, &key.model),
        ("commitment to summed columns", Round::Summed, &key.summed),
    ] {
        shape(what, usize::from(rounds.contains(&round)), c.iter().count())?;
    }
    shape("terminals", air.terminals as usize, proof.terminals.len())?;
    shape("proofs of work", witnesses(&key.security, air), proof.witnesses.len())?;
    shape("opened rounds", rounds.len(), proof.opened.len())?;
    let mut widths = vec![];
    for (r, opened) in rounds.iter().zip(&proof.opened) {
        let shapes = r.shapes(air);
        shape("opened matrices", shapes.len(), opened.len())?;
        for (s, points) in shapes.iter().zip(opened) {
            shape("opened points", r.points(), points.len())?;
            for values in points {
                shape("opened columns", s.width, values.len())?;
            }
        }
        widths.push(shapes.iter().map(|s| (s.log_height, s.width)).collect());
    }
    check_fri_shape(&key.security.fri, &widths, &proof.fri).map_err(VerifyError::Shape)
}

/// What is opened of a round's commitment: of the key's summed columns their sums, with the weights of this proof, coordinate by
/// coordinate; of every other commitment its columns, with salts where the proof hides what is committed.
fn claimed<E: Extension>(round: Round, commitment: Commitment, air: &Air, monomials: &[E]) -> Claimed {
    if round.private() && air.budget().is_some() {
        return Claimed::Salted(commitment);
    }
    if round != Round::Summed {
        return Claimed::Columns(commitment);
    }
    let matrix = |g: &Group| -> Summed {
        let all = g.sum_weights(monomials);
        let coordinate = |w: &[(u32, E)], i: usize| w.iter().map(|(c, x)| (*c, coordinates(x)[i])).collect();
        let sums = all.iter().flat_map(|w| (0..E::DEGREE).map(|i| coordinate(w, i))).collect();
        Summed { width: g.summed as usize, sums }
    };
    let matrices = air.groups.iter().filter(|g| !g.sums.is_empty()).map(matrix).collect();
    Claimed::Sums(commitment, matrices)
}

/// Sparse selectors at ζ: Σ over rows r of the Lagrange polynomial of ωʳ, (ζⁿ − 1)/n · ωʳ/(ζ − ωʳ).
fn sparse<E: Extension>(g: &Group, zeta: E) -> Vec<E> {
    let omega = F::two_adic_generator(g.log_height as usize);
    let scale = vanishing(g.log_height, zeta) * F::from_u64(1 << g.log_height).inverse();
    let lagrange = |r: &u32| {
        let x = omega.exp_u64(*r as u64);
        (zeta - x).try_inverse().unwrap_or_default() * x
    };
    g.sparse.iter().map(|rows| scale * rows.iter().map(lagrange).sum::<E>()).collect()
}

/// Lookups balance, copies agree, equations hold.
fn terminals<E: Extension>(
    air: &Air,
    values: &[E],
    monomials: &[E],
    point: &[E],
    publics: &Publics,
) -> Result<(), VerifyError> {
    let lookups: E = air.lookup_terminals.iter().map(|t| values[*t as usize]).sum();
    let void = |(n, d): &(i64, Poly)| Some(d.value(monomials).try_inverse()? * signed(*n));
    let void: Option<E> = air.void.iter().map(void).sum();
    if void.is_none_or(|v| lookups + v != E::ZERO) {
        return Err(VerifyError::Lookups);
    }
    for (a, b) in &air.links {
        if values[*a as usize] != values[*b as usize] {
            return Err(VerifyError::Equation("copied segment values".into()));
        }
    }
    for e in &air.equations {
        if equation(e, values, monomials, point, publics) != E::ZERO {
            return Err(VerifyError::Equation(e.name.clone()));
        }
    }
    Ok(())
}

/// What an equation's left side comes to.
pub(crate) fn equation<E: Extension>(
    e: &Equation,
    values: &[E],
    monomials: &[E],
    point: &[E],
    publics: &Publics,
) -> E {
    let term = |t: &crate::air::EquationTerm| {
        let operand = match &t.operand {
            Operand::Terminals(list) => list.iter().map(|i| values[*i as usize]).product(),
            Operand::Public { public, monomials } => {
                public_fold(monomials, &publics.tensors[*public as usize], point)
            }
            Operand::Ones { monomials } => ones(monomials, point),
        };
        operand * monomials[t.monomial as usize] * signed(t.coefficient)
    };
    e.terms.iter().map(term).sum()
}

/// Σ monomial(e)·value(e) over the elements of a public tensor, by Horner along every loop: one product per element.
fn public_fold<E: Extension>(layout: &Seq, values: &[i64], point: &[E]) -> E {
    let monomial = |exponents: &[i64]| -> E {
        let power = |(x, e): (&E, &i64)| {
            let base = if e.is_negative() { x.try_inverse().unwrap_or_default() } else { *x };
            base.exp_u64(e.unsigned_abs())
        };
        point.iter().zip(exponents).filter(|(_, e)| **e != 0).map(power).product()
    };
    let mut rest = values;
    let mut sum = E::ZERO;
    for r in &layout.runs {
        let steps: Vec<Step<E>> = r
            .loops
            .iter()
            .map(|(n, d)| Step { count: *n as usize, flag: d[0], factor: monomial(&d[1..]) })
            .collect();
        let n: usize = steps.iter().map(|s| s.count).product();
        let (own, after) = rest.split_at(n.min(rest.len()));
        rest = after;
        sum += monomial(&r.start[1..]) * nest(&steps, r.start[0], own);
    }
    sum
}

/// The sum of monomials, loop by loop a geometric sum.
fn ones<E: Extension>(layout: &Seq, point: &[E]) -> E {
    let monomial = |exponents: &[i64]| -> E {
        let powers = point.iter().zip(exponents).filter(|(_, e)| **e != 0);
        powers.map(|(x, e)| x.exp_u64(e.unsigned_abs())).product()
    };
    let run = |r: &tessera_api::Run| {
        let loops = r.loops.iter().map(|(n, d)| geometric(monomial(&d[1..]), *n));
        loops.fold(monomial(&r.start[1..]), |a, b| a * b)
    };
    layout.runs.iter().map(run).sum()
}

/// Σ ratioⁱ for i < n, by halves.
fn geometric<E: Extension>(ratio: E, n: u32) -> E {
    // of the leading bits of n: the sum, and ratio to the power of their number
    let (mut sum, mut power) = (E::ZERO, E::ONE);
    for bit in (0..32 - n.leading_zeros()).rev() {
        (sum, power) = (sum + sum * power, power * power);
        if n >> bit & 1 == 1 {
            (sum, power) = (sum + power, power * ratio);
        }
    }
    sum
}

/// A loop of a layout: its turns, the step of the flag, the monomial by which a turn is multiplied.
struct Step<E> {
    count: usize,
    flag: i64,
    factor: E,
}

/// A loop nest relative to its first element, the outermost loop last; elements whose flag is 0 take no part.
fn nest<E: Extension>(loops: &[Step<E>], flag: i64, values: &[i64]) -> E {
    match loops {
        [] => values.first().filter(|_| flag != 0).map_or(E::ZERO, |v| E::from(signed(*v))),
        [s] if s.flag == 0 && flag != 0 => {
            values.iter().rev().fold(E::ZERO, |a, v| a * s.factor + signed(*v))
        }
        [inner @ .., s] => {
            let size = values.len() / s.count.max(1);
            (0..s.count).rev().fold(E::ZERO, |a, i| {
                let part = &values[i * size..(i + 1) * size];
                a * s.factor + nest(inner, flag + i as i64 * s.flag, part)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::Quadratic as E;
    use crate::p3::Sponge;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn public_folds_are_sums_over_elements(v in prop::collection::vec((0i64..2, 0i64..4, 0i64..3, -9i64..9), 1..80)) {
            let layout: Vec<i64> = v.iter().flat_map(|x| [x.0, x.1, x.2]).collect();
            let values: Vec<i64> = v.iter().map(|x| x.3).collect();
            let mut sponge = Sponge::new(b"test");
            let point: [E; 2] = [sponge.draw(), sponge.draw()];
            let expected: E = v
                .iter()
                .map(|x| point[0].exp_u64(x.1 as u64) * point[1].exp_u64(x.2 as u64) * signed(x.0 * x.3))
                .sum();
            prop_assert_eq!(public_fold(&Seq::compress(3, &layout), &values, &point), expected);
        }

        #[test]
        fn ones_are_sums_of_monomials(a in 1u32..40, b in 1u32..40, start in 0i64..5, steps in [0i64..5, 0i64..5], both in any::<bool>()) {
            let (b, mut loops) = (if both { b } else { 1 }, vec![(a, vec![0, steps[0], 1])]);
            loops.extend(both.then(|| (b, vec![0, steps[1], 0])));
            let layout = Seq { dim: 3, runs: vec![tessera_api::Run { start: vec![1, start, 2], loops }] };
            let mut sponge = Sponge::new(b"test");
            let point: [E; 2] = [sponge.draw(), sponge.draw()];
            let all = (a * b) as usize;
            prop_assert_eq!(ones(&layout, &point), public_fold(&layout, &vec![1; all], &point));
        }
    }
}
