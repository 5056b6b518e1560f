//! Affine layouts: where elements lie, as loop nests, never element by element.
//!
//! A [`Nest`] leads from elements of one thing (a value, a tensor, the rows of a table) to places in another: element
//! at + Σ iₖ·atₖ leads to to + Σ iₖ·toₖ, for all iₖ < countₖ. A layout is a list of nests; elements that none of them has lead
//! nowhere, which for values means zero.
//!
//! Layouts compose ([`compose`]): the middle places are taken apart into the digits of the second nest's loops, which are the axes
//! of a dense tensor almost always. Where digits would carry, elements are looked at one by one: correct, and rare.
//!
//! Invariants: counts are at least 2; no element occurs twice in a layout.
use std::collections::HashMap;
use tessera_api::{Run, Seq};

/// One loop of a nest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Loop<const D: usize> {
    /// Turns.
    pub count: i64,
    /// Step of the element.
    pub at: i64,
    /// Step of the place it leads to.
    pub to: [i64; D],
}

/// A loop nest from elements to places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nest<const D: usize> {
    /// The first element.
    pub at: i64,
    /// Where it leads.
    pub to: [i64; D],
    /// In any order.
    pub loops: Vec<Loop<D>>,
}

impl<const D: usize> Nest<D> {
    /// A nest of these loops, of which those of one turn are left out.
    pub fn new(at: i64, to: [i64; D], loops: impl IntoIterator<Item = (usize, i64, [i64; D])>) -> Nest<D> {
        let loops = loops.into_iter().map(|(count, at, to)| Loop { count: count as i64, at, to });
        Nest { at, to, loops: loops.filter(|l| l.count != 1).collect() }
    }

    /// Number of elements.
    pub fn len(&self) -> i64 {
        self.loops.iter().map(|l| l.count).product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// With places changed by an affine map.
    pub fn map<const E: usize>(&self, first: [i64; E], linear: impl Fn(&[i64; D]) -> [i64; E]) -> Nest<E> {
        let start = linear(&self.to);
        Nest {
            at: self.at,
            to: std::array::from_fn(|i| first[i] + start[i]),
            loops: self.loops.iter().map(|l| Loop { count: l.count, at: l.at, to: linear(&l.to) }).collect(),
        }
    }

    /// With one more loop around.
    pub fn around(mut self, count: usize, at: i64, to: [i64; D]) -> Nest<D> {
        if count != 1 {
            self.loops.push(Loop { count: count as i64, at, to });
        }
        self
    }

    /// Calls `f` with every element and its place.
    pub fn visit(&self, f: &mut impl FnMut(i64, &[i64; D])) {
        fn walk<const D: usize>(
            loops: &[Loop<D>],
            at: i64,
            to: [i64; D],
            f: &mut impl FnMut(i64, &[i64; D]),
        ) {
            let Some((l, inner)) = loops.split_last() else { return f(at, &to) };
            for i in 0..l.count {
                walk(inner, at + i * l.at, std::array::from_fn(|d| to[d] + i * l.to[d]), f);
            }
        }
        walk(&self.loops, self.at, self.to, f);
    }

    /// Smallest and largest element.
    pub fn span(&self) -> (i64, i64) {
        self.loops.iter().fold((self.at, self.at), |(lo, hi), l| {
            let reach = (l.count - 1) * l.at;
            (lo + reach.min(0), hi + reach.max(0))
        })
    }

    /// The nests of which each element occurs once: loops that meet an element again are unrolled.
    pub fn once(&self) -> Vec<Nest<D>> {
        let mut order = self.loops.clone();
        order.sort_by_key(|l| (l.at.abs(), std::cmp::Reverse(l.count)));
        let (mut kept, mut span): (Vec<Loop<D>>, i64) = (vec![], 0);
        let mut out = vec![Nest { loops: vec![], ..self.clone() }];
        for l in order {
            if l.at.abs() > span {
                span += (l.count - 1) * l.at.abs();
                kept.push(l);
            } else {
                let turn = |n: &Nest<D>, i: i64| Nest {
                    at: n.at + i * l.at,
                    to: std::array::from_fn(|d| n.to[d] + i * l.to[d]),
                    loops: vec![],
                };
                out = out.iter().flat_map(|n| (0..l.count).map(|i| turn(n, i)).collect::<Vec<_>>()).collect();
            }
        }
        out.iter_mut().for_each(|n| n.loops.clone_from(&kept));
        out
    }
}

impl Nest<1> {
    /// All elements of a dense tensor, in order.
    pub fn dense(len: usize) -> Nest<1> {
        Nest::new(0, [0], [(len, 1, [1])])
    }

    /// From places to elements.
    pub fn inverse(&self) -> Nest<1> {
        let loops = self.loops.iter().map(|l| Loop { count: l.count, at: l.to[0], to: [l.at] });
        Nest { at: self.to[0], to: [self.at], loops: loops.collect() }
    }

    /// Those elements whose place is an element of `next`, with where that leads. None where digits would carry.
    fn then<const E: usize>(&self, next: &Nest<E>) -> Option<Option<Nest<E>>> {
        let mut digits = next.loops.clone();
        digits.sort_by_key(|l| std::cmp::Reverse(l.at));
        if digits.iter().any(|l| l.at <= 0) {
            return None;
        }
        let mut loops: Vec<Loop<1>> = vec![];
        self.loops.iter().for_each(|l| split(*l, &digits, &mut loops));
        let steps: Vec<Vec<i64>> = loops.iter().map(|l| parts(l.to[0], &digits)).collect::<Option<_>>()?;
        let offset = self.to[0] - next.at;
        let firsts = candidates(offset, &digits);
        firsts.into_iter().find_map(|first| clip(self.at, &loops, &steps, &first, next, &digits))
    }
}

/// A loop as several where it runs over more than one digit.
fn split<const E: usize>(l: Loop<1>, digits: &[Loop<E>], out: &mut Vec<Loop<1>>) {
    let step = l.to[0].abs();
    // the smallest digit above the one it moves, if it reaches that far
    let above = digits.iter().rev().map(|d| d.at).find(|at| *at > step && step > 0);
    match above {
        Some(above)
            if step * (l.count - 1) >= above && above % step == 0 && l.count % (above / step) == 0 =>
        {
            let inner = above / step;
            if inner > 1 {
                out.push(Loop { count: inner, ..l });
            }
            if l.count > inner {
                split(Loop { count: l.count / inner, at: l.at * inner, to: [l.to[0] * inner] }, digits, out);
            }
        }
        _ => out.push(l),
    }
}

/// A step as digits; None where it is no sum of them.
fn parts<const E: usize>(step: i64, digits: &[Loop<E>]) -> Option<Vec<i64>> {
    let mut rest = step.abs();
    let list = digits.iter().map(|d| {
        let n = rest / d.at;
        rest %= d.at;
        n * step.signum()
    });
    let list = list.collect();
    (rest == 0).then_some(list)
}

/// Ways to write an offset as digits: each rounded down or up.
fn candidates<const E: usize>(offset: i64, digits: &[Loop<E>]) -> Vec<Vec<i64>> {
    let mut all: Vec<(i64, Vec<i64>)> = vec![(offset, vec![])];
    for d in digits {
        let mut next = vec![];
        for (rest, list) in all {
            for n in [rest.div_euclid(d.at), rest.div_euclid(d.at) + 1] {
                if next.len() < 64 {
                    next.push((rest - n * d.at, [&list[..], &[n]].concat()));
                }
            }
        }
        all = next;
    }
    all.into_iter().filter(|(rest, _)| *rest == 0).map(|(_, list)| list).collect()
}

/// Cuts loops down to where every digit lies within its count, if the digits tell every place apart.
fn clip<const E: usize>(
    at: i64,
    loops: &[Loop<1>],
    steps: &[Vec<i64>],
    first: &[i64],
    next: &Nest<E>,
    digits: &[Loop<E>],
) -> Option<Option<Nest<E>>> {
    let ranges: Vec<(i64, i64)> = (0..digits.len())
        .map(|j| {
            loops.iter().zip(steps).fold((first[j], first[j]), |(lo, hi), (l, s)| {
                let reach = (l.count - 1) * s[j];
                (lo + reach.min(0), hi + reach.max(0))
            })
        })
        .collect();
    // no two digit vectors within these ranges are the same place
    let mut below = 0;
    for (d, (lo, hi)) in digits.iter().zip(&ranges).rev() {
        if below >= d.at {
            return None;
        }
        below += ((*hi).max(d.count - 1) - (*lo).min(0)) * d.at;
    }
    let mut turns: Vec<(i64, i64)> = loops.iter().map(|l| (0, l.count)).collect();
    for (j, (d, (lo, hi))) in digits.iter().zip(&ranges).enumerate() {
        if *lo >= 0 && *hi < d.count {
            continue;
        }
        let moving: Vec<usize> = (0..loops.len()).filter(|k| steps[*k][j] != 0).collect();
        match moving[..] {
            [] => return Some(None),
            [k] => {
                let (step, start) = (steps[k][j], first[j]);
                // 0 ≤ start + i·step < count
                let (from, to) = if step > 0 {
                    (
                        (-start).div_euclid(step) + i64::from((-start).rem_euclid(step) != 0),
                        (d.count - 1 - start).div_euclid(step) + 1,
                    )
                } else {
                    let s = -step;
                    (
                        (start - d.count + 1).div_euclid(s)
                            + i64::from((start - d.count + 1).rem_euclid(s) != 0),
                        start.div_euclid(s) + 1,
                    )
                };
                turns[k] = (turns[k].0.max(from), turns[k].1.min(to));
                if turns[k].0 >= turns[k].1 {
                    return Some(None);
                }
            }
            _ => return None,
        }
    }
    let place = |digit: &dyn Fn(usize) -> i64| -> [i64; E] {
        std::array::from_fn(|e| digits.iter().enumerate().map(|(j, d)| digit(j) * d.to[e]).sum())
    };
    let start = place(&|j| first[j] + turns.iter().zip(steps).map(|(t, s)| t.0 * s[j]).sum::<i64>());
    let mut out = Nest { at, to: std::array::from_fn(|e| next.to[e] + start[e]), loops: vec![] };
    for ((l, s), (from, to)) in loops.iter().zip(steps).zip(turns) {
        out.at += from * l.at;
        if to - from > 1 {
            out.loops.push(Loop { count: to - from, at: l.at, to: place(&|j| s[j]) });
        }
    }
    Some(Some(out))
}

/// The elements of `first` whose places are elements of `second`, with where those lead.
pub fn compose<const E: usize>(first: &[Nest<1>], second: &[Nest<E>]) -> Vec<Nest<E>> {
    tessera_cancel::point();
    let mut out = vec![];
    for a in first.iter().filter(|a| !a.is_empty()) {
        let all: Option<Vec<Option<Nest<E>>>> = second.iter().map(|b| a.then(b)).collect();
        match all {
            Some(nests) => out.extend(nests.into_iter().flatten()),
            None => out.extend(turn_by_turn(a, second).unwrap_or_else(|| one_by_one(a, second))),
        }
    }
    out
}

/// As [`compose`], without the loop of the largest step where all of `second` makes that step in loops of its own: with everything else
/// closer together than that step, turn i meets turn i alone, and each as the first one does. `None` where that is not so.
fn turn_by_turn<const E: usize>(first: &Nest<1>, second: &[Nest<E>]) -> Option<Vec<Nest<E>>> {
    let outer = (0..first.loops.len()).max_by_key(|k| first.loops[*k].to[0].abs())?;
    let mut inner = first.clone();
    let Loop { count, at, to: [step] } = inner.loops.remove(outer);
    if step <= 0 {
        return None;
    }
    let (mut low, mut high) = inner.inverse().span();
    let (mut of, mut leads) = (vec![], None);
    for nest in second.iter().filter(|n| !n.is_empty()) {
        let steps = |l: &Loop<E>| l.at > 0 && step % l.at == 0 && l.count % (step / l.at) == 0;
        let k = (0..nest.loops.len()).filter(|k| steps(&nest.loops[*k])).max_by_key(|k| nest.loops[*k].at)?;
        let mut rest = nest.clone();
        let l = rest.loops.remove(k);
        let turn = step / l.at;
        let to = l.to.map(|t| t * turn);
        if l.count / turn < count || leads.is_some_and(|known| known != to) {
            return None;
        }
        leads = Some(to);
        let rest = rest.around(turn as usize, l.at, l.to);
        let span = rest.span();
        (low, high) = (low.min(span.0), high.max(span.1));
        of.push(rest);
    }
    let to = leads.filter(|_| high - low < step)?;
    Some(compose(&[inner], &of).into_iter().map(|nest| nest.around(count as usize, at, to)).collect())
}

/// As [`compose`], element by element.
fn one_by_one<const E: usize>(first: &Nest<1>, second: &[Nest<E>]) -> Vec<Nest<E>> {
    let mut leads: HashMap<i64, [i64; E]> = HashMap::new();
    second.iter().for_each(|n| n.visit(&mut |at, to| leads.extend([(at, *to)])));
    let mut found: Vec<(i64, [i64; E])> = vec![];
    first.visit(&mut |at, to| found.extend(leads.get(&to[0]).map(|to| (at, *to))));
    found.sort_unstable();
    fit(&found)
}

/// Nests of elements given one by one.
pub fn fit<const E: usize>(elements: &[(i64, [i64; E])]) -> Vec<Nest<E>> {
    let flat: Vec<i64> = elements.iter().flat_map(|(at, to)| std::iter::once(*at).chain(*to)).collect();
    let nest = |r: Run| Nest {
        at: r.start[0],
        to: std::array::from_fn(|e| r.start[1 + e]),
        loops: (r.loops.iter())
            .map(|(count, d)| Loop { count: *count as i64, at: d[0], to: std::array::from_fn(|e| d[1 + e]) })
            .collect(),
    };
    Seq::compress(1 + E, &flat).runs.into_iter().map(nest).collect()
}

/// Elements that follow each other: the first, how many, and where they lead.
struct Dense {
    at: i64,
    count: i64,
    run: Run,
}

/// A layout as parts whose elements follow each other, in order.
fn in_order<const D: usize>(nests: &[Nest<D>]) -> Vec<Dense> {
    let mut parts: Vec<Dense> = vec![];
    for n in nests.iter().filter(|n| !n.is_empty()) {
        let (mut start, mut loops) = ((n.at, n.to), n.loops.clone());
        for l in loops.iter_mut().filter(|l| l.at < 0) {
            start.0 += (l.count - 1) * l.at;
            start.1 = std::array::from_fn(|d| start.1[d] + (l.count - 1) * l.to[d]);
            (l.at, l.to) = (-l.at, l.to.map(|t| -t));
        }
        loops.sort_by_key(|l| l.at);
        let (mut dense, mut count) = (0, 1);
        while let Some(l) = loops.get(dense).filter(|l| l.at == count) {
            count *= l.count;
            dense += 1;
        }
        let inner: Vec<(u32, Vec<i64>)> =
            loops[..dense].iter().map(|l| (l.count as u32, l.to.to_vec())).collect();
        let outer = Nest { at: start.0, to: start.1, loops: loops[dense..].to_vec() };
        outer.visit(&mut |at, to| {
            parts.push(Dense { at, count, run: Run { start: to.to_vec(), loops: inner.clone() } });
        });
    }
    parts.sort_by_key(|p| p.at);
    parts
}

/// The places of elements 0, 1, .. `len` as a sequence; `absent` where there is none.
pub fn sequence<const D: usize>(nests: &[Nest<D>], len: usize, absent: [i64; D]) -> Seq {
    let mut runs = vec![];
    let mut next = 0;
    let gap = |from: i64, to: i64| Seq::constant(&absent, (to - from).max(0) as usize).runs;
    for part in in_order(nests) {
        runs.extend(gap(next, part.at));
        next = part.at + part.count;
        runs.push(part.run);
    }
    runs.extend(gap(next, len as i64));
    Seq::of_runs(D, runs)
}

/// The elements 0, 1, .. `len` that lead nowhere: first and number of each part.
pub fn gaps<const D: usize>(nests: &[Nest<D>], len: usize) -> Vec<(i64, usize)> {
    let mut out = vec![];
    let mut next = 0;
    let ends = in_order(nests).into_iter().map(|p| (p.at, p.count)).chain([(len as i64, 0)]);
    for (at, count) in ends {
        if at > next {
            out.push((next, (at - next) as usize));
        }
        next = at + count;
    }
    out
}

/// A loop nest of a sequence; loops of one turn are left out.
pub fn run<const D: usize>(start: [i64; D], loops: impl IntoIterator<Item = (usize, [i64; D])>) -> Run {
    let loops = loops.into_iter().filter(|l| l.0 > 1).map(|(n, d)| (n as u32, d.to_vec()));
    Run { start: start.to_vec(), loops: loops.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expanded<const D: usize>(nests: &[Nest<D>]) -> Vec<(i64, [i64; D])> {
        let mut all = vec![];
        nests.iter().for_each(|n| n.visit(&mut |at, to| all.push((at, *to))));
        all.sort_unstable();
        all
    }

    /// A window of a tensor [a, b, c] that may reach beyond it, in any order of axes.
    fn window() -> impl Strategy<Value = (Vec<usize>, Nest<1>)> {
        let axis = (1usize..5, 0i64..3, 1i64..3, 1usize..5);
        (prop::collection::vec(axis, 1..4), any::<bool>()).prop_map(|(axes, swap)| {
            let shape: Vec<usize> = axes.iter().map(|a| a.0).collect();
            let (mut step, mut at) = (1i64, 1i64);
            let (mut start, mut loops) = (0, vec![]);
            for (extent, from, by, count) in axes.into_iter().rev() {
                start += from * step;
                loops.push((count, at, [by * step]));
                step *= extent as i64 + 4;
                at *= count as i64;
            }
            if swap {
                loops.reverse();
            }
            (shape, Nest::new(0, [start], loops))
        })
    }

    proptest! {
        #[test]
        fn composing_is_following_each_element((shape, first) in window(), low in 0i64..3) {
            // a box of a tensor whose axes have 4 more positions than the box
            let (mut step, mut dense) = (1, 1);
            let mut loops = vec![];
            for extent in shape.iter().rev() {
                loops.push((*extent, step, [dense, 7 * step]));
                step *= *extent as i64 + 4;
                dense *= *extent as i64;
            }
            let second = [Nest::new(low, [5, 1], loops)];
            let found = expanded(&compose(std::slice::from_ref(&first), &second));
            prop_assert_eq!(found, expanded(&one_by_one(&first, &second)));
        }

        #[test]
        fn a_sequence_has_every_element_in_its_place((_, n) in window(), offset in 0i64..4) {
            let n = Nest { at: offset, ..n };
            let len = (n.len() + offset + 3) as usize;
            let found = sequence(std::slice::from_ref(&n), len, [-9]).expand(len).unwrap();
            let mut expected = vec![-9; len];
            n.visit(&mut |at, to| expected[at as usize] = to[0]);
            prop_assert_eq!(found, expected);
        }
    }

    /// Taps of a kernel stand in the other order, so digits tell nothing, but all output channels are as the first one.
    #[test]
    fn turns_of_the_largest_step_are_as_the_first() {
        let first = Nest::new(0, [1], [(2, 1, [1]), (4, 2, [3]), (6, 8, [12])]);
        let all = [Nest::new(2, [0], [(7, 12, [100]), (4, 3, [7]), (3, -1, [1])])];
        // taps 0 and 2, in nests of their own
        let some = [0, 2].map(|tap| Nest::new(tap, [tap], [(7, 12, [100]), (4, 3, [7])]));
        for second in [&all[..], &some] {
            let found = turn_by_turn(&first, second).expect("channels are apart");
            assert_eq!(expanded(&found), expanded(&one_by_one(&first, second)));
        }
        // one turn fewer than there are channels, and channels that reach into each other
        let few = [Nest::new(2, [0], [(5, 12, [100]), (4, 3, [7]), (3, -1, [1])])];
        let mixed = [Nest::new(2, [0], [(7, 12, [100]), (5, 3, [7]), (3, -1, [1])])];
        assert_eq!([&few, &mixed].map(|second| turn_by_turn(&first, second)), [None, None]);
    }

    /// Flattening a cropped image: one loop over all of it meets three axes.
    #[test]
    fn loops_are_split_where_they_run_over_axes() {
        let crop = Nest::new(0, [35], [(3, 1024, [1156]), (32, 32, [34]), (32, 1, [1])]);
        let flat = Nest::dense(3 * 1024);
        let found = flat.then(&crop).unwrap().unwrap();
        assert_eq!(expanded(&[found]), expanded(&[crop]));
    }

    /// Windows that overlap meet elements again: each shift of the window is a nest of its own.
    #[test]
    fn every_element_once() {
        let unfold = Nest::new(0, [0], [(6, 8, [1]), (6, 1, [6]), (3, 8, [36]), (3, 1, [108])]);
        let parts = unfold.once();
        assert_eq!(parts.len(), 9);
        assert_eq!(expanded(&parts), expanded(&[unfold]));
        for p in &parts {
            let mut at: Vec<i64> = expanded(std::slice::from_ref(p)).iter().map(|e| e.0).collect();
            at.dedup();
            assert_eq!(at.len(), 36);
        }
    }
}
