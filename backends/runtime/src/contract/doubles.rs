//! Contractions in `f64`, exact while every partial sum is below 2⁵³.
//!
//! How: one loop whose turns are neighbours in y becomes the vector loop. Its other operand either is x (neighbours in x,
//! one weight for all: "rows of an image") or w (one activation for all: "output channels"; the weights are repacked so
//! that they are neighbours, and y is turned so that its channels are). Loops that do not move y are summed in registers,
//! and of the loops that do not move the vector operand four turns are done at a time.
use super::{MAX_SUMMED, Turn, Turned, table};
use crate::budget::Budget;
use crate::error::PlanError;
use rayon::prelude::*;

/// Doubles the compiler keeps in registers: a tile of the vector loop.
const TILE: usize = 16;
/// Turns of the loops that keep the vector operand tabulated at most, so that their accumulators stay near the core.
const MAX_KEPT: usize = 1 << 12;

/// Steps of a loop in the vector operand, the scalar operand and the accumulators.
#[derive(Clone, Copy, Debug)]
struct Step {
    extent: usize,
    vector: usize,
    scalar: usize,
    y: usize,
}

/// A contraction arranged for vector units, in `f64`.
///
/// Accumulators live in their own buffer, where one axis of y (the vector loop's, when the weights are the vectors) may
/// have been moved to the end and padded to whole tiles.
pub(super) struct Doubles {
    /// Whether x is the vector operand; else w is.
    x_is_vector: bool,
    /// Packed weights.
    w: Vec<f64>,
    /// Turns of the vector loop, padded to whole tiles when w is the vector operand.
    lanes: usize,
    /// Offsets (vector, scalar) that are summed.
    summed: Vec<(u32, u32)>,
    /// Offsets (scalar, accumulator) that share a vector operand.
    kept: Vec<(u32, u32)>,
    outer: Vec<Step>,
    turned: Option<Turned>,
    /// Length of the accumulator buffer.
    len: usize,
}

impl Doubles {
    /// Chooses the vector loop and packs the weights. None where no loop suits.
    pub(super) fn new(
        turns: &[Turn],
        (w, held): (&impl Fn(usize) -> i64, usize),
        budget: &mut Budget,
    ) -> Result<Option<Doubles>, PlanError> {
        let summed: Vec<Turn> = turns.iter().copied().filter(|t| t.y == 0).collect();
        let count = summed.iter().try_fold(1usize, |n, t| n.checked_mul(t.extent));
        if count.is_none_or(|n| n > MAX_SUMMED) {
            return Ok(None);
        }
        // how well each candidate fills its tiles; for x, the rest of a row goes through smaller tiles
        let mut best: Option<(f64, usize, bool, Option<Turned>)> = None;
        for (i, t) in turns.iter().enumerate() {
            let found = if t.x == 1 && t.w == 0 && t.y == 1 {
                let left = t.extent % TILE;
                let cost = (t.extent - left) + 2 * (left - left % 4) + 4 * (left % 4);
                Some((t.extent as f64 / cost as f64, true, None))
            } else if t.x == 0 && t.w > 0 && t.y > 0 {
                let padded = t.extent.next_multiple_of(TILE.min(8));
                Turned::new(turns, i, padded)
                    .map(|turned| (t.extent as f64 / padded as f64, false, Some(turned)))
            } else {
                None
            };
            if let Some((score, is_x, turned)) = found
                && best.as_ref().is_none_or(|b| score > b.0)
            {
                best = Some((score, i, is_x, turned));
            }
        }
        let Some((_, chosen, x_is_vector, turned)) = best else { return Ok(None) };
        let lane = turns[chosen];
        let lanes = turned.map_or(lane.extent, |t| t.padded);
        let mut rest: Vec<Turn> = vec![];
        for (i, t) in turns.iter().enumerate() {
            if i == chosen || t.y == 0 {
                continue;
            }
            let y = turned.map_or(Some(t.y), |m| m.position(t.y).map(|p| p * m.padded));
            rest.push(Turn { y: y.unwrap_or(0), ..*t });
        }
        let keeps = |t: &Turn| if x_is_vector { t.x == 0 } else { t.w == 0 };
        let (mut kept, mut rest): (Vec<Turn>, Vec<Turn>) = rest.into_iter().partition(keeps);
        // innermost, and therefore last: turns that fill blocks of four, whose accumulators are apart but near
        kept.sort_by_key(|t| {
            let n = t.extent;
            let passes = n / 4 + n % 4 / 2 + n % 2;
            (n * 12 / passes, t.y >= lanes, std::cmp::Reverse(t.y))
        });
        // from the innermost outwards as many as the table may hold; the others are looped over
        let (mut split, mut size) = (kept.len(), 1);
        while split > 0 && size * kept[split - 1].extent <= MAX_KEPT {
            split -= 1;
            size *= kept[split].extent;
        }
        rest.extend(kept.drain(..split));
        rest.sort_by_key(|t| std::cmp::Reverse(t.y));
        // pack the weights in the order in which they are used
        let inner: Vec<Turn> = if x_is_vector { kept.clone() } else { vec![Turn { extent: lanes, ..lane }] };
        let order: Vec<Turn> =
            rest.iter().chain(&summed).chain(&inner).copied().filter(|t| t.w > 0).collect();
        let size = order.iter().try_fold(1u64, |n, t| n.checked_mul(t.extent as u64));
        match size {
            // overlapping weights are not worth unrolling
            Some(n) if n <= 16 * held as u64 + 4096 => budget.elements(n)?,
            _ => return Ok(None),
        }
        let mut packed = vec![];
        pack(&order, w, 0, if x_is_vector { usize::MAX } else { lane.extent }, &mut packed);
        let mut steps: Vec<usize> = vec![0; order.len()];
        let mut step = 1;
        for (s, t) in steps.iter_mut().zip(&order).rev() {
            *s = step;
            step *= t.extent;
        }
        // the packed step of each loop, in the same order
        let mut packed_steps = steps.into_iter();
        let mut arrange = |t: &Turn| {
            let w = if t.w > 0 { packed_steps.next().unwrap_or(0) } else { 0 };
            let (vector, scalar) = if x_is_vector { (t.x, w) } else { (w, t.x) };
            Step { extent: t.extent, vector, scalar, y: t.y }
        };
        let outer: Vec<Step> = rest.iter().map(&mut arrange).collect();
        let sums: Vec<Step> = summed.iter().map(&mut arrange).collect();
        let kept: Vec<Step> = kept.iter().map(&mut arrange).collect();
        let summed = table(&sums, |s| (s.extent, s.vector, s.scalar));
        let kept_reach: usize = kept.iter().map(|s| (s.extent - 1) * s.y).sum();
        let kept = table(&kept, |s| (s.extent, s.scalar, s.y));
        let (Some(summed), Some(kept)) = (summed, kept) else { return Ok(None) };
        let reach = outer.iter().map(|s| (s.extent - 1) * s.y).sum::<usize>() + kept_reach + lanes;
        budget.elements(reach as u64)?;
        Ok(Some(Doubles { x_is_vector, w: packed, lanes, summed, kept, outer, turned, len: reach }))
    }

    pub(super) fn run(&self, x: &[i64], y: &mut [i64]) {
        let x: Vec<f64> = x.iter().map(|v| *v as f64).collect();
        let mut acc = vec![0.0; self.len];
        let (vector, scalar) = if self.x_is_vector { (&x[..], &self.w[..]) } else { (&self.w[..], &x[..]) };
        // the outermost loop's turns are independent where they do not overlap in y
        let kept = self.kept.iter().map(|k| k.1 as usize).max().unwrap_or(0);
        let inner = self.outer.iter().skip(1).map(|s| (s.extent - 1) * s.y).sum::<usize>() + kept;
        match self.outer.split_first() {
            Some((first, rest)) if rayon::current_num_threads() > 1 && first.y >= inner + self.lanes => {
                acc.par_chunks_mut(first.y).enumerate().take(first.extent).for_each(|(i, acc)| {
                    self.nest(rest, &vector[i * first.vector..], &scalar[i * first.scalar..], acc);
                });
            }
            _ => self.nest(&self.outer, vector, scalar, &mut acc),
        }
        self.add(&acc, y);
    }

    /// Adds the accumulators to y.
    fn add(&self, acc: &[f64], y: &mut [i64]) {
        let Some(t) = self.turned else {
            y.iter_mut().zip(acc).for_each(|(y, a)| *y += *a as i64);
            return;
        };
        let span = t.step * t.extent;
        for (high, block) in y.chunks_mut(span).enumerate() {
            for lane in 0..t.extent {
                for low in 0..t.step {
                    let from = (high * t.step + low) * t.padded + lane;
                    if let (Some(y), Some(a)) = (block.get_mut(lane * t.step + low), acc.get(from)) {
                        *y += *a as i64;
                    }
                }
            }
        }
    }

    /// `outer` loops, then blocks of kept turns and tiles, with operands that begin at the current turn.
    fn nest(&self, outer: &[Step], vector: &[f64], scalar: &[f64], acc: &mut [f64]) {
        if let [first, rest @ ..] = outer {
            for i in 0..first.extent {
                let (v, s, y) = (i * first.vector, i * first.scalar, i * first.y);
                self.nest(rest, &vector[v..], &scalar[s..], &mut acc[y..]);
            }
            return;
        }
        tessera_cancel::point();
        let mut kept = &self.kept[..];
        loop {
            kept = match kept {
                [a, b, c, d, rest @ ..] => {
                    self.lanes([*a, *b, *c, *d], vector, scalar, acc);
                    rest
                }
                [a, b, rest @ ..] => {
                    self.lanes([*a, *b], vector, scalar, acc);
                    rest
                }
                [a] => return self.lanes([*a], vector, scalar, acc),
                [] => return,
            };
        }
    }

    /// All tiles of the vector loop for `B` kept turns.
    fn lanes<const B: usize>(&self, kept: [(u32, u32); B], vector: &[f64], scalar: &[f64], acc: &mut [f64]) {
        let mut lane = 0;
        while lane < self.lanes {
            let (vector, acc) = (&vector[lane..], &mut acc[lane..]);
            match self.lanes - lane {
                TILE.. => {
                    self.tile::<B, TILE>(kept, vector, scalar, acc);
                    lane += TILE;
                }
                8.. => {
                    self.tile::<B, 8>(kept, vector, scalar, acc);
                    lane += 8;
                }
                4.. => {
                    self.tile::<B, 4>(kept, vector, scalar, acc);
                    lane += 4;
                }
                _ => {
                    self.tile::<B, 1>(kept, vector, scalar, acc);
                    lane += 1;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<const B: usize, const T: usize>(
        &self,
        kept: [(u32, u32); B],
        vector: &[f64],
        scalar: &[f64],
        acc: &mut [f64],
    ) {
        let mut sums = [[0.0; T]; B];
        for (v, s) in &self.summed {
            let row = &vector[*v as usize..][..T];
            let scalar = &scalar[*s as usize..];
            for (sums, k) in sums.iter_mut().zip(&kept) {
                let k = scalar[k.0 as usize];
                for (o, x) in sums.iter_mut().zip(row) {
                    *o += k * x;
                }
            }
        }
        for (sums, k) in sums.iter().zip(&kept) {
            for (o, x) in acc[k.1 as usize..][..T].iter_mut().zip(sums) {
                *o += x;
            }
        }
    }
}

/// Copies the weights in the order of `loops`; turns of the innermost loop from `real` on are padding.
fn pack(loops: &[Turn], w: &impl Fn(usize) -> i64, at: usize, real: usize, out: &mut Vec<f64>) {
    match loops {
        [] => out.push(w(at) as f64),
        [t] => out.extend((0..t.extent).map(|i| if i < real { w(at + i * t.w) as f64 } else { 0.0 })),
        [t, rest @ ..] => (0..t.extent).for_each(|i| pack(rest, w, at + i * t.w, real, out)),
    }
}
