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
    Monomial(Exponents),
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
}

/// Lanes that are summed once for all patterns.
pub struct Block {
    /// Per pattern the monomial the sum is multiplied by, or none where its lanes are absent.
    pub gates: Vec<Option<Exponents>>,
    /// The lanes, each with its monomial.
    pub lanes: Vec<(usize, Exponents)>,
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
        let found = chosen.iter().enumerate().find_map(|(i, c)| shift(c, &l.monomials).map(|d| (i, d)));
        of.push(found.unwrap_or_else(|| {
            chosen.push(&l.monomials);
            (chosen.len() - 1, vec![0; l.monomials.dim as usize - 1])
        }));
    }
    let expanded = chosen.iter().map(|s| s.expand(rows)).collect::<Result<_, _>>()?;
    Ok(Leaders { expanded, of })
}

/// Layouts of a fold's lanes over wide rows: lane (i, l) of wide row R is lane l of row k·R + i.
struct Layout<'a> {
    lead: Leaders,
    rows: usize,
    log: u8,
    dim: usize,
    lanes: &'a [Lane],
}

impl Layout<'_> {
    /// Number of leading lanes of a wide row.
    fn width(&self) -> usize {
        self.lead.expanded.len() << self.log
    }
    /// (flag, exponents) of a leading lane; none beyond the last row.
    fn entry(&self, lane: usize, row: usize) -> Option<&[i64]> {
        let n = self.lead.expanded.len();
        let at = (row << self.log) + lane / n;
        let e = self.lead.expanded[lane % n].get(at * self.dim..(at + 1) * self.dim)?;
        (at < self.rows && e[0] != 0).then_some(&e[1..])
    }
    /// The leading lane and shift of every lane of a wide row.
    fn all(&self) -> impl Iterator<Item = (usize, &Exponents)> {
        let n = self.lead.expanded.len();
        (0..1usize << self.log)
            .flat_map(move |i| self.lead.of.iter().map(move |(l, d)| (i * n + l, d)))
            .take(self.lanes.len() << self.log)
    }
}

/// Relative monomials of leading lanes; a later row may fill in what an earlier one left open.
type Offsets = Vec<Option<Exponents>>;

/// The base with which a row's lanes have these relative monomials.
fn base_of(row: &[Option<&[i64]>], offsets: &Offsets) -> Option<Exponents> {
    let first = row.iter().position(Option::is_some)?;
    let base = minus(row[first]?, offsets[first].as_ref()?);
    let fits = row.iter().zip(offsets).all(|(m, o)| match (m, o) {
        (Some(m), Some(o)) => m.iter().zip(&base).zip(o).all(|((m, b), o)| m - b == *o),
        _ => true,
    });
    fits.then_some(base)
}

impl Walk {
    /// Walks a validated fold, 2^log rows of its table at a time. Err(text) where a limit of this backend is passed.
    pub fn new(
        fold: &Fold,
        rows: usize,
        variables: usize,
        log: u8,
    ) -> Result<Result<Walk, String>, ProgramError> {
        let layout =
            Layout { lead: leaders(&fold.lanes, rows)?, rows, log, dim: 1 + variables, lanes: &fold.lanes };
        let ends = fold.segments.expand(fold.segment_count as usize)?;
        let last_end = ends.len() - 1;
        let inside = |(s, e): (usize, &i64)| s == last_end || e.trailing_zeros() >= log as u32;
        if !ends.iter().enumerate().all(inside) {
            return Ok(Err(format!("segments of fold {:?} end inside wide rows", fold.name)));
        }
        let ends: Vec<u32> = ends.iter().map(|e| (*e as u32).div_ceil(1 << log)).collect();
        let rows = rows.div_ceil(1 << log);

        let mut offsets: Vec<Offsets> = vec![];
        // (offsets, lanes present) of each pattern; no offsets where no lane is present
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
        };
        let zero = vec![0; variables];
        let mut current = 0;
        let (mut segment, mut start) = (0, 0);
        let mut previous: Option<Exponents> = None;
        // most rows are of the kind of the row before
        let mut last_mask: Option<(usize, Vec<bool>, u32)> = None;
        let mut last_ratio: Option<(Ratio, u32)> = None;
        let mut row: Vec<Option<&[i64]>> = vec![];
        let mut present = vec![];
        for r in 0..rows {
            if segment == walk.ends.len() {
                // after the last segment nothing is read from the running value of a segmented fold; an ordinary one carries on
                let ordinary = walk.ends.len() == 1;
                let carry = |ratios: &mut Vec<Ratio>, index: &mut HashMap<Ratio, u32>| {
                    intern(index, ratios, Ratio::Monomial(zero.clone()))
                };
                let none = (usize::MAX, vec![false; layout.width()]);
                walk.ratio_of.push(if ordinary { carry(&mut ratios, &mut ratio_index) } else { ANY });
                walk.pattern_of.push(if ordinary { intern(&mut mask_index, &mut masks, none) } else { ANY });
                continue;
            }
            row.clear();
            row.extend((0..layout.width()).map(|l| layout.entry(l, r)));
            present.clear();
            present.extend(row.iter().map(Option::is_some));
            let base = present.contains(&true).then(|| {
                let n = offsets.len();
                let found = (0..n)
                    .map(|k| (current + n - k) % n)
                    .find_map(|k| base_of(&row, &offsets[k]).map(|b| (k, b)));
                let (k, base) = found.unwrap_or_else(|| {
                    offsets.push(vec![None; layout.width()]);
                    let first = row.iter().flatten().next().map_or(zero.clone(), |m| m.to_vec());
                    (offsets.len() - 1, first)
                });
                current = k;
                for (o, m) in offsets[k].iter_mut().zip(&row) {
                    if let (None, Some(m)) = (&o, m) {
                        *o = Some(minus(m, &base));
                    }
                }
                base
            });
            let with = if base.is_some() { current } else { usize::MAX };
            let pattern = match &last_mask {
                Some((k, p, id)) if *k == with && *p == present => *id,
                _ => intern(&mut mask_index, &mut masks, (with, present.clone())),
            };
            last_mask = Some((with, std::mem::take(&mut present), pattern));
            walk.pattern_of.push(pattern);
            let ratio = match (&previous, &base) {
                _ if r == start => Some(Ratio::Reset),
                (Some(p), Some(b)) => Some(Ratio::Monomial(minus(p, b))),
                (Some(_), None) => Some(Ratio::Monomial(zero.clone())),
                // the running value is 0 here whatever it is multiplied by
                (None, _) => None,
            };
            walk.ratio_of.push(match (ratio, &last_ratio) {
                (None, _) => ANY,
                (Some(x), Some((y, id))) if x == *y => *id,
                (Some(x), _) => {
                    let id = intern(&mut ratio_index, &mut ratios, x.clone());
                    last_ratio = Some((x, id));
                    id
                }
            });
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
        walk.ratios = ratios;
        let pattern = |(k, mask): &(usize, Vec<bool>)| {
            let weight = |(l, d): (usize, &Exponents)| match offsets.get(*k) {
                Some(o) if mask[l] => o[l].as_ref().map(|m| plus(m, d)),
                _ => None,
            };
            layout.all().map(weight).collect()
        };
        walk.patterns = masks.iter().map(pattern).collect();
        Ok(Ok(walk))
    }

    /// Lanes whose weights differ by one monomial in every pattern: a row adds their common sum times what its pattern says.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = vec![];
        let mut index: HashMap<Vec<Option<Exponents>>, usize> = HashMap::new();
        for lane in 0..self.patterns.first().map_or(0, Vec::len) {
            let weights = || self.patterns.iter().map(|p| p[lane].as_ref());
            let Some(first) = weights().flatten().next() else { continue };
            let gates: Vec<_> = weights().map(|w| w.map(|w| minus(w, first))).collect();
            let at = *index.entry(gates).or_insert_with_key(|gates| {
                blocks.push(Block { gates: gates.clone(), lanes: vec![] });
                blocks.len() - 1
            });
            blocks[at].lanes.push((lane, first.clone()));
        }
        blocks
    }

    /// Distinct kinds of rows that need telling apart.
    pub fn classes(&self) -> usize {
        self.patterns.len() + self.ratios.len()
    }
}
