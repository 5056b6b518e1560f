//! Contractions: sums of products over a strided loop nest, y[Σ i·y] += x[Σ i·x] · w[Σ i·w].
//!
//! Three ways, the first whose bounds the largest |x|, the largest |w| and the number of products per element keep: 16-bit factors
//! with 32-bit sums ([`narrow`]), `f64` with sums below 2⁵³ ([`doubles`]), and plain loops in `i64` or, beyond 2⁶²,
//! in checked `i128`.
//!
//! Invariant: all offsets of the nest were compared with the operands' lengths when it was made; steps are not negative.
mod dot;
mod doubles;
mod grow;
mod narrow;

use self::doubles::Doubles;
pub(crate) use self::grow::{Growing, Progress, State};
use self::narrow::Narrow;
use crate::budget::{Budget, Limits};
use crate::context::{Context, Refusal};
use crate::error::PlanError;
use std::sync::OnceLock;
use tessera_api::{Blob, ContractLoop, with_numbers};

/// Sums of this many offsets are tabulated, not looped over.
const MAX_SUMMED: usize = 1 << 16;

/// A loop with checked, non-negative steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    extent: usize,
    x: usize,
    w: usize,
    y: usize,
}

/// A checked contraction.
pub(crate) struct Contract {
    pub x: usize,
    pub y: usize,
    turns: Vec<Turn>,
    /// At most so many products enter one element of y.
    depth: u128,
    factor: Factor,
}

/// The second factor.
enum Factor {
    Weights(Box<Weights>),
    /// A tensor.
    Computed(usize),
}

/// Weights, arranged once for all runs.
struct Weights {
    w: Blob,
    offset: usize,
    max: u64,
    narrow: Option<Narrow>,
    /// Made when it is first needed: most models need the narrow one only.
    doubles: OnceLock<Option<Doubles>>,
}

impl Contract {
    pub(crate) fn new(
        (x, y): (usize, usize),
        factor: &tessera_api::Factor,
        loops: &[ContractLoop],
        ctx: &mut Context,
    ) -> Result<Contract, Refusal> {
        let computed = match factor {
            tessera_api::Factor::Tensor(w) => Some(ctx.tensor(*w)?),
            tessera_api::Factor::Constant { .. } => None,
        };
        if x == y || computed == Some(y) {
            return Err(format!("tensor {:?} is both read and written", ctx.tensors[y].name).into());
        }
        let w_len = match (factor, computed) {
            (tessera_api::Factor::Constant { constant, offset }, _) => {
                let w = ctx.program.constants.get(*constant as usize);
                let w = w.ok_or_else(|| format!("constant {constant} does not exist"))?;
                (w.len() as u64).saturating_sub(*offset)
            }
            (tessera_api::Factor::Tensor(_), w) => w.map_or(0, |w| ctx.tensors[w].len as u64),
        };
        let mut work = 1u128;
        for l in loops {
            if l.extent == 0 {
                return Err("a loop without turns".to_string().into());
            }
            work = work.saturating_mul(l.extent as u128);
        }
        ctx.budget.operations(work)?;
        for (what, len, step) in [
            ("x", ctx.tensors[x].len as u64, (|l| l.x) as fn(&ContractLoop) -> i64),
            ("w", w_len, |l| l.w),
            ("y", ctx.tensors[y].len as u64, |l| l.y),
        ] {
            let turning = || loops.iter().filter(|l| l.extent > 1);
            if turning().any(|l| step(l) < 0) {
                return Err(format!("a step of {what} is negative").into());
            }
            let reach: u128 = turning().map(|l| (l.extent as u128 - 1) * step(l) as u128).sum();
            if reach >= len as u128 {
                return Err(format!("{what} has {len} elements, the loops reach element {reach}").into());
            }
        }
        let turns: Vec<Turn> = loops
            .iter()
            .filter(|l| l.extent > 1)
            .map(|l| Turn { extent: l.extent as usize, x: l.x as usize, w: l.w as usize, y: l.y as usize })
            .collect();
        let turns = fuse(turns);
        let depth = depth(&turns);
        let factor = match (factor, computed) {
            (_, Some(w)) => Factor::Computed(w),
            (tessera_api::Factor::Constant { constant, offset }, None) => {
                let w = ctx.program.constants[*constant as usize].clone();
                Factor::Weights(Box::new(Weights::new(w, *offset as usize, (&turns, depth), ctx.budget)?))
            }
            (tessera_api::Factor::Tensor(_), None) => return Err("a factor is missing".to_string().into()),
        };
        Ok(Contract { x, y, turns, depth, factor })
    }

    /// The tensors that are read.
    pub(crate) fn reads(&self) -> Vec<usize> {
        match self.factor {
            Factor::Weights(_) => vec![self.x],
            Factor::Computed(w) => vec![self.x, w],
        }
    }

    /// Adds the products to y. Errs with the first element of y that leaves 64 bits.
    pub(crate) fn run<'t>(&self, read: impl Fn(usize) -> &'t [i64], y: &mut [i64]) -> Result<(), usize> {
        let x = read(self.x);
        let (x_max, y_max) = (most(x), most(y));
        match &self.factor {
            Factor::Weights(w) => {
                if y_max < 1 << 62 && fits(x_max, w.max, self.depth, 1 << 53) && w.run((x, x_max), y, self) {
                    return Ok(());
                }
                // numbers this large are rare: they are widened each time
                let all = w.w.values().unwrap_or_default();
                self.plainly((x, x_max), (all.get(w.offset..).unwrap_or(&[]), w.max), (y, y_max))
            }
            Factor::Computed(w) => {
                let w = read(*w);
                let w_max = most(w);
                if y_max < 1 << 62 && fits(x_max, w_max, self.depth, 1 << 53) && self.arranged(x, w, y) {
                    return Ok(());
                }
                self.plainly((x, x_max), (w, w_max), (y, y_max))
            }
        }
    }

    /// With a factor that is arranged for this run alone; false where it cannot be. Sums were found to be exact in `f64`.
    fn arranged(&self, x: &[i64], w: &[i64], y: &mut [i64]) -> bool {
        let mut budget = Budget::new(Limits::default());
        match Doubles::new(&self.turns, (&|i: usize| w[i], w.len()), &mut budget) {
            Ok(Some(doubles)) => {
                doubles.run(x, y);
                true
            }
            _ => false,
        }
    }

    /// One product after the other.
    fn plainly(
        &self,
        (x, x_max): (&[i64], u64),
        (w, w_max): (&[i64], u64),
        (y, y_max): (&mut [i64], u64),
    ) -> Result<(), usize> {
        if y_max < 1 << 62 && fits(x_max, w_max, self.depth, 1 << 62) {
            walk(&self.turns, x, w, 0, &mut |x, w, at| y[at] += x * w);
            return Ok(());
        }
        let mut wide: Vec<i128> = y.iter().map(|v| *v as i128).collect();
        let mut wrong = None;
        walk(&self.turns, x, w, 0, &mut |x, w, at| match wide[at].checked_add(x as i128 * w as i128) {
            Some(v) => wide[at] = v,
            None => wrong = wrong.or(Some(at)),
        });
        if let Some(at) = wrong {
            return Err(at);
        }
        for (i, (o, v)) in y.iter_mut().zip(wide).enumerate() {
            *o = i64::try_from(v).map_err(|_| i)?;
        }
        Ok(())
    }
}

impl Weights {
    fn new(
        w: Blob,
        offset: usize,
        (turns, depth): (&[Turn], u128),
        budget: &mut Budget,
    ) -> Result<Weights, PlanError> {
        let reach: usize = turns.iter().map(|t| (t.extent - 1) * t.w).sum();
        let (max, narrow) = with_numbers!(w.numbers().map_err(PlanError::from)?, |get| {
            let used = |i: usize| get(offset + i);
            let max = (0..=reach).map(|i| used(i).unsigned_abs()).max().unwrap_or(0);
            let narrow = fits(1, 1, depth, 1 << 31).then(|| Narrow::new(turns, (&used, reach + 1), budget));
            (max, narrow.transpose()?.flatten())
        });
        let out = Weights { w, offset, max, narrow, doubles: OnceLock::new() };
        if out.narrow.is_none() {
            let doubles = out.make_doubles((turns, depth), budget)?;
            out.doubles.get_or_init(|| doubles);
        }
        Ok(out)
    }

    fn make_doubles(
        &self,
        (turns, depth): (&[Turn], u128),
        budget: &mut Budget,
    ) -> Result<Option<Doubles>, PlanError> {
        if !fits(1, self.max, depth, 1 << 53) {
            return Ok(None);
        }
        let len = self.w.len() - self.offset;
        with_numbers!(self.w.numbers().map_err(PlanError::from)?, |get| {
            Doubles::new(turns, (&|i: usize| get(self.offset + i), len), budget)
        })
    }

    /// In vector units; false where that is not possible. Sums were found to be exact in `f64`.
    fn run(&self, (x, x_max): (&[i64], u64), y: &mut [i64], c: &Contract) -> bool {
        if let Some(narrow) = self.narrow.as_ref().filter(|narrow| narrow.takes(x_max, c.depth)) {
            narrow.run(x, y);
            return true;
        }
        let doubles = self.doubles.get_or_init(|| {
            let mut budget = Budget::new(Limits::default());
            self.make_doubles((&c.turns, c.depth), &mut budget).unwrap_or_default()
        });
        if let Some(doubles) = doubles {
            doubles.run(x, y);
        }
        doubles.is_some()
    }
}

/// The largest magnitude.
fn most(v: &[i64]) -> u64 {
    let (lo, hi) = crate::vector::bounds(v);
    lo.unsigned_abs().max(hi.unsigned_abs())
}

fn fits(x: u64, w: u64, depth: u128, below: u128) -> bool {
    (x as u128 * w as u128).checked_mul(depth).is_some_and(|m| m < below)
}

/// Joins loops that are one loop in all three operands.
fn fuse(mut turns: Vec<Turn>) -> Vec<Turn> {
    let joins = |a: &Turn, b: &Turn| {
        // a runs inside b
        b.x == a.x * a.extent && b.w == a.w * a.extent && b.y == a.y * a.extent
    };
    loop {
        let pair = (0..turns.len())
            .flat_map(|i| (0..turns.len()).map(move |j| (i, j)))
            .find(|(i, j)| i != j && joins(&turns[*i], &turns[*j]));
        let Some((i, j)) = pair else { return turns };
        turns[i].extent *= turns[j].extent;
        turns.remove(j);
    }
}

/// A bound on the products that enter one element: loops whose turns all lie at different elements count once.
fn depth(turns: &[Turn]) -> u128 {
    let mut order: Vec<&Turn> = turns.iter().collect();
    order.sort_by_key(|t| std::cmp::Reverse(t.extent));
    let mut apart: Vec<&Turn> = vec![];
    let mut depth = 1u128;
    for t in order {
        let mut set = apart.clone();
        set.push(t);
        if distinct(set) { apart.push(t) } else { depth = depth.saturating_mul(t.extent as u128) }
    }
    depth
}

/// Whether different turns of these loops reach different elements of y: each step exceeds what the smaller ones reach.
fn distinct(mut set: Vec<&Turn>) -> bool {
    set.sort_by_key(|t| t.y);
    let mut reach = 0;
    set.into_iter().all(|t| {
        let ok = t.y > reach;
        reach += (t.extent - 1) * t.y;
        ok
    })
}

/// Calls `f(x, w, offset in y)` for every turn.
fn walk(turns: &[Turn], x: &[i64], w: &[i64], y: usize, f: &mut impl FnMut(i64, i64, usize)) {
    match turns {
        [] => f(x[0], w[0], y),
        [t] => (0..t.extent).for_each(|i| f(x[i * t.x], w[i * t.w], y + i * t.y)),
        [t, rest @ ..] => {
            (0..t.extent).for_each(|i| walk(rest, &x[i * t.x..], &w[i * t.w..], y + i * t.y, f))
        }
    }
}

/// y with one axis apart: element `high·span + c·step + low` of y is channel `c` at position `high·step + low`.
#[derive(Clone, Copy, Debug)]
struct Turned {
    step: usize,
    /// Channels.
    extent: usize,
    /// Channels with those that fill up vectors.
    padded: usize,
}

impl Turned {
    /// Sets the axis of a loop apart, if no other loop crosses it.
    fn new(turns: &[Turn], chosen: usize, padded: usize) -> Option<Turned> {
        let t = turns[chosen];
        let turned = Turned { step: t.y, extent: t.extent, padded };
        let others = || turns.iter().enumerate().filter(|(i, _)| *i != chosen).map(|(_, o)| o);
        let low: usize = others().filter(|o| o.y < t.y).map(|o| (o.extent - 1) * o.y).sum();
        (low < t.y && others().all(|o| turned.position(o.y).is_some())).then_some(turned)
    }

    /// How far another loop's step in y moves the position.
    fn position(&self, y: usize) -> Option<usize> {
        if y.is_multiple_of(self.step * self.extent) {
            Some(y / self.extent)
        } else {
            (y < self.step).then_some(y)
        }
    }
}

/// Two offsets of every turn of a nest, the last loop innermost; `steps` gives a loop's extent and its two steps. None where
/// an offset exceeds 32 bits.
fn table<L>(loops: &[L], steps: impl Fn(&L) -> (usize, usize, usize)) -> Option<Vec<(u32, u32)>> {
    let mut out = vec![(0u32, 0u32)];
    for l in loops {
        let (extent, a, b) = steps(l);
        let mut next = Vec::with_capacity(out.len() * extent);
        for (x, y) in out {
            for i in 0..extent {
                let x = u32::try_from(x as usize + i * a).ok()?;
                next.push((x, u32::try_from(y as usize + i * b).ok()?));
            }
        }
        out = next;
    }
    Some(out)
}
