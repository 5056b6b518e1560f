//! How many bits a proof is worth, and the parameters that reach a target.
//!
//! Round-by-round soundness (Chiesa, Manohar, Spooner; Block et al., ePrint 2023/1071): an attacker has to be lucky in one
//! round, so the level is that of the weakest term. The FRI, composition and out-of-domain terms are p3-security's; those of
//! folds, LogUp and copied values are ours: the degree of the identity over the size of the extension field, times the
//! list size where decoding is not unique. Every number in them is counted by whoever asks, verifiers too
//! ([`Air::measure`]); a key claims none.
//!
//! Unique decoding follows ePrint 2020/654 and 2024/1553. Beyond it, up to the Johnson radius, p3-security counts exceptional
//! challenges by Theorem 5.12 and Appendix B of ePrint 2026/2056.
//!
//! Grinding before a round's challenge adds its bits to that round's term.
//!
//! Invariant: a key whose report does not reach its own target is refused by the verifier.
use crate::air::measure::Measure;
use crate::air::{Air, Group};
use crate::arithmetic::extension_bits;
use crate::p3::{COLLISION_BITS, FriConfig, MOST_LOG_BLOWUP};
use crate::size::proof_bytes;
use p3_security::air::composition_error;
use p3_security::fri::{
    FriRegime, commit_phase_error_ldr_m, commit_phase_error_udr, conjectured_commit_phase_error,
    conjectured_error, query_phase_error,
};
use p3_security::proximity::{alpha_ldr_m, alpha_udr, compute_upper_m, list_size_ldr_m};
use p3_security::{ErrorBits, InstanceShape, SecurityAssumption, StarkAirParams, deep};
use serde::{Deserialize, Serialize};

/// What is assumed of FRI: nothing beyond proven theorems (unique decoding, or list decoding up to the Johnson radius), or the
/// random-words heuristic of ePrint 2025/2010 (the older conjecture up to capacity is disproved there).
pub use tessera_api::{Goal, Regime};

/// What a user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityTarget {
    /// Bits of security.
    pub bits: u32,
    /// Under which assumption.
    pub regime: Regime,
    /// Grinding before the queries, in bits: each saves between one and two queries.
    pub grinding: u8,
    /// What is chosen for.
    pub goal: Goal,
}

impl SecurityTarget {
    /// What is made unless something else is asked for.
    pub const DEFAULT: SecurityTarget =
        SecurityTarget { bits: 100, regime: Regime::Proven, grinding: 16, goal: Goal::Time };
}

impl Default for SecurityTarget {
    fn default() -> Self {
        SecurityTarget::DEFAULT
    }
}

/// What keys and proofs are made with. Part of the verifying key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityParams {
    /// The target it was chosen for.
    pub target: SecurityTarget,
    /// FRI.
    pub fri: FriConfig,
    /// Grinding before the fold, lookup and copy challenges are drawn.
    pub challenge_pow: u8,
    /// Grinding before α, which combines the constraints.
    pub composition_pow: u8,
    /// Grinding before the out-of-domain point.
    pub point_pow: u8,
}

/// Bits per source of error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The least of the terms.
    pub bits: f64,
    /// The same without any conjecture.
    pub proven: f64,
    /// "proven" or "conjectured".
    pub regime: String,
    /// Name of the least term.
    pub limited_by: String,
    /// (source, bits).
    pub terms: Vec<(String, f64)>,
}

/// More grinding than this is refused.
const MAX_POW: u8 = 24;
/// More than this before a challenge is not chosen: a larger extension field costs less.
const MAX_CHALLENGE_POW: u8 = 16;
/// As many committed cells for a hash of grinding make it a fiftieth of proving, or less.
const CELLS_A_HASH: u64 = 32;
const MAX_QUERIES: u32 = 1000;
/// Bits of grinding before the queries beyond those of the target, where proofs are to be small: a tenth of a second of one core for a
/// twentieth of the queries.
const GRINDING_FOR_SIZE: u8 = 4;
/// More coefficients than this, as a power of two, cost more bytes than the layer that they save.
const MOST_LOG_FINAL: u8 = 7;

/// Up to which distance from a codeword a committed column counts as that codeword.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Decoding {
    /// Half the distance of two codewords.
    Unique,
    /// Nearly the Johnson radius, by the parameter m of list decoding: agreement (1 + 1/2m)·√ρ.
    List(usize),
    /// Whatever the random-words heuristic allows.
    Random,
}

/// (column, row) offsets at which a column is opened, the greatest number over all columns.
const POINTS: usize = 2;
/// Larger parameters of list decoding are not tried.
const MOST_LISTED: usize = 100;

/// The analyses that may be used, the one that asks for the least grinding first.
///
/// # Correctness
/// * A commitment of weights by their owner stands for one list of columns in all proofs. Only within the unique decoding radius does
///   it determine one; beyond, its maker could choose another of a list for each proof.
/// * A quotient by `POINTS` points behaves like a column of that much more degree. List decoding with parameter m
///   needs that to lie within the radius in every table, and small tables bear it least.
fn decodings(regime: Regime, air: &Air) -> Vec<Decoding> {
    if air.groups.iter().any(|g| g.model > 0) {
        return vec![Decoding::Unique];
    }
    match regime {
        Regime::Conjectured => vec![Decoding::Random],
        Regime::Proven => {
            let smallest = air.groups.iter().map(Group::height).min().unwrap_or(0);
            let most = compute_upper_m(smallest, POINTS).min(MOST_LISTED);
            std::iter::once(Decoding::Unique).chain((3..=most).map(Decoding::List)).collect()
        }
    }
}

/// A round of folding adds the columns of the next height to the 2^a parts of each layer, times the next power of the
/// challenge: a curve of degree 2^a. p3-security counts 2^a − 1, the parts alone.
fn with_roll_in(folding: ErrorBits, log_arity: u8) -> f64 {
    let arity = f64::from(1u32 << log_arity);
    folding.bits() - (arity / (arity - 1.0)).log2()
}

fn terms(p: &SecurityParams, air: &Air, m: &Measure, d: Decoding) -> Vec<(String, f64)> {
    let (field_bits, log_height) = (extension_bits(air.degree.into()), air.log_height());
    let f = &p.fri;
    let log_blowup = usize::from(f.log_blowup);
    // a longer final polynomial only leaves rounds out
    let fri = FriRegime {
        log_blowup,
        num_queries: f.queries as usize,
        log_final_poly_len: 0,
        max_log_arity: f.log_arity as usize,
        commit_pow_bits: f.commit_pow as usize,
        query_pow_bits: f.query_pow as usize,
    };
    let shape = InstanceShape {
        log_trace_length: log_height,
        modulus_bits: field_bits,
        collision_resistance: COLLISION_BITS,
        num_batched_functions: m.openings as usize,
    };
    // two points per column, constraints of degree 3, the quotient in two chunks
    let stark = StarkAirParams {
        num_constraints: m.constraints as usize,
        max_constraint_degree: 3,
        num_quotient_chunks: 2,
        max_combo: POINTS,
    };
    let n = m.openings.max(2) as usize;
    let unique =
        |n| SecurityAssumption::UniqueDecoding.prox_gaps_error(log_height, log_blowup, field_bits, n);
    let (query, commit, batch, list) = match d {
        Decoding::Unique => {
            let alpha = alpha_udr(log_height, log_blowup, stark.max_combo);
            let query = query_phase_error(alpha, fri.num_queries, fri.query_pow_bits);
            (query, commit_phase_error_udr(&fri, &shape), unique(n), 1.0)
        }
        Decoding::List(k) => {
            let query = query_phase_error(alpha_ldr_m(log_blowup, k), fri.num_queries, fri.query_pow_bits);
            let batch = SecurityAssumption::prox_gaps_error_jb_at_m(log_height, log_blowup, field_bits, n, k);
            (query, commit_phase_error_ldr_m(&fri, &shape, k), batch, list_size_ldr_m(log_blowup, k))
        }
        Decoding::Random => {
            (conjectured_error(&fri, &shape), conjectured_commit_phase_error(&fri, &shape), unique(n), 1.0)
        }
    };
    let over_field =
        |degree: f64, pow: u8| field_bits as f64 - degree.max(1.0).log2() - list.log2() + pow as f64;
    let mut out = vec![("FRI queries".to_string(), query.bits())];
    let mut push = |name: &str, bits: f64| out.push((name.to_string(), bits));
    if let Some(c) = commit {
        push("FRI folding", with_roll_in(c, f.log_arity));
    }
    push("batched openings", batch + f.batch_pow as f64);
    let point = deep::deep_ali_error(&stark, &shape, list).bits().min(over_field(segments_degree(air), 0));
    push("out-of-domain point", point + p.point_pow as f64);
    let composition = composition_error(stark.num_constraints.max(1), list, field_bits).bits();
    push("constraint composition", composition + p.composition_pow as f64);
    push("folds", over_field(m.fold_degree as f64, p.challenge_pow));
    if m.fractions > 0 {
        // a root of the cleared numerator or of a denominator: N·(W + 2)
        push("lookups", over_field(m.fractions as f64 * (m.tuple as f64 + 2.0), p.challenge_pow));
    }
    if m.copied > 0 {
        push("copied segment values", over_field(m.copied as f64, p.challenge_pow));
    }
    push("hash collisions", COLLISION_BITS as f64);
    out
}

/// The degree of the identity that the out-of-domain point checks in a group whose quotient has three segments; 1 if none has.
///
/// # Correctness
/// C·Z + T has degree at most 3·(n + 1) + m with columns of degree below n + 2 (their quotients by two points are of degree below n),
/// and (B₀ + x^s·B₁ + x^2s·B₂)·(xⁿ − 1) at most 2s + 2^k + 2 + n: nothing is known of B₂ but the height it was committed at.
fn segments_degree(air: &Air) -> f64 {
    let Some(b) = air.budget() else { return 1.0 };
    let degree = |g: &Group| {
        let n = g.height();
        (3 * (n + 1) + b.rows()).max(2 * b.stride(n) + (1 << b.log_last()) + n + 2)
    };
    air.groups.iter().map(degree).max().unwrap_or(1) as f64
}

fn least(terms: &[(String, f64)]) -> (String, f64) {
    terms.iter().cloned().fold((String::new(), f64::INFINITY), |a, b| if b.1 < a.1 { b } else { a })
}

/// What a proof under these parameters is worth.
pub fn report(p: &SecurityParams, air: &Air) -> Report {
    let m = air.measure();
    // each gives a valid bound of its own
    let best = |regime: Regime| {
        let all = decodings(regime, air).into_iter().map(|d| (d, terms(p, air, &m, d)));
        let best = all.reduce(|best, t| if least(&best.1).1 >= least(&t.1).1 { best } else { t });
        best.unwrap_or((Decoding::Unique, vec![]))
    };
    let (d, terms) = best(p.target.regime);
    let (limited_by, bits) = least(&terms);
    let (regime, proven) = match d {
        Decoding::Random => ("conjectured", least(&best(Regime::Proven).1).1),
        Decoding::Unique | Decoding::List(_) => ("proven", bits),
    };
    Report { bits, proven, regime: regime.into(), limited_by, terms }
}

/// Ways to open columns that are weighed against each other for this goal: (inverse rate, folding arity), as powers of two.
fn ways(goal: Goal) -> Vec<(u8, u8)> {
    let all = |blowups: std::ops::RangeInclusive<u8>, arities: std::ops::RangeInclusive<u8>| {
        blowups.flat_map(|b| arities.clone().map(move |a| (b, a))).collect()
    };
    match goal {
        // every doubling of the extension is a transform and a hash of twice as many cells
        Goal::Time => all(1..=1, 3..=3),
        Goal::Balanced => all(1..=2, 2..=4),
        Goal::Size => all(1..=MOST_LOG_BLOWUP, 1..=4),
    }
}

/// Parameters that reach the target with the smallest proof that is predicted, of those that suit the goal.
/// Err(why) where none do.
pub fn choose(target: SecurityTarget, air: &Air) -> Result<SecurityParams, String> {
    if target.grinding > MAX_POW {
        return Err(format!("grinding of {} bits; at most {MAX_POW} are possible", target.grinding));
    }
    if target.bits as usize > COLLISION_BITS {
        return Err(format!(
            "{} bits are asked for, and the hash gives {COLLISION_BITS} against collisions",
            target.bits
        ));
    }
    let (m, h) = (air.measure(), air.log_height());
    if h < 3 {
        return Err(format!("the tallest table has 2^{h} rows; FRI needs at least 2^3"));
    }
    let decodings = decodings(target.regime, air);
    // where time counts, a larger radius is taken only if its grinding is hardly noticed
    let free = |d: Decoding, p: &SecurityParams| {
        d == decodings[0] || target.goal != Goal::Time || is_hardly_noticed(ground(p, air), committed(air))
    };
    let lowest = lowest(air);
    let ways = ways(target.goal).into_iter().filter(|(log_blowup, _)| *log_blowup == 1 || lowest > 0);
    let (mut reached, mut refused) = (vec![], None);
    for (way, d) in ways.flat_map(|way| decodings.iter().map(move |d| (way, *d))) {
        match reach(target, air, &m, d, way) {
            Err(why) => refused = refused.or(Some(why)),
            Ok(p) if free(d, &p) => reached.push((proof_bytes(air, &p.fri), p)),
            Ok(_) => {}
        }
    }
    // of two that are as small the first
    let best = reached.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|b| b.1).ok_or_else(|| refused.unwrap_or_else(|| "there is no way to open columns".into()))
}

/// Hashes that grinding takes before all challenges but the queries, on average.
fn ground(p: &SecurityParams, air: &Air) -> u64 {
    let layers = (air.log_height() as u64).div_ceil(p.fri.log_arity.into());
    let hashes = |pow: u8| if pow == 0 { 0 } else { 1 << pow };
    let once = [p.fri.batch_pow, p.challenge_pow, p.composition_pow, p.point_pow];
    once.map(hashes).iter().sum::<u64>() + layers * hashes(p.fri.commit_pow)
}

/// Whether so many hashes are a fiftieth of proving so many cells, or less.
fn is_hardly_noticed(hashes: u64, cells: u64) -> bool {
    hashes <= cells / CELLS_A_HASH
}

/// Cells that a proof commits to.
fn committed(air: &Air) -> u64 {
    let columns = |g: &Group| u64::from(g.witness) + u64::from(air.degree) * u64::from(g.round2 + g.round3);
    air.groups.iter().map(|g| columns(g) << g.log_height).sum()
}

/// The height of the lowest committed matrix, as a power of two.
fn lowest(air: &Air) -> u8 {
    let last = air.budget().map(|b| b.log_last());
    air.groups.iter().map(|g| g.log_height).chain(last).min().unwrap_or(0)
}

/// The fewest queries, and the grinding, that reach the target by this analysis.
fn reach(
    target: SecurityTarget,
    air: &Air,
    m: &Measure,
    d: Decoding,
    (log_blowup, log_arity): (u8, u8),
) -> Result<SecurityParams, String> {
    let more = if target.goal == Goal::Size { GRINDING_FOR_SIZE } else { 0 };
    let grinding = (target.grinding + more).min(MAX_POW);
    let fri = FriConfig {
        log_blowup,
        log_final: lowest(air).saturating_sub(1).min(MOST_LOG_FINAL),
        queries: 1,
        query_pow: grinding,
        commit_pow: 0,
        batch_pow: 0,
        log_arity,
    };
    let mut p = SecurityParams { target, fri, challenge_pow: 0, composition_pow: 0, point_pow: 0 };
    let (h, bits) = (air.log_height(), target.bits as f64);
    let misses = |queries: &u32| {
        let fri = FriConfig { queries: *queries, ..p.fri };
        terms(&SecurityParams { fri, ..p }, air, m, d)[0].1 < bits
    };
    // a query more is never worth less
    let numbers: Vec<u32> = (1..=MAX_QUERIES).collect();
    p.fri.queries = *numbers
        .get(numbers.partition_point(misses))
        .ok_or_else(|| format!("{MAX_QUERIES} queries do not reach {bits} bits over 2^{h} rows"))?;
    for (name, found) in terms(&p, air, m, d) {
        if found >= bits {
            continue;
        }
        let missing = (bits - found).ceil();
        let site = match name.as_str() {
            "FRI folding" => &mut p.fri.commit_pow,
            "batched openings" => &mut p.fri.batch_pow,
            "out-of-domain point" => &mut p.point_pow,
            "constraint composition" => &mut p.composition_pow,
            "folds" | "lookups" | "copied segment values" => &mut p.challenge_pow,
            _ => return Err(format!("{name} gives {found:.1} bits, {bits} are asked for")),
        };
        if missing > MAX_CHALLENGE_POW as f64 {
            return Err(format!(
                "{name} gives {found:.1} bits, {bits} are asked for, and grinding adds at most \
                 {MAX_CHALLENGE_POW}: this needs a larger extension field"
            ));
        }
        *site = (*site).max(missing as u8);
    }
    Ok(p)
}

/// Refuses parameters that no key of ours has.
pub fn check(p: &SecurityParams, air: &Air) -> Result<(), String> {
    let f = &p.fri;
    let pows = [f.query_pow, f.commit_pow, f.batch_pow, p.challenge_pow, p.composition_pow, p.point_pow];
    if f.queries == 0 || f.queries > MAX_QUERIES || !(1..=4).contains(&f.log_arity) {
        return Err(format!("impossible FRI parameters {f:?}"));
    }
    let lowest = lowest(air);
    // see docs/protocol.md, section 4: a table of one row is decoded at the least blow-up alone
    if !(1..=MOST_LOG_BLOWUP).contains(&f.log_blowup) || (f.log_blowup > 1 && lowest == 0) {
        return Err(format!("an inverse rate of 2^{} with a table of 2^{lowest} rows", f.log_blowup));
    }
    if f.log_final > 0 && f.log_final >= lowest {
        return Err(format!(
            "a final polynomial of 2^{} coefficients with a table of 2^{lowest} rows",
            f.log_final
        ));
    }
    if pows.iter().any(|b| *b > MAX_POW) {
        return Err(format!("grinding beyond {MAX_POW} bits"));
    }
    hides(p, air)?;
    let r = report(p, air);
    if r.bits < p.target.bits as f64 {
        return Err(format!("its parameters give {:.1} bits, not the {} it claims", r.bits, p.target.bits));
    }
    Ok(())
}

/// Bits by which proofs are told from simulated ones; none where they hide nothing.
///
/// # Hiding
/// Interactively, what is shown is distributed as a simulator draws it unless a challenge is one of these: an out-of-domain point, or its
/// successor, that lies on a table's rows or on the extension of one, and a challenge that stands in a blind's weight and is zero.
/// Hashes are a random oracle: what is not opened is guessed with the salts' chance, and the seed's, each of twice as many bits.
pub fn hiding(p: &SecurityParams, air: &Air) -> Option<f64> {
    air.budget()?;
    let domains = 1 + (1 << p.fri.log_blowup);
    let points: u64 = air.groups.iter().map(|g| 2 * domains * g.height() as u64).sum();
    let zeros =
        air.variables.iter().filter(|v| v.is_none()).count() as u64 + u64::from(crate::air::EXTRA_VARIABLES);
    let statistical = extension_bits(air.degree.into()) as f64 - ((points + zeros) as f64).log2();
    Some(statistical.min(COLLISION_BITS as f64))
}

/// Refuses more queries than the relation's mask rows hide. Provers ask too: a key is not believed.
pub fn hides(p: &SecurityParams, air: &Air) -> Result<(), String> {
    match air.budget() {
        Some(b) if b.queries < p.fri.queries as usize => {
            Err(format!("{} queries, and mask rows that hide {}", p.fri.queries, b.queries))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::Extension;
    use crate::budget::Budget;
    use crate::testing::{Case, folds, join, lookups, suite};
    use tessera_api::Operand;

    fn key<E: Extension>(c: &Case) -> crate::VerifyingKey {
        suite::quick::<E>().setup(&c.program).unwrap().1
    }

    fn term(r: &Report, name: &str) -> f64 {
        r.terms.iter().find(|t| t.0 == name).unwrap().1
    }

    /// Bits left of the field where this many challenges are bad.
    fn over_field<E: Extension>(bad: u64) -> f64 {
        extension_bits(E::DEGREE) as f64 - (bad as f64).log2()
    }

    /// Groups of these heights, tallest first.
    fn of_heights(air: &Air, heights: &[u8]) -> Air {
        let group = |h: &u8| Group { log_height: *h, ..air.groups[0].clone() };
        Air { groups: heights.iter().map(group).collect(), ..air.clone() }
    }

    fn list_decoding_is_bounded_by_the_smallest_table<E: Extension>() {
        let vk = key::<E>(&lookups(1));
        for smallest in 0..=12u8 {
            let k = f64::from(1u32 << smallest);
            let all = decodings(Regime::Proven, &of_heights(&vk.air, &[20, smallest]));
            assert_eq!(all[0], Decoding::Unique);
            for d in &all[1..] {
                let Decoding::List(m) = d else { panic!("{d:?}") };
                // agreement (1 + 1/2m)·√ρ is beyond the radius of the code with two more dimensions, √((k + 2)/n)
                assert!(1.0 + 0.5 / *m as f64 > ((k + 2.0) / k).sqrt(), "m = {m} with 2^{smallest} rows");
            }
            assert_eq!(all.len() > 1, smallest >= 3, "2^{smallest} rows");
        }
        // and the report says no more than that: with a table of two rows, what unique decoding gives
        let mut p = vk.security;
        p.fri.queries = 200;
        let (tall, small) = (of_heights(&vk.air, &[20]), of_heights(&vk.air, &[20, 1]));
        let unique = term(&report(&p, &small), "FRI queries");
        assert!((unique - terms(&p, &small, &small.measure(), Decoding::Unique)[0].1).abs() < 1e-9);
        assert!(term(&report(&p, &tall), "FRI queries") > unique + 1.0);
    }

    fn committed_weights_are_decoded_uniquely_whatever_is_asked_for<E: Extension>() {
        let (c, key) = crate::testing::model::case::<E>();
        for regime in [Regime::Proven, Regime::Conjectured] {
            assert_eq!(decodings(regime, &key.vk.air), [Decoding::Unique]);
            let target = SecurityTarget { bits: 60, regime, grinding: 2, goal: Goal::Time };
            let vk = suite::Over::<E>::new(target).setup(&c.program).unwrap().1;
            assert_eq!(vk.security_report().regime, "proven");
            // the queries of a conjecture are too few
            let mut p = vk.security;
            p.fri.queries = p.fri.queries * 2 / 3;
            assert!(check(&p, &vk.air).is_err());
        }
    }

    fn grinding_is_weighed_against_cells<E: Extension>() {
        let vk = key::<E>(&lookups(1));
        let group = |witness, round2, round3, log_height| Group {
            witness,
            round2,
            round3,
            log_height,
            ..vk.air.groups[0].clone()
        };
        let air = Air { groups: vec![group(5, 3, 2, 4), group(1, 0, 7, 2)], ..vk.air.clone() };
        let degree = E::DEGREE as u64;
        assert_eq!(committed(&air), (5 + 5 * degree) * 16 + (1 + 7 * degree) * 4);
        let mut p = vk.security;
        (p.fri.batch_pow, p.challenge_pow, p.composition_pow, p.point_pow) = (3, 0, 4, 0);
        (p.fri.commit_pow, p.fri.log_arity) = (5, 3);
        // four layers of a table of 2^12 rows, eight parts each
        assert_eq!(ground(&p, &of_heights(&vk.air, &[12])), 8 + 16 + 4 * 32);
        assert_eq!(ground(&p, &of_heights(&vk.air, &[13])), 8 + 16 + 5 * 32);
        p.fri.commit_pow = 0;
        assert_eq!(ground(&p, &of_heights(&vk.air, &[12])), 8 + 16);
        assert!(is_hardly_noticed(3, 96) && !is_hardly_noticed(3, 95) && is_hardly_noticed(0, 1));
    }

    fn eight_rows_are_enough_and_four_are_not<E: Extension>() {
        let vk = key::<E>(&lookups(1));
        let target = SecurityTarget { bits: 60, regime: Regime::Proven, grinding: 2, goal: Goal::Time };
        assert!(choose(target, &of_heights(&vk.air, &[3])).is_ok());
        let why = choose(target, &of_heights(&vk.air, &[2])).unwrap_err();
        assert!(why.contains("the tallest table has 2^2 rows"), "{why}");
    }

    fn bits_of_a_conjecture_are_none_that_are_proven<E: Extension>() {
        let c = lookups(1);
        for regime in [Regime::Proven, Regime::Conjectured] {
            let target = SecurityTarget { bits: 60, regime, grinding: 2, goal: Goal::Time };
            let vk = suite::Over::<E>::new(target).setup(&c.program).unwrap().1;
            let found = vk.security_report();
            let as_proven = SecurityTarget { regime: Regime::Proven, ..target };
            let proven = report(&SecurityParams { target: as_proven, ..vk.security }, &vk.air);
            assert_eq!((found.proven, proven.proven), (proven.bits, proven.bits));
            // two queries of a proven regime are worth one of the conjecture
            let less = found.bits - found.proven;
            assert!(if regime == Regime::Proven { less == 0.0 } else { less > 20.0 }, "{found:?}");
        }
    }

    fn a_folding_round_is_a_curve_of_the_degree_of_its_arity<E: Extension>() {
        let vk = key::<E>(&lookups(1));
        let tallest = vk.air.log_height();
        for log_arity in 1..=4u8 {
            let mut p = vk.security;
            (p.fri.log_arity, p.fri.commit_pow) = (log_arity, 5);
            let found = terms(&p, &vk.air, &vk.air.measure(), Decoding::Unique);
            let bits = found.iter().find(|t| t.0 == "FRI folding").unwrap().1;
            let points = (1u64 << (tallest + usize::from(p.fri.log_blowup))) + 1;
            assert!((bits - 5.0 - over_field::<E>(points << log_arity)).abs() < 1e-6, "arity 2^{log_arity}");
        }
    }

    /// Agreement α of the tallest table's points is more than (1 + ρ)/2 of any table's, so in whole points enough to decode uniquely.
    #[test]
    fn small_tables_keep_their_level_under_the_agreement_of_the_tallest() {
        for (log_blowup, tallest) in
            (1..=u32::from(MOST_LOG_BLOWUP)).flat_map(|b| (3..=26u32).map(move |t| (b, t)))
        {
            let (k, n) = (1u64 << tallest, 1u64 << (tallest + log_blowup));
            let alpha = alpha_udr(tallest as usize, log_blowup as usize, POINTS);
            assert_eq!(alpha, (n + k + 2) as f64 / (2 * n) as f64);
            for small in 0..=tallest {
                let (k, points) = (1u64 << small, 1u64 << (small + log_blowup));
                let agreement = ((n + (1 << tallest) + 2) * points).div_ceil(2 * n);
                if small == 0 && log_blowup > 1 {
                    // such keys are refused
                } else if small == 0 {
                    // two points determine all there is: a column is a line
                    assert_eq!(agreement, points);
                } else {
                    assert!(2 * agreement - points >= k + 2, "2^{small} rows beside 2^{tallest}");
                }
            }
        }
    }

    fn grinding_makes_its_own_challenge_dearer<E: Extension>() {
        let c = join::join(1, join::shape(1));
        let vk = key::<E>(&c);
        let at = |set: &dyn Fn(&mut SecurityParams) -> &mut u8, bits: u8| {
            let mut p = vk.security;
            *set(&mut p) = bits;
            terms(&p, &vk.air, &vk.air.measure(), Decoding::Unique)
        };
        type Site = fn(&mut SecurityParams) -> &mut u8;
        let sites: [(Site, &[&str]); 6] = [
            (|p| &mut p.fri.query_pow, &["FRI queries"]),
            (|p| &mut p.fri.commit_pow, &["FRI folding"]),
            (|p| &mut p.fri.batch_pow, &["batched openings"]),
            (|p| &mut p.point_pow, &["out-of-domain point"]),
            (|p| &mut p.composition_pow, &["constraint composition"]),
            (|p| &mut p.challenge_pow, &["folds", "lookups", "copied segment values"]),
        ];
        for (set, names) in sites {
            let (without, with) = (at(&set, 0), at(&set, 7));
            assert!(names.iter().any(|n| without.iter().any(|t| t.0 == *n)), "{names:?}");
            for (a, b) in without.iter().zip(&with) {
                let more = if names.contains(&&*a.0) { 7.0 } else { 0.0 };
                assert!(a.0 == b.0 && (b.1 - a.1 - more).abs() < 1e-9, "{names:?}: {} {}", a.0, b.1 - a.1);
            }
        }
    }

    /// Each of the columns that a commitment may stand for has its own bad challenges.
    fn challenges_are_bad_for_any_column_of_a_list<E: Extension>() {
        let vk = key::<E>(&lookups(1));
        let (air, m) = (of_heights(&vk.air, &[12]), vk.air.measure());
        for k in [3, 5, 8] {
            let [unique, listed] =
                [Decoding::Unique, Decoding::List(k)].map(|d| terms(&vk.security, &air, &m, d));
            let list = list_size_ldr_m(vk.security.fri.log_blowup.into(), k).log2();
            assert!(list > 1.0);
            for (a, b) in unique.iter().zip(&listed).filter(|(a, _)| a.0 == "folds" || a.0 == "lookups") {
                assert!((a.1 - b.1 - list).abs() < 1e-9, "{}: {} {}", a.0, a.1, b.1);
            }
        }
    }

    /// The identity at the out-of-domain point, from the degrees that docs/protocol.md gives its parts.
    fn three_segments_make_an_identity_of_the_degree_of_its_sides<E: Extension>() {
        let vk = key::<E>(&lookups(1));
        assert_eq!(segments_degree(&vk.air), 1.0, "nothing is hidden");
        let mut higher = [0; 2];
        for queries in [150, 190, 203] {
            for heights in [&[9][..], &[12, 9], &[9, 12], &[10, 10]] {
                let shown = 2 * queries + E::DEGREE;
                let masks = queries + 2 * E::DEGREE + 2;
                let mut air = of_heights(&vk.air, heights);
                air.groups.iter_mut().for_each(|g| g.masks = masks as u32);
                let sides = heights.iter().map(|h| {
                    let n = 1 << h;
                    // three columns of n coefficients, which two points were divided out of, and mask rows' roots
                    let constraints = (n + 1) + (n + 1) + (n + 1) + masks;
                    let third = (masks - 2 + shown + shown).next_power_of_two() + 2;
                    [constraints, (n - shown) + (n - shown) + third + n]
                });
                let sides: Vec<[usize; 2]> = sides.collect();
                let most = sides.iter().flatten().max().copied().unwrap_or(0);
                assert_eq!(segments_degree(&air), most as f64, "{queries} queries, {heights:?}");
                higher[usize::from(sides[0][1] == most)] += 1;
                let found = terms(&vk.security, &air, &air.measure(), Decoding::Unique);
                let point = found.iter().find(|t| t.0 == "out-of-domain point").map(|t| t.1);
                let most = over_field::<E>(most as u64) + f64::from(vk.security.point_pow);
                assert!(point.is_some_and(|bits| bits <= most));
            }
        }
        assert!(higher[0] > 0 && higher[1] > 0, "{higher:?}");
    }

    fn reports_name_what_a_relation_has<E: Extension>() {
        let named = |c: &Case| {
            let vk = key::<E>(c);
            let r = report(&vk.security, &vk.air);
            ["folds", "lookups", "copied segment values"].map(|n| r.terms.iter().any(|t| t.0 == n))
        };
        assert_eq!(named(&lookups(1)), [true, true, false]);
        assert_eq!(named(&folds(1)), [true, false, false]);
    }

    /// Of analyses that say the same, the one with the oldest theorems; of limits, the one that is named first.
    #[test]
    fn equal_bounds_are_the_first() {
        let terms_of =
            |bits: [f64; 3]| ["a", "b", "c"].iter().map(|n| n.to_string()).zip(bits).collect::<Vec<_>>();
        assert_eq!(least(&terms_of([2.0, 1.0, 1.0])), ("b".into(), 1.0));
        let vk = key::<crate::arithmetic::Cubic>(&lookups(1));
        let air = of_heights(&vk.air, &[12]);
        let mut p = vk.security;
        (p.fri.queries, p.fri.commit_pow, p.fri.batch_pow) = (MAX_QUERIES, MAX_POW, MAX_POW);
        (p.challenge_pow, p.composition_pow, p.point_pow) = (MAX_POW, MAX_POW, MAX_POW);
        let r = report(&p, &air);
        assert_eq!(r.limited_by, "hash collisions");
        assert_eq!(r.terms, terms(&p, &air, &air.measure(), Decoding::Unique));
    }

    fn targets_have_an_end<E: Extension>() {
        let air = key::<E>(&lookups(1)).air;
        let chosen = |bits: usize, grinding: u8| {
            let target = SecurityTarget { bits: bits as u32, grinding, ..Default::default() };
            choose(target, &air).err().unwrap_or_default()
        };
        assert_eq!(chosen(20, MAX_POW), "");
        let pow = |goal, grinding| {
            let target = SecurityTarget { bits: 20, grinding, goal, ..Default::default() };
            choose(target, &air).map(|p| p.fri.query_pow)
        };
        assert_eq!([pow(Goal::Time, 5), pow(Goal::Balanced, 5)], [Ok(5), Ok(5)]);
        assert_eq!([pow(Goal::Size, 5), pow(Goal::Size, MAX_POW)], [Ok(5 + GRINDING_FOR_SIZE), Ok(MAX_POW)]);
        assert!([MAX_POW + 1, MAX_POW + 2].iter().all(|g| chosen(20, *g).contains("grinding")));
        assert!(!chosen(COLLISION_BITS, 16).contains("the hash gives"));
        assert!([1, 2].iter().all(|more| chosen(COLLISION_BITS + more, 16).contains("the hash gives")));
    }

    /// To the bit: what the field lacks is ground, up to a limit beyond which there is no key.
    fn grinding_makes_up_for_what_a_field_lacks<E: Extension>() {
        let air = key::<E>(&lookups(1)).air;
        let (mut most, mut refused) = (0, 0);
        for (height, bits) in [3, 8, 14].into_iter().flat_map(|h| (60..=128u32).map(move |b| (h, b))) {
            let air = of_heights(&air, &[height]);
            let target = SecurityTarget { bits, grinding: 16, ..Default::default() };
            let fri = FriConfig { log_arity: 3, ..key::<E>(&lookups(1)).security.fri };
            let fri = FriConfig { log_blowup: 1, commit_pow: 0, batch_pow: 0, ..fri };
            let bare = SecurityParams { target, fri, challenge_pow: 0, composition_pow: 0, point_pow: 0 };
            let found = terms(&bare, &air, &air.measure(), Decoding::Unique);
            let missing = |names: &[&str]| {
                let of = found.iter().filter(|t| names.contains(&&*t.0)).map(|t| t.1);
                (f64::from(bits) - of.fold(f64::INFINITY, f64::min)).ceil().max(0.0) as u8
            };
            let wanted = [
                missing(&["FRI folding"]),
                missing(&["batched openings"]),
                missing(&["out-of-domain point"]),
                missing(&["constraint composition"]),
                missing(&["folds", "lookups"]),
            ];
            match reach(target, &air, &air.measure(), Decoding::Unique, (1, 3)) {
                Ok(p) => {
                    let pows =
                        [p.fri.commit_pow, p.fri.batch_pow, p.point_pow, p.composition_pow, p.challenge_pow];
                    assert_eq!(pows, wanted, "{bits} bits over 2^{height} rows");
                    assert!(report(&p, &air).bits >= f64::from(bits) && check(&p, &air).is_ok());
                    most = pows.into_iter().fold(most, u8::max);
                }
                Err(why) => {
                    assert!(wanted.iter().any(|w| *w > MAX_CHALLENGE_POW), "{bits}, 2^{height}: {why}");
                    refused += 1;
                }
            }
        }
        let limit = if E::DEGREE == 2 { MAX_CHALLENGE_POW } else { 0 };
        assert_eq!((most, refused > 0), (limit, E::DEGREE == 2));
    }

    fn impossible_parameters_are_refused<E: Extension>() {
        let vk = key::<E>(&lookups(1));
        let air = of_heights(&vk.air, &[12]);
        let mut base = vk.security;
        base.target.bits = 1;
        let why = |change: &dyn Fn(&mut SecurityParams)| {
            let mut p = base;
            change(&mut p);
            check(&p, &air).err().unwrap_or_default()
        };
        assert_eq!(why(&|p| p.fri.queries = MAX_QUERIES), "");
        assert!(why(&|p| p.fri.queries = 0).contains("impossible"));
        for more in [1, 2] {
            assert!(why(&|p| p.fri.queries = MAX_QUERIES + more).contains("impossible"));
        }
        assert!([0, 5].iter().all(|a| why(&|p| p.fri.log_arity = *a).contains("impossible")));
        let sites: [fn(&mut SecurityParams) -> &mut u8; 6] = [
            |p| &mut p.fri.query_pow,
            |p| &mut p.fri.commit_pow,
            |p| &mut p.fri.batch_pow,
            |p| &mut p.challenge_pow,
            |p| &mut p.composition_pow,
            |p| &mut p.point_pow,
        ];
        for site in sites {
            assert_eq!(why(&|p| *site(p) = MAX_POW), "");
            assert!(
                [1, 2].iter().all(|more| why(&|p| *site(p) = MAX_POW + more).contains("grinding beyond"))
            );
        }
        // what is claimed, to the bit
        let everything = |p: &mut SecurityParams| {
            p.fri.queries = MAX_QUERIES;
            sites.iter().for_each(|site| *site(p) = MAX_POW);
        };
        let mut most = base;
        everything(&mut most);
        let bits = report(&most, &air).bits;
        let claimed = |bits: f64| why(&|p| (everything(p), p.target.bits = bits as u32).1);
        assert_eq!(claimed(bits.floor()), "");
        assert!(claimed(bits.floor() + 1.0).contains("it claims"));
        assert_eq!(bits, COLLISION_BITS as f64, "exactly");
    }

    /// Two points, each of which may lie on a table's rows or on its extension, and variables that may be zero.
    fn simulated_proofs_differ_by_the_chance_of_bad_challenges<E: Extension>() {
        let vk = key::<E>(&folds(1));
        assert_eq!(hiding(&vk.security, &vk.air), None);
        for log_blowup in 1..=3 {
            let mut air = of_heights(&vk.air, &[12, 9]);
            let masks = Budget { queries: 50, degree: E::DEGREE }.rows();
            air.groups.iter_mut().for_each(|g| g.masks = masks as u32);
            let mut p = vk.security;
            p.fri.log_blowup = log_blowup;
            let rows = (1 << 12) + (1 << 9);
            let points = rows + (rows << log_blowup);
            let drawn = air.variables.iter().filter(|v| v.is_none()).count() as u64;
            let bad = points + points + drawn + u64::from(crate::air::EXTRA_VARIABLES);
            let bits = over_field::<E>(bad).min(COLLISION_BITS as f64);
            assert!(hiding(&p, &air).is_some_and(|found| (found - bits).abs() < 1e-9), "{log_blowup}");
            p.fri.queries = 50;
            assert_eq!(hides(&p, &air), Ok(()));
            p.fri.queries = 51;
            assert!(hides(&p, &air).is_err() && check(&p, &air).is_err_and(|why| why.contains("mask rows")));
            assert_eq!(hides(&p, &vk.air), Ok(()), "nothing is hidden");
        }
    }

    fn columns_are_opened_in_the_way_that_suits_the_goal<E: Extension>() {
        let air = of_heights(&key::<E>(&lookups(1)).air, &[14]);
        let fri = |goal| {
            let target = SecurityTarget { bits: 60, goal, ..Default::default() };
            choose(target, &air).unwrap().fri
        };
        let [time, balanced, size] = [Goal::Time, Goal::Balanced, Goal::Size].map(fri);
        assert_eq!((time.log_blowup, time.log_arity), (1, 3));
        let bytes = [time, balanced, size].map(|f| proof_bytes(&air, &f));
        assert!(bytes[0] > bytes[1] && bytes[1] > bytes[2], "{bytes:?}");
        assert!(size.log_blowup > balanced.log_blowup && balanced.log_blowup > time.log_blowup);
        // a table of one row is decoded at the least blow-up alone
        let air = of_heights(&air, &[14, 0]);
        let p = choose(SecurityTarget { bits: 60, goal: Goal::Size, ..Default::default() }, &air).unwrap();
        assert_eq!((p.fri.log_blowup, check(&p, &air)), (1, Ok(())));
    }

    /// A larger radius takes fewer queries, and is taken where grinding for it is nothing beside what is committed.
    fn time_takes_what_is_free<E: Extension>() {
        let air = key::<E>(&lookups(1)).air;
        for (log_height, witness) in [(10, 20), (14, 200), (18, 50)] {
            let g = Group { log_height, witness, ..air.groups[0].clone() };
            let air = Air { groups: vec![g], ..air.clone() };
            let queries = |bits| {
                let target = SecurityTarget { bits, ..Default::default() };
                let p = choose(target, &air).unwrap();
                assert!(ground(&p, &air) * CELLS_A_HASH <= committed(&air) || bits > 100, "{p:?}");
                let unique = reach(target, &air, &air.measure(), Decoding::Unique, (1, 3)).unwrap();
                (p.fri.queries, unique.fri.queries)
            };
            let (own, unique) = queries(100);
            assert!(own * 10 < unique * 9, "{own} and {unique} queries over 2^{log_height} rows");
            // with a small field a larger radius would take as much grinding as everything else
            let (own, unique) = queries(110);
            assert_eq!(own == unique, E::DEGREE == 2, "{own} and {unique} queries over 2^{log_height} rows");
        }
        // the first analysis is taken whatever grinding costs: a proof that takes long is better than none
        let g = Group { log_height: 4, witness: 1, ..air.groups[0].clone() };
        let air = Air { groups: vec![g], ..air };
        let reached = |bits| choose(SecurityTarget { bits, ..Default::default() }, &air).ok();
        let dear = |p: SecurityParams| ground(&p, &air) * CELLS_A_HASH > committed(&air);
        assert_eq!((100..=128).filter_map(reached).any(dear), E::DEGREE == 2);
    }

    fn lookups_are_counted_with_their_tuples<E: Extension>() {
        for seed in 0..4 {
            let c = lookups(seed);
            let vk = key::<E>(&c);
            let rows = |t: &tessera_api::Table| ((t.lookups.len() + t.provides.len()) as u64) << t.log_height;
            let fractions = c.program.tables.iter().map(rows).sum();
            // key, value and relation
            let m = vk.air.measure();
            assert_eq!((m.fractions, m.tuple), (fractions, 3));
            let expected = over_field::<E>(fractions * (3 + 2)) + f64::from(vk.security.challenge_pow);
            let found = terms(&vk.security, &vk.air, &m, Decoding::Unique);
            let found = found.iter().find(|t| t.0 == "lookups").unwrap().1;
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    fn folds_and_copies_are_counted_from_the_relation_alone<E: Extension>() {
        let (mut folded, mut copied) = (0, 0);
        let cases = (0..6).flat_map(|s| [folds(s), join::join(s, join::shape(s))]);
        for c in cases {
            let vk = key::<E>(&c);
            let m = vk.air.measure();
            // an equation has at least the degree of what it says of public values
            let mut least = c.program.variables.iter().filter(|v| v.value.is_none()).count() as u64;
            for t in c
                .program
                .equations
                .iter()
                .filter_map(|e| e.terms.iter().find(|t| matches!(t.operand, Operand::Public { .. })))
            {
                let Operand::Public { public, monomials } = &t.operand else { continue };
                let n = c.program.publics[*public as usize].len();
                let (dim, all) = (monomials.dim as usize, monomials.expand(n).unwrap());
                let total = |e: &[i64]| e[1..].iter().sum::<i64>();
                let each = all.chunks(dim).filter(|e| e[0] != 0).map(total);
                let (low, high) = each.fold((i64::MAX, 0), |a, e| (a.0.min(e), a.1.max(e)));
                least += high.abs_diff(low);
            }
            assert!(m.fold_degree >= least, "{}: {} < {least}", c.name, m.fold_degree);
            // and not much more: rows, each by some monomial
            assert!(m.fold_degree < 1 << 20, "{}: {}", c.name, m.fold_degree);
            let found = terms(&vk.security, &vk.air, &m, Decoding::Unique);
            let bits = |name: &str| found.iter().find(|t| t.0 == name).map(|t| t.1);
            let pow = f64::from(vk.security.challenge_pow);
            assert!((bits("folds").unwrap() - over_field::<E>(m.fold_degree) - pow).abs() < 1e-9);
            folded += usize::from(least > 10);
            let links: u64 = vk.air.links.len() as u64;
            assert!(m.copied >= links && (m.copied > 0) == (links > 0));
            if links > 0 {
                assert!(
                    (bits("copied segment values").unwrap() - over_field::<E>(m.copied) - pow).abs() < 1e-9
                );
                copied += 1;
            }
        }
        assert!(folded > 3 && copied > 0, "{folded} {copied}");
    }

    fn a_relation_without_a_bound_is_refused<E: Extension>() {
        let vk = key::<E>(&folds(1));
        // a fold that nothing defines: its terminal is of a column that no constraint speaks of
        let mut air = vk.air.clone();
        for g in &mut air.groups {
            g.nodes.retain(|n| !matches!(n, crate::air::Node::Horner { .. }));
        }
        assert_eq!(air.measure().fold_degree, u64::MAX);
        let mut p = vk.security;
        p.target.bits = extension_bits(E::DEGREE) as u32 - 60;
        assert!(check(&p, &air).is_err());
    }

    both!(
        list_decoding_is_bounded_by_the_smallest_table,
        committed_weights_are_decoded_uniquely_whatever_is_asked_for,
        grinding_is_weighed_against_cells,
        eight_rows_are_enough_and_four_are_not,
        bits_of_a_conjecture_are_none_that_are_proven,
        a_folding_round_is_a_curve_of_the_degree_of_its_arity,
        grinding_makes_its_own_challenge_dearer,
        challenges_are_bad_for_any_column_of_a_list,
        three_segments_make_an_identity_of_the_degree_of_its_sides,
        reports_name_what_a_relation_has,
        targets_have_an_end,
        columns_are_opened_in_the_way_that_suits_the_goal,
        time_takes_what_is_free,
        grinding_makes_up_for_what_a_field_lacks,
        impossible_parameters_are_refused,
        simulated_proofs_differ_by_the_chance_of_bad_challenges,
        lookups_are_counted_with_their_tuples,
        folds_and_copies_are_counted_from_the_relation_alone,
        a_relation_without_a_bound_is_refused
    );
}
