//! How a fold walks over its table: which lanes take part on a row, with which weights relative to the row, and by which
//! monomial the running value is multiplied from row to row.
//!
//! A row's *base* monomial is chosen such that the lanes' monomials relative to it repeat from row to row; the vector of
//! relative monomials together with the set of lanes present is the row's *pattern*. With X(next) = ratio·X + A, where A sums
//! the lanes with their relative weights and ratio = base(previous row)/base(this row), base·X is the fold of the rows so far.
//!
//! Invariants: lanes whose layouts differ by one constant monomial are expanded once; a fold's memory is
//! O(rows · distinct lanes), not O(rows · lanes).
use super::symbol::Exponents;
use std::collections::HashMap;
use tessera_api::validate::ProgramError;
use tessera_api::{Fold, Lane, Seq};

/// Class of a row about which nothing has to be said.
pub const ANY: u32 = u32::MAX;
/// More distinct patterns or ratios than this are refused.
pub const MAX_CLASSES: usize = 1 << 12;

/// What the running value is multiplied by on a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ratio {
    /// 0: a segment starts.
    Reset,
    /// A monomial; of exponents 0 where no lane takes part.
    Mono(Exponents),
}

/// A fold's rows by class.
pub struct Walk {
    /// Distinct patterns: per lane its relative monomial, or none where absent.
    pub patterns: Vec<Vec<Option<Exponents>>>,
    /// Pattern of each active row.
    pub pattern_of: Vec<u32>,
    /// Distinct ratios.
    pub ratios: Vec<Ratio>,
    /// Ratio of each active row.
    pub ratio_of: Vec<u32>,
    /// End row (exclusive) of each segment.
    pub ends: Vec<u32>,
    /// Base monomial of the last row of each segment that has lanes; none in a segment without any.
    pub end_base: Vec<Option<Exponents>>,
    /// Highest total degree of a lane's monomial.
    pub degree: u64,
}

/// a − b.
pub fn minus(a: &[i64], b: &[i64]) -> Exponents {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}

/// a + b.
pub fn plus(a: &[i64], b: &[i64]) -> Exponents {
    a.iter().zip(b).map(|(x, y)| x + y).collect()
}

/// Interns values in order of first use.
pub fn intern<T: Clone + Eq + std::hash::Hash>(map: &mut HashMap<T, u32>, list: &mut Vec<T>, v: T) -> u32 {
    *map.entry(v).or_insert_with_key(|v| {
        list.push(v.clone());
        list.len() as u32 - 1
    })
}

/// The constant by which `b` exceeds `a`, if the two layouts are loop nests of one shape with equal flags.
fn shift(a: &Seq, b: &Seq) -> Option<Exponents> {
    if a.runs.len() != b.runs.len() {
        return None;
    }
    let mut delta: Option<Exponents> = None;
    for (x, y) in a.runs.iter().zip(&b.runs) {
        if x.loops != y.loops {
            return None;
        }
        let d = minus(&y.start, &x.start);
        if d[0] != 0 || delta.as_ref().is_some_and(|e| *e != d) {
            return None;
        }
        delta = Some(d);
    }
    delta.map(|d| d[1..].to_vec())
}

/// Representatives of lanes up to constant shifts: the expanded leaders, and per lane its leader and shift.
struct Leaders {
    expanded: Vec<Vec<i64>>,
    of: Vec<(usize, Exponents)>,
}

fn leaders(lanes: &[Lane], rows: usize) -> Result<Leaders, ProgramError> {
    let mut chosen: Vec<&Seq> = vec![];
    let mut of = vec![];
    for l in lanes {
        let found = chosen.iter().enumerate().find_map(|(i, c)| shift(c, &l.monos).map(|d| (i, d)));
        of.push(found.unwrap_or_else(|| {
            chosen.push(&l.monos);
            (chosen.len() - 1, vec![0; l.monos.dim as usize - 1])
        }));
    }
    let expanded = chosen.iter().map(|s| s.expand(rows)).collect::<Result<_, _>>()?;
    Ok(Leaders { expanded, of })
}

impl Walk {
    /// Walks the rows of a validated fold. Err(text) where a limit of this backend is passed.
    pub fn new(fold: &Fold, rows: usize, variables: usize) -> Result<Result<Walk, String>, ProgramError> {
        let lead = leaders(&fold.lanes, rows)?;
        let n = lead.expanded.len();
        let ends: Vec<u32> =
            fold.segments.expand(fold.segment_count as usize)?.iter().map(|e| *e as u32).collect();
        let dim = 1 + variables;
        let mono = |l: usize, r: usize| &lead.expanded[l][r * dim + 1..(r + 1) * dim];
        let flag = |l: usize, r: usize| lead.expanded[l][r * dim] != 0;

        // relative monomials of the leaders; a later row may fill in what an earlier one left open
        let mut offsets: Vec<Vec<Option<Exponents>>> = vec![];
        let mut current = 0usize;
        let mut masks: Vec<(usize, Vec<bool>)> = vec![];
        let mut mask_index = HashMap::new();
        let (mut ratios, mut ratio_index) = (vec![], HashMap::new());
        let mut walk = Walk {
            patterns: vec![],
            pattern_of: Vec::with_capacity(rows),
            ratios: vec![],
            ratio_of: Vec::with_capacity(rows),
            ends,
            end_base: vec![],
            degree: 0,
        };
        let mut segment = 0;
        let mut start = 0;
        let mut previous: Option<Exponents> = None;
        for r in 0..rows {
            if segment == walk.ends.len() {
                // after the last segment nothing is read from the running value of a segmented fold; an ordinary one carries on
                let class = if walk.ends.len() == 1 {
                    intern(&mut ratio_index, &mut ratios, Ratio::Mono(vec![0; variables]))
                } else {
                    ANY
                };
                walk.ratio_of.push(class);
                let none = (usize::MAX, vec![false; n]);
                walk.pattern_of.push(if class == ANY {
                    ANY
                } else {
                    intern(&mut mask_index, &mut masks, none)
                });
                continue;
            }
            let present: Vec<bool> = (0..n).map(|l| flag(l, r)).collect();
            let first = present.iter().position(|p| *p);
            let base = first.map(|first| {
                let fits = |o: &Vec<Option<Exponents>>| {
                    let base = minus(mono(first, r), o[first].as_ref()?);
                    let ok = (0..n).filter(|l| present[*l]).all(|l| match &o[l] {
                        Some(d) => mono(l, r).iter().zip(&base).zip(d).all(|((m, b), d)| m - b == *d),
                        None => true,
                    });
                    ok.then_some(base)
                };
                let order = offsets.len();
                let found = (0..order)
                    .map(|k| (current + order - k) % order)
                    .find_map(|k| fits(&offsets[k]).map(|b| (k, b)));
                let (k, base) = found.unwrap_or_else(|| {
                    offsets.push(vec![None; n]);
                    (offsets.len() - 1, mono(first, r).to_vec())
                });
                current = k;
                for l in (0..n).filter(|l| present[*l]) {
                    if offsets[k][l].is_none() {
                        offsets[k][l] = Some(minus(mono(l, r), &base));
                    }
                }
                base
            });
            let key = if base.is_some() { (current, present.clone()) } else { (usize::MAX, present.clone()) };
            walk.pattern_of.push(intern(&mut mask_index, &mut masks, key));
            let ratio = if r == start {
                Some(Ratio::Reset)
            } else {
                match (&previous, &base) {
                    (Some(p), Some(b)) => Some(Ratio::Mono(minus(p, b))),
                    (Some(_), None) => Some(Ratio::Mono(vec![0; variables])),
                    // the running value is 0 here whatever it is multiplied by
                    (None, _) => None,
                }
            };
            walk.ratio_of.push(ratio.map_or(ANY, |x| intern(&mut ratio_index, &mut ratios, x)));
            for l in (0..n).filter(|l| present[*l]) {
                // the followers' shifts are bounded below
                walk.degree = walk.degree.max(mono(l, r).iter().map(|e| *e as u64).sum());
            }
            if base.is_some() {
                previous = base;
            }
            if r + 1 == walk.ends[segment] as usize {
                walk.end_base.push(previous.take());
                segment += 1;
                start = r + 1;
            }
            if offsets.len() > MAX_CLASSES || masks.len() > MAX_CLASSES || ratios.len() > MAX_CLASSES {
                return Ok(Err(format!(
                    "fold {:?} has more than {MAX_CLASSES} distinct kinds of rows",
                    fold.name
                )));
            }
        }
        walk.degree += lead.of.iter().map(|f| f.1.iter().map(|e| e.unsigned_abs()).sum()).max().unwrap_or(0);
        walk.ratios = ratios;
        walk.patterns = masks
            .iter()
            .map(|(k, mask)| {
                lead.of
                    .iter()
                    .map(|(l, d)| match offsets.get(*k) {
                        Some(o) if mask[*l] => o[*l].as_ref().map(|m| plus(m, d)),
                        _ => None,
                    })
                    .collect()
            })
            .collect();
        Ok(Ok(walk))
    }
}
