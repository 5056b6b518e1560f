//! The prover. At each challenge stands which error it buys, by the names of `security`'s report and docs/protocol.md.
//!
//! Invariants: a witness that violates the relation is not refused: it yields a proof that does not verify. The proof does
//! not depend on the number of threads.
use crate::adversary::{Claims, Drawn, Honest, Tamper};
use crate::air::{Air, Group, symbol};
use crate::arithmetic::{Columns, Extension, Mat, flatten};
use crate::clock::Clock;
use crate::columns::{self, Given};
use crate::eval::{Ready, prepare};
use crate::hiding::masks::Hiding;
use crate::hiding::random::{Purpose, Seed};
use crate::hiding::segments::{self, Segments};
use crate::hiding::tails::{self, Points, Tails};
use crate::keys::{Proof, ProvingKey, Round};
use crate::p3::{
    Commitment, Committed, Digests, Scheme, Watch, commit_extended, commit_quotients, commit_salted,
    commit_streamed, extend, extend_coefficients, hold_extension, streamed, with_sums,
};
use crate::quotient::{self, Live, Sources, held};
use crate::security;
use crate::transcript::{Find, Transcript};
use p3_maybe_rayon::prelude::*;
use std::sync::Arc;
use tessera_api::{ProveError, Publics, Timings, Trace};

/// The prover's commitments: of a hiding proof with tails of what is committed, and salts.
struct Commit<'a, E: Extension> {
    key: &'a ProvingKey,
    /// Whether extensions are not held.
    streams: bool,
    hiding: Option<&'a Hiding>,
    tamper: &'a mut dyn Tamper<E>,
}

/// A round's commitment.
struct Done {
    commitment: Option<Commitment>,
    data: Option<Committed>,
    tails: Vec<Tails>,
}

impl<E: Extension> Commit<'_, E> {
    /// Commits to columns given on the trace domain.
    fn columns(&mut self, round: Round, columns: Vec<Mat>) -> Done {
        let (mut extended, mut tails) = (vec![], vec![]);
        let log_blowup = self.key.vk.security.fri.log_blowup;
        if self.streams {
            let tree = commit_streamed(&columns.iter().collect::<Vec<_>>(), log_blowup);
            let commitment = tree.as_ref().map(Digests::commitment);
            let columns = columns.into_iter().map(Arc::new).collect();
            return Done { commitment, data: tree.map(|tree| streamed(columns, log_blowup, tree)), tails };
        }
        match self.hiding {
            None => extended.extend(columns.into_iter().map(|m| extend(m, log_blowup))),
            Some(h) => {
                let points = Points::of(h.budget);
                for (m, t) in columns.into_iter().map(|m| tails::extend(m, log_blowup, points)) {
                    extended.push(m);
                    tails.push(t);
                }
            }
        }
        self.tamper.extended(&mut extended);
        let (mut commitment, data) = self.extended(round, extended).unzip();
        self.tamper.commitment(round, &self.key.vk, &mut commitment);
        Done { commitment, data, tails }
    }

    /// Commits to low-degree extensions.
    fn extended(&mut self, round: Round, extended: Vec<Mat>) -> Option<(Commitment, Committed)> {
        let Some(h) = self.hiding else { return commit_extended(extended) };
        let salted = self.tamper.salted();
        commit_salted(extended, |block, cells| {
            if salted {
                h.seed.stream(Purpose::Salts(round as u8), 0, block).fill(cells);
            }
        })
    }
}

/// What hides a proof of this key.
///
/// # Hiding
/// A key is not believed: that its mask rows hide its queries is asked again.
fn hiding<E: Extension>(
    key: &ProvingKey,
    trace: &Trace,
    tamper: &mut dyn Tamper<E>,
) -> Result<Option<Hiding>, ProveError> {
    let (air, p) = (&key.vk.air, &key.vk.security);
    if key.program.zero_knowledge != air.budget().is_some() {
        return Err(ProveError::Internal(
            "the key and its model differ in whether proofs hide the witness".into(),
        ));
    }
    let Some(budget) = air.budget() else { return Ok(None) };
    security::hides(p, air).map_err(ProveError::Internal)?;
    let entropy = tamper.entropy().map_or_else(Seed::entropy, Ok).map_err(ProveError::Internal)?;
    Ok(Some(Hiding { budget, seed: Seed::new(&entropy, trace, &key.digest) }))
}

/// Sums of the key's columns on the extension, with tails where the proof hides something.
fn extended_sums(sums: Vec<Mat>, log_blowup: u8, hiding: Option<&Hiding>) -> (Vec<Mat>, Vec<Tails>) {
    match hiding {
        None => (sums.into_iter().map(|m| extend(m, log_blowup)).collect(), vec![]),
        Some(h) => sums.into_iter().map(|m| tails::extend(m, log_blowup, Points::of(h.budget))).unzip(),
    }
}

/// Columns of the groups that have a witness, as one matrix a group.
fn of_groups(air: &Air, columns: &[Mat]) -> Result<Vec<Mat>, ProveError> {
    let mut rest = columns.iter();
    let matrix = |g: &Group| match g.witness {
        0 => Some(Mat::new(vec![], 0)),
        width => rest
            .next()
            .filter(|m| m.width == width as usize && m.values.len() == g.height() * m.width)
            .cloned(),
    };
    let all: Option<Vec<Mat>> = air.groups.iter().map(matrix).collect();
    all.filter(|_| rest.next().is_none())
        .ok_or_else(|| ProveError::Shape("the committed columns are not those of the key".into()))
}

/// The tails of a group's matrix in a round, if it has one.
fn tails_of<'a>(air: &Air, round: Round, all: &'a [Tails], group: usize) -> Option<&'a Tails> {
    all.get(round.place(air, group)?)
}

/// The coordinates of columns, side by side.
fn flat<E: Extension>(all: Vec<Columns<E>>) -> Vec<Mat> {
    all.into_iter().map(|c| flatten(c.values, c.width)).collect()
}

/// The columns with these coordinates.
fn elements<E: Extension>(m: Mat) -> Columns<E> {
    Columns { width: m.width / E::DEGREE, values: E::reconstitute_from_base(m.values) }
}

/// Proves that `trace` satisfies the key's Program; `tamper` may change anything on the way.
pub fn prove<E: Extension>(
    key: &ProvingKey,
    trace: Trace,
    tamper: &mut dyn Tamper<E>,
) -> Result<(Proof<E>, Timings), ProveError> {
    prove_of(key, Proven::Trace(trace), tamper)
}

/// What is proven with.
pub(crate) enum Proven {
    /// Cells of the Program's tables.
    Trace(Trace),
    /// Columns that are committed already. The statement is empty.
    Sealed(Box<Sealed>),
}

/// A witness with a commitment of its own, whose mask rows are filled.
pub(crate) struct Sealed {
    /// Of the groups that have any.
    pub columns: Vec<Mat>,
    pub commitment: Commitment,
    pub data: Committed,
    /// What the randomness of the proof is mixed with besides.
    pub mark: Vec<i64>,
}

/// [`prove`], of a witness that may be committed already.
pub(crate) fn prove_of<E: Extension>(
    key: &ProvingKey,
    proven: Proven,
    tamper: &mut dyn Tamper<E>,
) -> Result<(Proof<E>, Timings), ProveError> {
    let mut clock = Clock::new();
    let (air, p) = (&key.vk.air, &key.vk.security);
    if usize::from(air.degree) != E::DEGREE {
        let why = format!("challenges of degree {} for a key of degree {}", E::DEGREE, air.degree);
        return Err(ProveError::Internal(why));
    }
    let (trace, sealed) = match proven {
        Proven::Trace(trace) => (trace, None),
        Proven::Sealed(sealed) => {
            let publics = Publics { tensors: vec![] };
            (Trace { tables: vec![sealed.mark.clone()], publics }, Some(sealed))
        }
    };
    trace.publics.check(&air.publics).map_err(ProveError::Publics)?;
    let hiding = hiding(key, &trace, tamper)?;
    let publics = trace.publics;
    let mut witness = match &sealed {
        Some(sealed) => of_groups(air, &sealed.columns)?,
        None => {
            let mut witness = columns::witness(&key.program, &key.compiled, trace.tables)?;
            if let Some(h) = &hiding {
                h.witness::<E>(air, &mut witness);
                tamper.masks(&mut witness);
            }
            witness
        }
    };
    tamper.witness(&mut witness);
    clock.lap("fill columns");

    let (whole, spare) = held(air, p.fri.log_blowup, key.spare.unwrap_or(u64::MAX));
    // where all extensions are held in the end, they are from the beginning
    let streams = whole.len() < air.groups.len();
    let commit = |round: Round, columns: Vec<Mat>, tamper: &mut dyn Tamper<E>| {
        Commit { key, streams, hiding: hiding.as_ref(), tamper }.columns(round, columns)
    };
    if streams && hiding.is_some() {
        return Err(ProveError::Internal("hidden columns are kept, and not made anew".into()));
    }
    let log_blowup = p.fri.log_blowup;
    let present = |m: &&Mat| m.width > 0;
    let mut tree = None;
    let Done { commitment: c1, data: mut d1, tails: t1 } = match sealed {
        None if streams => {
            tree = commit_streamed(&witness.iter().filter(present).collect::<Vec<_>>(), log_blowup);
            Done { commitment: tree.as_ref().map(Digests::commitment), data: None, tails: vec![] }
        }
        None => commit(Round::Witness, witness.iter().filter(present).cloned().collect(), tamper),
        Some(sealed) => {
            let columns = witness.iter().filter(present).cloned().collect();
            let tails = extended_sums(columns, log_blowup, hiding.as_ref()).1;
            Done { commitment: Some(sealed.commitment), data: Some(sealed.data), tails }
        }
    };
    tamper.committed(&mut witness);
    clock.lap("commit witness");

    let refused = || ProveError::Internal("the transcript refused its own proof of work".into());
    let mut transcript = Transcript::new(key.digest, &publics, Find::new(tamper.transcript()));
    // z, s, d: equations are compared at one point, so a false one passes with its degree over |E| ("folds");
    // α, β: tuples are compared as their compressions, and fractions summed ("lookups")
    let mut challenges = transcript.challenges(c1.as_ref(), air, p).ok_or_else(refused)?;
    let mut monomials = symbol::evaluate(&air.monomials, &challenges.0);
    let sums = columns::sums(air, &key.summed, &monomials);
    let again = |extended: Vec<Mat>| {
        Commit::<E> { key, streams, hiding: hiding.as_ref(), tamper: &mut Honest }
            .extended(Round::Witness, extended)
            .map(|c| c.1)
    };
    tamper.drawn(Drawn { key, sums: &sums, witness: &mut witness, data: &mut d1, commit: &again });
    let base: Vec<Vec<&Mat>> = (0..air.groups.len())
        .map(|g| vec![&key.fixed[g], &key.model[g], &key.sparse[g], &witness[g], &sums[g]])
        .collect();
    let mut terminals = E::zero_vec(air.terminals as usize);
    let given = Given { air, base: &base, monomials: &monomials, hiding: hiding.as_ref() };
    let mut second = columns::round2(&given, &key.compiled, &mut terminals, tamper);
    tamper.round2(&mut second);
    clock.lap("round-2 columns");

    let mut tree2 = None;
    let Done { commitment: c2, data: mut d2, tails: t2 } = match streams {
        true => {
            let columns = flat(second);
            tree2 = commit_streamed(&columns.iter().filter(present).collect::<Vec<_>>(), log_blowup);
            second = columns.into_iter().map(elements).collect();
            Done { commitment: tree2.as_ref().map(Digests::commitment), data: None, tails: vec![] }
        }
        false => {
            commit(Round::Second, flat(second.clone()).into_iter().filter(|m| m.width > 0).collect(), tamper)
        }
    };
    transcript.round2(c2.as_ref());
    clock.lap("commit round 2");

    let mut third = Done { commitment: None, data: None, tails: vec![] };
    if !air.links.is_empty() {
        // η: two lists of segment values are compared as one combination each ("copied segment values")
        transcript.eta(&mut challenges, p).ok_or_else(refused)?;
        monomials = symbol::evaluate(&air.monomials, &challenges.0);
        let given = Given { air, base: &base, monomials: &monomials, hiding: hiding.as_ref() };
        let mut columns = columns::round3(&given, &second, &mut terminals, tamper);
        tamper.round3(&mut columns);
        third = commit(Round::Third, flat(columns).into_iter().filter(|m| m.width > 0).collect(), tamper);
        transcript.round3(third.commitment.as_ref());
        clock.lap("round 3");
    }
    drop(base);
    let made_anew = |columns: Vec<Mat>, tree: Digests| {
        let columns = columns.into_iter().filter(|m| m.width > 0).map(Arc::new).collect();
        streamed(columns, log_blowup, tree)
    };
    if let Some(tree) = tree {
        d1 = Some(made_anew(std::mem::take(&mut witness), tree));
    }
    if let Some(tree) = tree2 {
        d2 = Some(made_anew(flat(std::mem::take(&mut second)), tree));
    }
    let Done { commitment: c3, data: mut d3, tails: t3 } = third;
    let sums: Vec<Mat> = sums.into_iter().filter(|m| m.width > 0).collect();
    let (sums, t0) = extended_sums(sums, log_blowup, hiding.as_ref());
    let sums = key.summed_tree.as_ref().map(|tree| with_sums(tree, sums));
    drop(witness);
    drop(second);
    tamper.terminals(
        &mut terminals,
        &Claims { air, monomials: &monomials, point: &challenges.0, publics: &publics },
    );
    // α: all constraints are checked as one combination ("constraint composition")
    let alpha = transcript.alpha(&terminals, p).ok_or_else(refused)?;

    for g in &whole {
        for (round, data) in [(Round::Witness, &mut d1), (Round::Second, &mut d2), (Round::Third, &mut d3)] {
            if let (Some(data), Some(at)) = (data.as_mut(), round.place(air, *g)) {
                hold_extension(data, at);
            }
        }
    }
    let (fixed, model) = (key.committed.as_ref(), key.model_committed.as_ref());
    let sources = [fixed, model, sums.as_ref(), d1.as_ref(), d2.as_ref(), d3.as_ref()];
    let nodes: Vec<Vec<Ready<E>>> = air.groups.iter().map(|g| prepare(g, &monomials)).collect();
    let input = |g: usize| quotient::Input::<E> {
        log_height: air.groups[g].log_height,
        base: vec![],
        extension: vec![],
        nodes: &nodes[g],
        summed: std::iter::once(0..nodes[g].len()).collect(),
        terminals: &terminals,
        alpha,
        live: key.hiding.as_ref().map(|h| &h.live[g]),
    };
    let columns = Sources { air, committed: sources, sparse: &key.sparse_extended };
    let all = 0..air.groups.len();
    let mut quotients: Vec<Vec<E>> = match key.spare {
        None => all.into_par_iter().map(|g| columns.whole(input(g), g)).collect(),
        Some(_) => {
            let one = |g| match whole.contains(&g) {
                true => columns.whole(input(g), g),
                false => columns.by_parts(&input(g), g, spare),
            };
            all.map(one).collect()
        }
    };
    tamper.quotients(&mut quotients);
    clock.lap("quotient");

    let (c4, d4) = match (&hiding, &key.hiding) {
        (Some(h), Some(known)) => {
            let beyond = |g: usize| -> Option<Vec<E>> {
                let fixed = known.fixed[g].as_ref();
                let base = [
                    fixed,
                    known.model[g].as_ref(),
                    Some(&known.sparse[g]),
                    tails_of(air, Round::Witness, &t1, g),
                    tails_of(air, Round::Summed, &t0, g),
                ];
                let base: Vec<&Tails> = base.into_iter().flatten().collect();
                let extension = [tails_of(air, Round::Second, &t2, g), tails_of(air, Round::Third, &t3, g)];
                let extension: Vec<&Tails> = extension.into_iter().flatten().collect();
                let live = Live::of(air.groups[g].log_height, air.groups[g].masks)?;
                let points = Points::of(h.budget);
                Some(quotient::beyond(&input(g), &live, points, [&base, &extension]))
            };
            let values = quotients.into_par_iter().enumerate();
            let segments = values.map(|(g, extended)| {
                let beyond = beyond(g).unwrap_or_default();
                segments::segments(h, g, segments::Values { extended, beyond })
            });
            let mut segments: Vec<Segments> = segments.collect();
            tamper.segments(&mut segments);
            let mut last = segments::last::<E>(h, &segments);
            tamper.last(&mut last);
            let all = segments.into_iter().map(|s| s.tall).chain([last]);
            let extended = all.map(|m| extend_coefficients(m, log_blowup)).collect();
            let mut commit = Commit { key, streams, hiding: Some(h), tamper };
            let none = || ProveError::Internal("a quotient without columns".into());
            commit.extended(Round::Quotient, extended).ok_or_else(none)?
        }
        _ => {
            let halves = air.groups.iter().zip(&quotients).map(|(g, q)| {
                let l = g.log_height;
                (l, quotient::halves(q, l))
            });
            commit_quotients(halves.collect(), log_blowup)
        }
    };
    // ζ: polynomials are compared at one point outside the domain ("out-of-domain point")
    let zeta: E = transcript.zeta(&c4, p).ok_or_else(refused)?;
    clock.lap("commit quotient");

    let (mut sponge, found) = transcript.finish();
    let data = sources.into_iter().chain([Some(&d4)]);
    let rounds = Round::ALL.iter().zip(data).filter_map(|(round, d)| {
        let points = round.shapes(air).iter().map(|s| round.points_of(s, air, zeta)).collect();
        Some((d?, points))
    });
    // within: one combination of all openings is tested ("batched openings"), layer by layer at one point each ("FRI folding"), on some
    // of its points ("FRI queries")
    let any_rows = tamper.any_rows();
    let watch = Watch { folded: &mut |layer| tamper.folded(layer), any_rows };
    let opening = Scheme::new(&p.fri).open(rounds.collect(), &mut sponge, watch);
    let (opened, fri, batching) = opening.map_err(ProveError::Internal)?;
    // the coordinates of a random codeword are combined by powers of this challenge
    if hiding.is_some() && batching.as_base().is_some() {
        let why = "by a chance of 2^-64 a challenge would undo a mask; nothing was given away: prove again";
        return Err(ProveError::Internal(why.into()));
    }
    clock.lap("open");

    let commitments = [c1, c2, c3, Some(c4)].into_iter().flatten().collect();
    let mut proof = Proof { commitments, terminals, witnesses: found.0, opened, fri };
    tamper.proof(&mut proof);
    Ok((proof, clock.finish()))
}
