//! The prover. At each challenge stands which error it buys, by the names of `security`'s report and docs/protocol.md.
//!
//! Invariants: a witness that violates the relation is not refused: it yields a proof that does not verify. The proof does
//! not depend on the number of threads.
use crate::adversary::{Claims, Drawn, Tamper};
use crate::air::symbol;
use crate::arithmetic::{Columns, Extension, Mat, flatten};
use crate::clock::Clock;
use crate::columns;
use crate::eval::prepare;
use crate::keys::{Proof, ProvingKey, Round};
use crate::p3::{
    Committed, Scheme, commit_extended, commit_quotients, extend, matrices, next_point, with_sums,
};
use crate::quotient;
use crate::transcript::{Find, Transcript};
use p3_maybe_rayon::prelude::*;
use tessera_api::{ProveError, Timings, Trace};

/// Proves that `trace` satisfies the key's Program; `tamper` may change anything on the way.
pub fn prove<E: Extension>(
    key: &ProvingKey,
    trace: Trace,
    tamper: &mut dyn Tamper<E>,
) -> Result<(Proof<E>, Timings), ProveError> {
    let mut clock = Clock::new();
    let (air, p) = (&key.vk.air, &key.vk.security);
    if usize::from(air.degree) != E::DEGREE {
        let why = format!("challenges of degree {} for a key of degree {}", E::DEGREE, air.degree);
        return Err(ProveError::Internal(why));
    }
    trace.publics.check(&air.publics).map_err(ProveError::Publics)?;
    let mut witness = columns::witness(&key.program, &key.compiled, trace.tables)?;
    let publics = trace.publics;
    tamper.witness(&mut witness);
    clock.lap("fill columns");

    let commit = |round: Round, columns: Vec<Mat>, tamper: &mut dyn Tamper<E>| {
        let mut extended: Vec<Mat> = columns.into_iter().map(extend).collect();
        tamper.extended(&mut extended);
        let (mut commitment, data) = commit_extended(extended).unzip();
        tamper.commitment(round, &key.vk, &mut commitment);
        (commitment, data)
    };
    let columns = witness.iter().filter(|m| m.width > 0).cloned().collect();
    let (c1, mut d1) = commit(Round::Witness, columns, tamper);
    tamper.committed(&mut witness);
    clock.lap("commit witness");

    let refused = || ProveError::Internal("the transcript refused its own proof of work".into());
    let mut transcript = Transcript::new(key.digest, &publics, Find::new(tamper.transcript()));
    // z, s, d: equations are compared at one point, so a false one passes with its degree over |E| ("folds");
    // α, β: tuples are compared as their compressions, and fractions summed ("lookups")
    let mut challenges = transcript.challenges(c1.as_ref(), air, p).ok_or_else(refused)?;
    let mut monomials = symbol::evaluate(&air.monomials, &challenges.0);
    let sums = columns::sums(air, &key.summed, &monomials);
    tamper.drawn(Drawn { key, sums: &sums, witness: &mut witness, data: &mut d1 });
    let base: Vec<Vec<&Mat>> = (0..air.groups.len())
        .map(|g| vec![&key.fixed[g], &key.model[g], &key.sparse[g], &witness[g], &sums[g]])
        .collect();
    let mut terminals = E::zero_vec(air.terminals as usize);
    let mut second = columns::round2(air, &key.compiled, &base, &monomials, &mut terminals, tamper);
    tamper.round2(&mut second);
    clock.lap("round-2 columns");

    let flat = |all: &[Columns<E>]| -> Vec<Mat> {
        all.iter().filter(|c| c.width > 0).map(|c| flatten(c.values.clone(), c.width)).collect()
    };
    let (c2, d2) = commit(Round::Second, flat(&second), tamper);
    transcript.round2(c2.as_ref());
    clock.lap("commit round 2");

    let (mut c3, mut d3) = (None, None);
    if !air.links.is_empty() {
        // η: two lists of segment values are compared as one combination each ("copied segment values")
        transcript.eta(&mut challenges, p).ok_or_else(refused)?;
        monomials = symbol::evaluate(&air.monomials, &challenges.0);
        let mut third = columns::round3(air, &base, &second, &monomials, &mut terminals);
        tamper.round3(&mut third);
        (c3, d3) = commit(Round::Third, flat(&third), tamper);
        transcript.round3(c3.as_ref());
        clock.lap("round 3");
    }
    drop(base);
    let sums = (key.summed_tree.as_ref())
        .map(|tree| with_sums(tree, sums.into_iter().filter(|m| m.width > 0).collect()));
    drop(witness);
    drop(second);
    tamper.terminals(
        &mut terminals,
        &Claims { air, monomials: &monomials, point: &challenges.0, publics: &publics },
    );
    // α: all constraints are checked as one combination ("constraint composition")
    let alpha = transcript.alpha(&terminals, p).ok_or_else(refused)?;

    let (fixed, model) = (key.committed.as_ref(), key.model_committed.as_ref());
    let sources: [Option<&Committed>; 6] =
        [fixed, model, sums.as_ref(), d1.as_ref(), d2.as_ref(), d3.as_ref()];
    let of = |round: Round, g: usize| -> Option<&Mat> {
        let at = round.shapes(air).iter().position(|s| s.group == g)?;
        let k = Round::ALL.iter().position(|r| *r == round)?;
        Some(matrices(sources[k]?)[at])
    };
    let mut quotients: Vec<Vec<E>> = (0..air.groups.len())
        .into_par_iter()
        .map(|g| {
            let group = &air.groups[g];
            let sparse = Some(&key.sparse_extended[g]);
            quotient::evaluate(&quotient::Input {
                log_height: group.log_height,
                base: [
                    of(Round::Fixed, g),
                    of(Round::Model, g),
                    sparse,
                    of(Round::Witness, g),
                    of(Round::Summed, g),
                ]
                .into_iter()
                .flatten()
                .collect(),
                extension: [of(Round::Second, g), of(Round::Third, g)].into_iter().flatten().collect(),
                nodes: &prepare(group, &monomials),
                terminals: &terminals,
                alpha,
            })
        })
        .collect();
    tamper.quotients(&mut quotients);
    clock.lap("quotient");

    let halves = air.groups.iter().zip(&quotients).map(|(g, q)| {
        let l = g.log_height;
        (l, quotient::halves(q, l))
    });
    let (c4, d4) = commit_quotients(halves.collect());
    drop(quotients);
    // ζ: polynomials are compared at one point outside the domain ("out-of-domain point")
    let zeta: E = transcript.zeta(&c4, p).ok_or_else(refused)?;
    clock.lap("commit quotient");

    let (mut sponge, found) = transcript.finish();
    let data = sources.into_iter().chain([Some(&d4)]);
    let rounds = Round::ALL.iter().zip(data).filter_map(|(round, d)| {
        let points = round.shapes(air).into_iter().map(|s| match round.points() {
            1 => vec![zeta],
            _ => vec![zeta, next_point(s.log_height, zeta)],
        });
        Some((d?, points.collect()))
    });
    // within: one combination of all openings is tested ("batched openings"), layer by layer at one point each ("FRI folding"), on some
    // of its points ("FRI queries")
    let opening = Scheme::new(&p.fri).open(rounds.collect(), &mut sponge, &mut |layer| tamper.folded(layer));
    let (opened, fri) = opening.map_err(ProveError::Internal)?;
    clock.lap("open");

    let commitments = [c1, c2, c3, Some(c4)].into_iter().flatten().collect();
    let mut proof = Proof { commitments, terminals, witnesses: found.0, opened, fri };
    tamper.proof(&mut proof);
    Ok((proof, clock.finish()))
}
