//! A contraction whose factors become known element by element: products are added once, when both factors are known.
//!
//! A product is *determined* where both factors are known, or one of them is known to be 0; an element of y is known when all of its products are.
use super::{Contract, Factor, Turn, fits, most};
use rayon::prelude::*;
use std::ops::Range;
use tessera_api::with_numbers;

/// Where one of so many elements becomes known, its products are added one by one.
const RARE: usize = 64;

/// A tensor whose elements become known.
pub(crate) struct Growing {
    /// Anything where they are not known.
    pub values: Vec<i64>,
    pub state: Vec<State>,
    /// Elements that have become known now.
    pub fresh: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Unknown,
    /// Known from now on.
    Fresh,
    Known,
}

impl Growing {
    pub(crate) fn new(len: usize) -> Growing {
        Growing { values: vec![0; len], state: vec![State::Unknown; len], fresh: vec![] }
    }

    pub(crate) fn is_known(&self, i: usize) -> bool {
        self.state[i] != State::Unknown
    }

    /// An element becomes known.
    pub(crate) fn set(&mut self, i: usize, value: i64) {
        self.values[i] = value;
        self.know(i);
    }

    /// An element's value is right from now on.
    pub(crate) fn know(&mut self, i: usize) {
        self.state[i] = State::Fresh;
        self.fresh.push(i);
    }

    /// Elements that are known are no news any more.
    pub(crate) fn settle(&mut self) {
        for i in std::mem::take(&mut self.fresh) {
            self.state[i] = State::Known;
        }
    }

    /// Rows that are not done, and of which all is known that `of` says belongs to them; they are done from now on.
    pub(crate) fn ready(&self, done: &mut [bool], of: impl Fn(usize) -> Range<usize>) -> Vec<bool> {
        let known = |row: usize| self.state[of(row)].iter().all(|s| *s != State::Unknown);
        let ready: Vec<bool> = (0..done.len()).map(|row| !done[row] && known(row)).collect();
        done.iter_mut().zip(&ready).for_each(|(done, ready)| *done |= ready);
        ready
    }

    /// Where the news are.
    pub(crate) fn news(&self) -> Range<usize> {
        let first = self.fresh.iter().min().copied().unwrap_or(0);
        first..self.fresh.iter().max().map_or(0, |last| last + 1)
    }
}

/// What is not known yet of the sums of a contraction.
pub(crate) struct Progress {
    /// By the element of y where turns of the loops that move x begin, or by element of y where both factors are computed: products that are not
    /// determined.
    missing: Vec<u64>,
    /// Of weights: by element of y, beginnings that it hangs on.
    hangs: Vec<u64>,
    /// Of weights: where an element stands that hangs on a beginning.
    lanes: Vec<usize>,
}

/// Steps of a loop in the factor that is walked, in the other one, and in y.
type Steps = fn(&Turn) -> (usize, usize, usize);
const X: Steps = |t| (t.x, t.w, t.y);
const W: Steps = |t| (t.w, t.x, t.y);

impl Contract {
    /// Nothing is known. `len` elements are in y.
    pub(crate) fn progress(&self, len: usize) -> Progress {
        let mut missing = vec![0u64; len];
        match self.factor {
            Factor::Computed(_) => {
                let (kept, summed): (Vec<Turn>, Vec<Turn>) = self.turns.iter().partition(|t| t.y > 0);
                let products: usize = summed.iter().map(|t| t.extent).product();
                places(&kept, X, &(0..usize::MAX), &mut |_, _, y| missing[y] += products as u64);
                Progress { missing, hangs: vec![], lanes: vec![] }
            }
            Factor::Weights(_) => {
                let (moving, still): (Vec<Turn>, Vec<Turn>) = self.turns.iter().partition(|t| t.x > 0);
                places(&moving, X, &(0..usize::MAX), &mut |_, _, y| missing[y] += 1);
                let (mut lanes, mut hangs) = (vec![], vec![0u64; len]);
                let still: Vec<Turn> = still.into_iter().filter(|t| t.y > 0).collect();
                places(&still, X, &(0..usize::MAX), &mut |_, _, y| lanes.push(y));
                for start in (0..len).filter(|start| missing[*start] > 0) {
                    lanes.iter().for_each(|lane| hangs[start + lane] += 1);
                }
                Progress { missing, hangs, lanes }
            }
        }
    }

    /// Elements of y that have products.
    pub(crate) fn reached<'p>(&self, p: &'p Progress) -> impl Iterator<Item = usize> + use<'p> {
        let all = if p.hangs.is_empty() { &p.missing } else { &p.hangs };
        all.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, _)| i)
    }

    /// Adds the products that are determined now, and tells which elements of y have all of theirs. False where sums might leave 64 bits.
    pub(crate) fn grow<'t>(
        &self,
        read: impl Fn(usize) -> &'t Growing,
        y: &mut [i64],
        p: &mut Progress,
        done: &mut Vec<usize>,
    ) -> bool {
        let x = read(self.x);
        let safe = |w: u64, y: &[i64]| most(y) < 1 << 62 && fits(most(&x.values), w, self.depth, 1 << 61);
        match &self.factor {
            Factor::Weights(w) => {
                if x.fresh.is_empty() {
                    return true;
                }
                if !safe(w.max, y) {
                    return false;
                }
                let moving: Vec<Turn> = self.turns.iter().filter(|t| t.x > 0).copied().collect();
                places(&moving, X, &x.news(), &mut |at, _, start| {
                    if x.state[at] == State::Fresh {
                        p.missing[start] -= 1;
                        if p.missing[start] == 0 {
                            for place in p.lanes.iter().map(|lane| start + lane) {
                                p.hangs[place] -= 1;
                                if p.hangs[place] == 0 {
                                    done.push(place);
                                }
                            }
                        }
                    }
                });
                let most = x.fresh.iter().map(|i| x.values[*i].unsigned_abs()).max().unwrap_or(0);
                // positions that are not known cost the vectors little, and other ways as much as those that are
                let vectors = w.narrow.as_ref().is_some_and(|narrow| narrow.takes(most, self.depth));
                let rare = if vectors { 8 * RARE } else { RARE };
                if x.fresh.len() <= x.values.len() / rare + RARE {
                    let Ok(numbers) = w.w.numbers() else { return false };
                    with_numbers!(numbers, |get| self.one_by_one(x, &|i: usize| get(w.offset + i), y));
                    return true;
                }
                let mut news = vec![0; x.values.len()];
                x.fresh.iter().for_each(|i| news[*i] = x.values[*i]);
                fits(most, w.max, self.depth, 1 << 53) && w.run((&news, most), y, self)
            }
            Factor::Computed(w) => {
                let w = read(*w);
                if x.fresh.is_empty() && w.fresh.is_empty() {
                    return true;
                }
                if !safe(most(&w.values), y) {
                    return false;
                }
                let Progress { missing, .. } = p;
                let mut determined = |place: usize| {
                    missing[place] -= 1;
                    if missing[place] == 0 {
                        done.push(place);
                    }
                };
                // of x now with w as it was, then of w now with x as it is
                self.each_fresh(x, X, &mut |i, j, place| match w.state[j] {
                    State::Known if w.values[j] != 0 => {
                        y[place] = y[place].wrapping_add(x.values[i].wrapping_mul(w.values[j]));
                        determined(place);
                    }
                    // where w is 0 it was determined
                    State::Known => {}
                    State::Unknown | State::Fresh if x.values[i] == 0 => determined(place),
                    State::Unknown | State::Fresh => {}
                });
                self.each_fresh(w, W, &mut |j, i, place| match x.is_known(i) {
                    true if x.values[i] != 0 => {
                        y[place] = y[place].wrapping_add(x.values[i].wrapping_mul(w.values[j]));
                        determined(place);
                    }
                    true => {}
                    false if w.values[j] == 0 => determined(place),
                    false => {}
                });
                true
            }
        }
    }

    /// Calls `f` for every product of an element that has become known: its place, the other factor's and y's.
    fn each_fresh(&self, x: &Growing, steps: Steps, f: &mut impl FnMut(usize, usize, usize)) {
        if x.fresh.is_empty() {
            return;
        }
        let (moving, still): (Vec<Turn>, Vec<Turn>) = self.turns.iter().partition(|t| steps(t).0 > 0);
        let mut inner = vec![];
        places(&still, steps, &(0..usize::MAX), &mut |_, other, y| inner.push((other, y)));
        places(&moving, steps, &x.news(), &mut |at, other, y| {
            if x.state[at] == State::Fresh {
                inner.iter().for_each(|(o, place)| f(at, other + o, y + place));
            }
        });
    }

    /// Adds the products of what has become known with weights, one by one.
    fn one_by_one(&self, x: &Growing, w: &(impl Fn(usize) -> i64 + Sync), y: &mut [i64]) {
        let (moving, still): (Vec<Turn>, Vec<Turn>) = self.turns.iter().partition(|t| t.x > 0);
        // value, where its weights begin, and where its sums do
        let mut factors: Vec<(i64, usize, usize)> = vec![];
        places(&moving, X, &x.news(), &mut |at, from, to| {
            if x.state[at] == State::Fresh && x.values[at] != 0 {
                factors.push((x.values[at], from, to));
            }
        });
        let mut inner = vec![];
        places(&still, X, &(0..usize::MAX), &mut |_, w, y| inner.push((w, y)));
        // those of one sum together, in the order of their weights
        factors.sort_unstable_by_key(|(_, from, to)| (*to, *from));
        for sum in factors.chunk_by(|a, b| a.2 == b.2) {
            let of = |(o, _): &(usize, usize)| {
                sum.iter().fold(0i64, |s, (x, from, _)| s.wrapping_add(x.wrapping_mul(w(from + o))))
            };
            let sums: Vec<i64> = inner.par_iter().with_min_len(64).map(of).collect();
            for ((_, place), s) in inner.iter().zip(sums) {
                let y = &mut y[sum[0].2 + place];
                *y = y.wrapping_add(s);
            }
        }
    }
}

/// Calls `f` with the three offsets of every turn of a nest whose first offset lies in a range.
fn places(turns: &[Turn], steps: Steps, range: &Range<usize>, f: &mut impl FnMut(usize, usize, usize)) {
    let mut turns: Vec<(usize, (usize, usize, usize))> = turns.iter().map(|t| (t.extent, steps(t))).collect();
    turns.sort_by_key(|(_, steps)| std::cmp::Reverse(*steps));
    nest(&turns, (0, 0, 0), range, f);
}

fn nest(
    turns: &[(usize, (usize, usize, usize))],
    (a, b, c): (usize, usize, usize),
    range: &Range<usize>,
    f: &mut impl FnMut(usize, usize, usize),
) {
    let reach: usize = turns.iter().map(|(extent, steps)| (extent - 1) * steps.0).sum();
    if a >= range.end || a + reach < range.start {
        return;
    }
    match turns {
        [] => f(a, b, c),
        [(extent, (x, y, z)), inner @ ..] => {
            (0..*extent).for_each(|i| nest(inner, (a + i * x, b + i * y, c + i * z), range, f));
        }
    }
}
