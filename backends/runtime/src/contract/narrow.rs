//! Contractions of small numbers: 16-bit factors, 32-bit sums.
//!
//! Weights of an output channel are often small numbers times a common factor (the compiler multiplies a layer's weights
//! by the multiplier with which it requantizes); the factor is found again here and applied to the sums.
//!
//! How: output channels are the vector loop. For every position the inputs that are summed over are collected in pairs
//! (*panel*), for every 32 output channels the weights in the same order. A turn of the loops that move weights and y is
//! then a product of two matrices, in tiles of 8 positions and 32 channels ([`super::dot`]). Blocks of channels share
//! nothing that changes, so they run at the same time.
use super::dot::{Lanes, Pair, tile};
use super::{MAX_SUMMED, Turn, Turned, fits, table};
use crate::budget::Budget;
use crate::error::PlanError;
use rayon::prelude::*;

/// Output channels of a vector, and vectors of a block.
const VECTOR: usize = 16;
const BLOCK: usize = 2;
/// Positions of a tile.
const POSITIONS: usize = 8;
/// With fewer products in a sum, adding the sums costs more than the products.
const FEWEST: usize = 4;

/// Where a turn of the loops around the tiles begins.
#[derive(Clone, Copy)]
struct Turning {
    /// First panel.
    panel: usize,
    y: usize,
}

pub(super) struct Narrow {
    /// The largest weight, without its channel's factor.
    pub(super) w_max: u64,
    /// Common factor of each output channel.
    factors: Vec<i64>,
    /// Per block, then per turn of the loops that move weights, then per pair.
    w: Vec<[Lanes; BLOCK]>,
    /// Offsets in x that are summed.
    summed: Vec<u32>,
    /// x offset of every panel: groups of `positions` panels.
    panels: Vec<u32>,
    /// y offset of every position.
    positions: Vec<u32>,
    /// Turns of the loops that move weights.
    turns: Vec<Turning>,
    lane: Turned,
    /// y positions a channel has accumulators for.
    len: usize,
}

impl Narrow {
    /// None where no loop moves weights and y alone, where sums are short, or where weights are not small.
    pub(super) fn new(
        turns: &[Turn],
        (w, held): (&(impl Fn(usize) -> i64 + Sync), usize),
        budget: &mut Budget,
    ) -> Result<Option<Narrow>, PlanError> {
        let chosen = turns
            .iter()
            .enumerate()
            .filter(|(_, t)| t.x == 0 && t.w > 0 && t.y > 0)
            .filter_map(|(i, t)| Some((i, Turned::new(turns, i, t.extent.next_multiple_of(VECTOR))?)))
            .max_by_key(|(_, t)| t.extent);
        let Some((chosen, lane)) = chosen else { return Ok(None) };
        let lane_step = turns[chosen].w;
        let others = turns.iter().enumerate().filter(|(i, _)| *i != chosen).map(|(_, t)| *t);
        let (summed, rest): (Vec<Turn>, Vec<Turn>) = others.partition(|t| t.y == 0);
        let (positions, outer): (Vec<Turn>, Vec<Turn>) = rest.into_iter().partition(|t| t.w == 0);
        let count = |loops: &[Turn]| loops.iter().try_fold(1usize, |n, t| n.checked_mul(t.extent));
        let (Some(sums), Some(_), Some(around)) = (count(&summed), count(&positions), count(&outer)) else {
            return Ok(None);
        };
        let blocks = lane.padded.div_ceil(VECTOR * BLOCK);
        let packed = (sums.div_ceil(2) * around).checked_mul(blocks * BLOCK * VECTOR * 2);
        // weights that are used more than once are not worth packing so often
        let Some(packed) = packed.filter(|n| (FEWEST..=MAX_SUMMED).contains(&sums) && *n <= 16 * held + 4096)
        else {
            return Ok(None);
        };
        let place = |t: &Turn| lane.position(t.y).unwrap_or(0);
        let both = table(&summed, |t| (t.extent, t.x, t.w));
        let at = table(&positions, |t| (t.extent, t.x, place(t)));
        let around = table(&outer, |t| (t.extent, t.w, place(t)));
        let groups: Vec<Turn> = outer.iter().copied().filter(|t| t.x > 0).collect();
        let group_of = table(&outer, |t| (t.extent, t.x, 0));
        let (Some(both), Some(at), Some(around), Some(group_of)) = (both, at, around, group_of) else {
            return Ok(None);
        };
        // turns at the same x share their panels
        let mut starts: Vec<u32> =
            table(&groups, |t| (t.extent, t.x, 0)).unwrap_or_default().iter().map(|g| g.0).collect();
        starts.sort_unstable();
        starts.dedup();
        let panels = starts.len().saturating_mul(at.len());
        let len =
            turns.iter().enumerate().filter(|(i, _)| *i != chosen).map(|(_, t)| (t.extent - 1) * place(t));
        let len = len.sum::<usize>() + 1;
        budget.elements((packed / 4 + panels) as u64)?;
        budget.elements((panels.saturating_mul(sums.div_ceil(2)) / 2 + len * lane.padded / 2) as u64)?;
        let turning = around
            .iter()
            .zip(&group_of)
            .map(|((_, y), (x, _))| Turning {
                panel: starts.binary_search(x).unwrap_or(0) * at.len(),
                y: *y as usize,
            })
            .collect();
        let channel = |c: usize| {
            let (both, around) = (&both, &around);
            around.iter().flat_map(move |(o, _)| {
                both.iter().map(move |(_, s)| w(*o as usize + *s as usize + c * lane_step))
            })
        };
        // factor and largest weight of each channel
        let scales: Vec<(u64, u64)> = (0..lane.extent)
            .into_par_iter()
            .map(|c| {
                channel(c)
                    .fold((0, 0), |(g, m): (u64, u64), w| (gcd(g, w.unsigned_abs()), m.max(w.unsigned_abs())))
            })
            .map(|(factor, most)| (factor.max(1), most / factor.max(1)))
            .collect();
        let w_max = scales.iter().map(|s| s.1).max().unwrap_or(0);
        let factors = scales.iter().map(|s| i64::try_from(s.0).ok()).collect::<Option<Vec<i64>>>();
        let Some(factors) = factors.filter(|_| w_max <= i16::MAX as u64) else { return Ok(None) };
        let mut rows = vec![[[0; 2 * VECTOR]; BLOCK]; packed / (BLOCK * VECTOR * 2)];
        let pairs = sums.div_ceil(2);
        let blocks = rows.par_chunks_mut(around.len() * pairs).zip(factors.par_chunks(BLOCK * VECTOR));
        blocks.enumerate().for_each(|(block, (rows, factors))| {
            // quotients are whole and below 2¹⁵, so that the nearest integer is right
            let inverses: Vec<f64> = factors.iter().map(|f| 1.0 / *f as f64).collect();
            for ((o, _), rows) in around.iter().zip(rows.chunks_mut(pairs)) {
                for (i, (_, s)) in both.iter().enumerate() {
                    let first = *o as usize + *s as usize + block * BLOCK * VECTOR * lane_step;
                    let row = rows[i / 2].as_flattened_mut();
                    for (k, inverse) in inverses.iter().enumerate() {
                        row[2 * k + i % 2] =
                            (w(first + k * lane_step) as f64 * inverse).round_ties_even() as i16;
                    }
                }
            }
        });
        Ok(Some(Narrow {
            w_max,
            factors,
            w: rows,
            summed: both.iter().map(|s| s.0).collect(),
            panels: starts.iter().flat_map(|g| at.iter().map(move |p| g + p.0)).collect(),
            positions: at.iter().map(|p| p.1).collect(),
            turns: turning,
            lane,
            len,
        }))
    }

    /// Whether products of numbers so large can be added up, so many of them.
    pub(super) fn takes(&self, x_max: u64, depth: u128) -> bool {
        x_max < 1 << 15 && fits(x_max, self.w_max, depth, 1 << 31)
    }

    /// Adds the products to y. Every |x| must be below 2¹⁵, every sum of products without the factors below 2³¹. Positions whose inputs are
    /// all 0 cost no products.
    pub(super) fn run(&self, x: &[i64], y: &mut [i64]) {
        let x: Vec<i16> = x.iter().map(|v| *v as i16).collect();
        let pairs = self.summed.len().div_ceil(2);
        let mut panels: Vec<Pair> = vec![[0; 2]; self.panels.len() * pairs];
        let mut used = vec![false; self.panels.len()];
        let all = panels.par_chunks_mut(pairs).zip(&mut used).zip(&self.panels).with_min_len(64);
        all.for_each(|((panel, used), at)| {
            let x = &x[*at as usize..];
            for (pair, at) in panel.iter_mut().zip(self.summed.chunks(2)) {
                for (p, at) in pair.iter_mut().zip(at) {
                    *p = x[*at as usize];
                }
            }
            *used = panel.iter().any(|pair| *pair != [0; 2]);
        });
        let per_block = self.turns.len() * pairs;
        let sums: Vec<Vec<[[i32; VECTOR]; BLOCK]>> =
            self.w.par_chunks(per_block).map(|w| self.block(w, (&panels, &used), pairs)).collect();
        let Turned { step, extent, .. } = self.lane;
        y.par_chunks_mut(step).enumerate().for_each(|(i, y)| {
            let (high, c) = (i / extent, i % extent);
            let (block, v, l) = (c / (BLOCK * VECTOR), c / VECTOR % BLOCK, c % VECTOR);
            let (sums, factor) = (&sums[block], self.factors[c]);
            for (y, sums) in y.iter_mut().zip(sums.iter().skip(high * step)) {
                *y += factor * sums[v][l] as i64;
            }
        });
    }

    /// The sums of a block of channels, by position in y.
    fn block(
        &self,
        w: &[[Lanes; BLOCK]],
        (panels, used): (&[Pair], &[bool]),
        pairs: usize,
    ) -> Vec<[[i32; VECTOR]; BLOCK]> {
        let mut sums = vec![[[0i32; VECTOR]; BLOCK]; self.len];
        for (turn, w) in self.turns.iter().zip(w.chunks(pairs)) {
            tessera_cancel::point();
            let panel = |p: usize| &panels[(turn.panel + p) * pairs..][..pairs];
            let used = &used[turn.panel..];
            let mut add = |p: usize, tile: &[[i32; VECTOR]; BLOCK]| {
                let sums = &mut sums[turn.y + self.positions[p] as usize];
                for (sum, t) in sums.iter_mut().flatten().zip(tile.iter().flatten()) {
                    *sum = sum.wrapping_add(*t);
                }
            };
            let whole = self.positions.len() / POSITIONS * POSITIONS;
            for p in (0..whole).step_by(POSITIONS).filter(|&p| used[p..p + POSITIONS].contains(&true)) {
                let tiles = tile::<BLOCK, POSITIONS>(w, std::array::from_fn(|i| panel(p + i)));
                tiles.iter().enumerate().for_each(|(i, t)| add(p + i, t));
            }
            for p in (whole..self.positions.len()).filter(|&p| used[p]) {
                add(p, &tile::<BLOCK, 1>(w, [panel(p)])[0]);
            }
        }
        sums
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    // weights are multiples of the factor once it is found: one remainder each
    match (u32::try_from(a), u32::try_from(b)) {
        (Ok(0), _) => b,
        (_, Ok(0)) => a,
        (Ok(a), Ok(b)) if b % a == 0 => a as u64,
        _ if a == 0 => b,
        _ => gcd(b % a, a),
    }
}
