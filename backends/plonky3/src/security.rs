//! How many bits a proof is worth, and the parameters that reach a target.
//!
//! Round-by-round soundness (Chiesa, Manohar, Spooner; Block et al., ePrint 2023/1071): an attacker has to be lucky in one
//! round, so the level is that of the weakest term. The FRI, composition and out-of-domain terms are p3-security's; those of
//! folds, LogUp and copied values are ours: the degree of the identity over the size of the extension field, times the
//! list size where decoding is not unique.
//!
//! Grinding before a round's challenge adds its bits to that round's term.
//!
//! Invariant: a key whose report does not reach its own target is refused by the verifier.
use crate::air::Air;
use crate::air::measure::Measure;
use crate::p3::{COLLISION_BITS, DEGREE, EXTENSION_BITS, FriConfig, LOG_BLOWUP};
use p3_security::fri::{
    FriRegime, commit_phase_error_ldr_m, commit_phase_error_udr, conjectured_commit_phase_error,
    conjectured_error, query_phase_error,
};
use p3_security::proximity::{alpha_ldr_m, alpha_udr, list_size_ldr_m};
use p3_security::{InstanceShape, SecurityAssumption, StarkAirParams, air, deep};
use serde::{Deserialize, Serialize};

/// What is assumed of FRI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Regime {
    /// Nothing beyond proven theorems: unique decoding, or list decoding up to the Johnson radius.
    Proven,
    /// The random-words heuristic of ePrint 2025/2010 (the older conjecture up to capacity is disproved there).
    Conjectured,
}

/// What a user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityTarget {
    /// Bits of security.
    pub bits: u32,
    /// Under which assumption.
    pub regime: Regime,
    /// Grinding before the queries, in bits: each saves between one and two queries.
    pub grinding: u8,
}

impl SecurityTarget {
    /// What is made unless something else is asked for.
    pub const DEFAULT: SecurityTarget = SecurityTarget { bits: 100, regime: Regime::Proven, grinding: 16 };
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
    /// Degree of the extension that challenges are drawn from: [`DEGREE`].
    pub extension: u8,
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
const MAX_QUERIES: u32 = 1000;

#[derive(Clone, Copy)]
enum Decoding {
    Unique,
    List(usize),
    Random,
}

fn terms(p: &SecurityParams, m: &Measure, log_height: usize, d: Decoding) -> Vec<(String, f64)> {
    let f = &p.fri;
    let fri = FriRegime {
        log_blowup: LOG_BLOWUP,
        num_queries: f.queries as usize,
        log_final_poly_len: 0,
        max_log_arity: f.log_arity as usize,
        commit_pow_bits: f.commit_pow as usize,
        query_pow_bits: f.query_pow as usize,
    };
    let shape = InstanceShape {
        log_trace_length: log_height,
        modulus_bits: EXTENSION_BITS,
        collision_resistance: COLLISION_BITS,
        num_batched_functions: m.openings as usize,
    };
    // two points per column, constraints of degree 3, the quotient in two chunks
    let stark = StarkAirParams {
        num_constraints: m.constraints as usize,
        max_constraint_degree: 3,
        num_quotient_chunks: 2,
        max_combo: 2,
    };
    let n = m.openings.max(2) as usize;
    let unique =
        |n| SecurityAssumption::UniqueDecoding.prox_gaps_error(log_height, LOG_BLOWUP, EXTENSION_BITS, n);
    let (query, commit, batch, list) = match d {
        Decoding::Unique => {
            let alpha = alpha_udr(log_height, LOG_BLOWUP, stark.max_combo);
            let query = query_phase_error(alpha, fri.num_queries, fri.query_pow_bits);
            (query, commit_phase_error_udr(&fri, &shape), unique(n), 1.0)
        }
        Decoding::List(k) => {
            let query = query_phase_error(alpha_ldr_m(LOG_BLOWUP, k), fri.num_queries, fri.query_pow_bits);
            let batch =
                SecurityAssumption::prox_gaps_error_jb_at_m(log_height, LOG_BLOWUP, EXTENSION_BITS, n, k);
            (query, commit_phase_error_ldr_m(&fri, &shape, k), batch, list_size_ldr_m(LOG_BLOWUP, k))
        }
        Decoding::Random => {
            (conjectured_error(&fri, &shape), conjectured_commit_phase_error(&fri, &shape), unique(n), 1.0)
        }
    };
    let over_field =
        |degree: f64, pow: u8| EXTENSION_BITS as f64 - degree.max(1.0).log2() - list.log2() + pow as f64;
    let mut out = vec![("FRI queries".to_string(), query.bits())];
    let mut push = |name: &str, bits: f64| out.push((name.to_string(), bits));
    if let Some(c) = commit {
        push("FRI folding", c.bits());
    }
    push("batched openings", batch + f.batch_pow as f64);
    push("out-of-domain point", deep::deep_ali_error(&stark, &shape, list).bits() + p.point_pow as f64);
    let composition = air::composition_error(stark.num_constraints.max(1), list, EXTENSION_BITS).bits();
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

fn least(terms: &[(String, f64)]) -> (String, f64) {
    terms.iter().cloned().fold((String::new(), f64::INFINITY), |a, b| if b.1 < a.1 { b } else { a })
}

/// log₂ of the tallest table.
fn log_height(air: &Air) -> usize {
    air.groups.iter().map(|g| g.log_height as usize).max().unwrap_or(0)
}

/// What a proof under these parameters is worth.
pub fn report(p: &SecurityParams, air: &Air) -> Report {
    let h = log_height(air);
    let options = match p.target.regime {
        Regime::Conjectured => vec![Decoding::Random],
        // each decoding radius gives a valid bound of its own
        Regime::Proven => std::iter::once(Decoding::Unique).chain((3..=100).map(Decoding::List)).collect(),
    };
    let all = options.into_iter().map(|d| terms(p, &air.measure, h, d));
    let best = all.fold(None::<Vec<(String, f64)>>, |best, t| match best {
        Some(b) if least(&b).1 >= least(&t).1 => Some(b),
        _ => Some(t),
    });
    let terms = best.unwrap_or_default();
    let (limited_by, bits) = least(&terms);
    let regime = match p.target.regime {
        Regime::Proven => "proven",
        Regime::Conjectured => "conjectured",
    };
    Report { bits, regime: regime.into(), limited_by, terms }
}

/// The fewest queries, and the grinding, that reach the target. Err(why) where none does.
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
    // Unique decoding needs about a fifth more queries than the Johnson radius, and its theorems are old and simple.
    let d = match target.regime {
        Regime::Proven => Decoding::Unique,
        Regime::Conjectured => Decoding::Random,
    };
    let fri = FriConfig { queries: 1, query_pow: target.grinding, commit_pow: 0, batch_pow: 0, log_arity: 3 };
    let mut p = SecurityParams {
        target,
        extension: DEGREE as u8,
        fri,
        challenge_pow: 0,
        composition_pow: 0,
        point_pow: 0,
    };
    let h = log_height(air);
    let bits = target.bits as f64;
    let query = |p: &SecurityParams| terms(p, &air.measure, h, d)[0].1;
    if h < 3 {
        return Err(format!("the tallest table has 2^{h} rows; FRI needs at least 2^3"));
    }
    while query(&p) < bits {
        p.fri.queries += 1;
        if p.fri.queries > MAX_QUERIES {
            return Err(format!("{MAX_QUERIES} queries do not reach {bits} bits over 2^{h} rows"));
        }
    }
    for (name, found) in terms(&p, &air.measure, h, d) {
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
    if p.extension as usize != DEGREE {
        return Err(format!("challenges of degree {}; here they have degree {DEGREE}", p.extension));
    }
    let pows = [f.query_pow, f.commit_pow, f.batch_pow, p.challenge_pow, p.composition_pow, p.point_pow];
    if f.queries == 0 || f.queries > MAX_QUERIES || !(1..=4).contains(&f.log_arity) {
        return Err(format!("impossible FRI parameters {f:?}"));
    }
    if pows.iter().any(|b| *b > MAX_POW) {
        return Err(format!("grinding beyond {MAX_POW} bits"));
    }
    let r = report(p, air);
    if r.bits < p.target.bits as f64 {
        return Err(format!("its parameters give {:.1} bits, not the {} it claims", r.bits, p.target.bits));
    }
    Ok(())
}
