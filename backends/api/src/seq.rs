//! Sequences of integer vectors that are affine almost everywhere, kept as loop nests.
//!
//! Layouts (which tensor element and which fold monomial belongs to which row) are computed by plain enumeration
//! and stored compressed: a few loop nests stand for hundreds of thousands of rows.
//!
//! Invariants: `compress` then `expand` is the identity; `len` never overflows; nothing is expanded before its
//! length was compared with what the reader expects.
use serde::{Deserialize, Serialize};

/// Vectors of dimension `dim`, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seq {
    /// Entries of each vector.
    pub dim: u32,
    /// Loop nests, in order.
    pub runs: Vec<Run>,
}

/// One loop nest: start + Σ i_k · delta_k for all i_k < count_k; `loops[0]` is the innermost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The first vector.
    pub start: Vec<i64>,
    /// (count, step), innermost first.
    pub loops: Vec<(u32, Vec<i64>)>,
}

/// Loops a nest may have: more than any length below 2⁴⁰ needs.
const MAX_LOOPS: usize = 64;

/// A sequence whose parts disagree, or whose length is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeqError {
    /// Length differs from what the place where it stands demands.
    #[error("a layout of {found} entries stands where {expected} are needed")]
    Length {
        /// Entries needed.
        expected: u64,
        /// Entries found.
        found: u64,
    },
    /// A vector has another dimension than the sequence.
    #[error("a layout of dimension {dim} holds a vector of {found} entries")]
    Dim {
        /// The sequence's dimension.
        dim: u32,
        /// The vector's.
        found: usize,
    },
    /// Counts multiply beyond 2⁴⁰, a loop has no turns, or a nest has more than 64 loops.
    #[error("a layout's loop counts are out of range")]
    Count,
    /// Values leave the 64-bit range.
    #[error("a layout's values overflow")]
    Overflow,
}

impl Run {
    fn len(&self) -> Result<u64, SeqError> {
        // readers walk a nest by recursion
        if self.loops.len() > MAX_LOOPS {
            return Err(SeqError::Count);
        }
        self.loops.iter().try_fold(1u64, |n, (c, _)| {
            if *c == 0 {
                return Err(SeqError::Count);
            }
            n.checked_mul(*c as u64).filter(|n| *n <= 1 << 40).ok_or(SeqError::Count)
        })
    }

    fn check(&self, dim: u32) -> Result<(), SeqError> {
        let mut sizes = std::iter::once(self.start.len()).chain(self.loops.iter().map(|l| l.1.len()));
        if let Some(found) = sizes.find(|n| *n != dim as usize) {
            return Err(SeqError::Dim { dim, found });
        }
        // The extreme value of each entry: start + Σ (count − 1)·step must stay far from overflow.
        for k in 0..dim as usize {
            let reach = self.loops.iter().fold(self.start[k].unsigned_abs() as u128, |a, (c, d)| {
                a + (*c as u128 - 1) * d[k].unsigned_abs() as u128
            });
            if reach >= 1 << 62 {
                return Err(SeqError::Overflow);
            }
        }
        Ok(())
    }
}

impl Seq {
    /// The empty sequence.
    pub fn empty(dim: usize) -> Seq {
        Seq { dim: dim as u32, runs: vec![] }
    }

    /// `count` times the same vector.
    pub fn constant(v: &[i64], count: usize) -> Seq {
        let loops = if count == 1 { vec![] } else { vec![(count as u32, vec![0; v.len()])] };
        let runs = if count == 0 { vec![] } else { vec![Run { start: v.to_vec(), loops }] };
        Seq { dim: v.len() as u32, runs }
    }

    /// Compresses `values`, row-major vectors of dimension `dim`.
    ///
    /// Greedy: equal steps become a loop, equal loops with equal steps between their starts become an outer loop,
    /// until nothing merges.
    pub fn compress(dim: usize, values: &[i64]) -> Seq {
        assert!(dim > 0 && values.len().is_multiple_of(dim), "vectors of dimension {dim}");
        let n = values.len() / dim;
        let at = |i: usize| &values[i * dim..(i + 1) * dim];
        let step =
            |i: usize| -> Vec<i64> { at(i + 1).iter().zip(at(i)).map(|(a, b)| a.wrapping_sub(*b)).collect() };
        let same = |i: usize, j: usize| {
            (0..dim).all(|k| at(i + 1)[k].wrapping_sub(at(i)[k]) == at(j + 1)[k].wrapping_sub(at(j)[k]))
        };
        // innermost loops straight from the flat values
        let mut runs = vec![];
        let mut i = 0;
        while i < n {
            let mut len = 1;
            if i + 1 < n {
                len = 2;
                while i + len < n && same(i, i + len - 1) {
                    len += 1;
                }
                // two entries alone are a coincidence when a longer run starts at the second
                if len == 2 && i + 3 < n && same(i + 1, i + 2) {
                    len = 1;
                }
            }
            let loops = if len > 1 { vec![(len as u32, step(i))] } else { vec![] };
            runs.push(Run { start: at(i).to_vec(), loops });
            i += len;
        }
        Seq::of_runs(dim, runs)
    }

    /// Loop nests one after the other; equal ones with equal steps between their starts become one.
    pub fn of_runs(dim: usize, mut runs: Vec<Run>) -> Seq {
        loop {
            let before = runs.len();
            runs = merge(runs);
            if runs.len() == before {
                return Seq { dim: dim as u32, runs };
            }
        }
    }

    /// Number of vectors.
    pub fn len(&self) -> Result<u64, SeqError> {
        self.runs
            .iter()
            .try_fold(0u64, |n, r| n.checked_add(r.len()?).filter(|n| *n <= 1 << 40).ok_or(SeqError::Count))
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Checks dimensions, counts and reach without expanding, and that there are `expected` vectors.
    pub fn check(&self, dim: usize, expected: u64) -> Result<(), SeqError> {
        if self.dim as usize != dim || dim == 0 {
            return Err(SeqError::Dim { dim: dim as u32, found: self.dim as usize });
        }
        let found = self.len()?;
        if found != expected {
            return Err(SeqError::Length { expected, found });
        }
        self.runs.iter().try_for_each(|r| r.check(self.dim))
    }

    /// Calls `f` with the position of each vector and the vector, without keeping them all. Errs, before the first call,
    /// unless there are exactly `expected`.
    pub fn visit(&self, expected: usize, f: &mut impl FnMut(usize, &[i64])) -> Result<(), SeqError> {
        self.check(self.dim as usize, expected as u64)?;
        let mut at = 0;
        for r in &self.runs {
            nest(&r.loops, &mut r.start.clone(), &mut |v| {
                f(at, v);
                at += 1;
            });
        }
        Ok(())
    }

    /// The values of a sequence of dimension 1, one after the other, none of them kept. Nothing where the dimension differs.
    pub fn values(&self) -> impl Iterator<Item = i64> + '_ {
        let runs = self.runs.iter().filter(|r| r.start.len() == 1 && r.loops.iter().all(|l| l.1.len() == 1));
        runs.flat_map(|run| Walk { run, turns: vec![0; run.loops.len()], value: Some(run.start[0]) })
    }

    /// The least and the greatest entry, or 0 and 0 of none.
    pub fn bounds(&self) -> (i64, i64) {
        let entry = |r: &Run, k: usize| {
            r.loops.iter().fold((r.start[k], r.start[k]), |(least, most), (count, step)| {
                let turns = i64::from(count.saturating_sub(1));
                let last = step.get(k).copied().unwrap_or(0).saturating_mul(turns);
                (least.saturating_add(last.min(0)), most.saturating_add(last.max(0)))
            })
        };
        let all = self.runs.iter().flat_map(|r| (0..r.start.len()).map(move |k| entry(r, k)));
        all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0, 0))
    }

    /// All vectors, row-major. Errs, before allocating, unless there are exactly `expected`.
    pub fn expand(&self, expected: usize) -> Result<Vec<i64>, SeqError> {
        self.check(self.dim as usize, expected as u64)?;
        let mut out = Vec::with_capacity(expected * self.dim as usize);
        for r in &self.runs {
            nest(&r.loops, &mut r.start.clone(), &mut |v| out.extend_from_slice(v));
        }
        Ok(out)
    }
}

/// A loop nest of dimension 1 on its way.
struct Walk<'a> {
    run: &'a Run,
    turns: Vec<u32>,
    value: Option<i64>,
}

impl Iterator for Walk<'_> {
    type Item = i64;
    fn next(&mut self) -> Option<i64> {
        let now = self.value?;
        let mut next = now;
        for (turn, (count, step)) in self.turns.iter_mut().zip(&self.run.loops) {
            *turn += 1;
            if *turn < *count {
                self.value = Some(next.wrapping_add(step[0]));
                return Some(now);
            }
            next = next.wrapping_sub(step[0].wrapping_mul(*turn as i64 - 1));
            *turn = 0;
        }
        self.value = None;
        Some(now)
    }
}

/// Shows the vectors of a loop nest, the outermost loop last in `loops`.
fn nest(loops: &[(u32, Vec<i64>)], v: &mut [i64], f: &mut impl FnMut(&[i64])) {
    let Some(((count, step), inner)) = loops.split_last() else {
        return f(v);
    };
    let mut w = v.to_vec();
    for _ in 0..*count {
        nest(inner, &mut w, f);
        for (a, d) in w.iter_mut().zip(step) {
            *a += d;
        }
    }
}

fn merge(runs: Vec<Run>) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    let mut i = 0;
    let diff = |a: &Run, b: &Run| -> Vec<i64> {
        b.start.iter().zip(&a.start).map(|(x, y)| x.wrapping_sub(*y)).collect()
    };
    while i < runs.len() {
        let mut len = 1;
        if i + 1 < runs.len() && runs[i].loops == runs[i + 1].loops && !runs[i].loops.is_empty() {
            let d = diff(&runs[i], &runs[i + 1]);
            len = 2;
            while i + len < runs.len()
                && runs[i + len].loops == runs[i].loops
                && diff(&runs[i + len - 1], &runs[i + len]) == d
            {
                len += 1;
            }
            let next_longer = len == 2
                && i + 3 < runs.len()
                && runs[i + 2].loops == runs[i + 1].loops
                && runs[i + 3].loops == runs[i + 1].loops
                && diff(&runs[i + 1], &runs[i + 2]) == diff(&runs[i + 2], &runs[i + 3]);
            if next_longer {
                len = 1;
            } else {
                let mut r = runs[i].clone();
                r.loops.push((len as u32, d));
                out.push(r);
                i += len;
                continue;
            }
        }
        out.push(runs[i].clone());
        i += len;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nested_loops_become_one_run() {
        let v: Vec<i64> =
            (0..4).flat_map(|n| (0..3).flat_map(move |i| (0..5).map(move |j| n * 100 + i * 7 + j))).collect();
        let s = Seq::compress(1, &v);
        assert_eq!(s.runs.len(), 1);
        assert_eq!(s.runs[0].loops.iter().map(|l| l.0).collect::<Vec<_>>(), [5, 3, 4]);
        assert_eq!(s.expand(60).unwrap(), v);
    }

    #[test]
    fn a_wrong_length_is_refused_before_expanding() {
        let s = Seq { dim: 1, runs: vec![Run { start: vec![0], loops: vec![(u32::MAX, vec![0])] }] };
        assert!(matches!(s.expand(10), Err(SeqError::Length { expected: 10, .. })));
        let huge = Seq { dim: 1, runs: vec![Run { start: vec![0], loops: vec![(u32::MAX, vec![0]); 4] }] };
        assert_eq!(huge.len(), Err(SeqError::Count));
        let deep = Seq { dim: 1, runs: vec![Run { start: vec![0], loops: vec![(1, vec![0]); 1 << 20] }] };
        assert_eq!(deep.expand(1), Err(SeqError::Count));
    }

    proptest! {
        #[test]
        fn bounds_are_those_of_the_entries(
            entries in prop::collection::vec(prop_oneof![-3..3i64, -1000..1000i64], 0..40),
        ) {
            let all = entries.iter().copied();
            let expected = (all.clone().min().unwrap_or(0), all.max().unwrap_or(0));
            prop_assert_eq!(Seq::compress(1, &entries).bounds(), expected);
        }

        #[test]
        fn compress_then_expand_is_the_identity(v in prop::collection::vec(0i64..4, 0..60), dim in 1usize..3) {
            let n = v.len() / dim;
            let s = Seq::compress(dim, &v[..n * dim]);
            prop_assert_eq!(s.expand(n).unwrap(), &v[..n * dim]);
            if dim == 1 {
                prop_assert_eq!(s.values().collect::<Vec<_>>(), v);
            }
        }
    }
}
