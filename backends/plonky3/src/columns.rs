//! The prover's columns: the witness as given, then the extension columns of rounds 2 and 3.
//!
//! One sweep over a group's rows computes everything that depends on one row alone (lanes and ratios of folds, LogUp
//! fractions with one batched inversion per block, ends of running sums); scans then make running values of it.
//!
//! Invariants: an assignment that violates the relation is not looked for; the columns are what the formulas say, and the
//! verifier rejects. Every scan is cyclic and starts at a row whose ratio is 0.
use crate::adversary::Tamper;
use crate::air::compile::Compiled;
use crate::air::{Air, Factor, Node};
use crate::arithmetic::lanes::{Arithmetic, Packed, Single, Weights};
use crate::arithmetic::rows::Strips;
use crate::arithmetic::{Columns, Extension, F, Mat, PF, PackedValue, PrimeCharacteristicRing, signed};
use crate::eval::{Ready, ReadyPart, lanes, pair, prepare, product};
use crate::p3::Stored;
use p3_maybe_rayon::prelude::*;
use tessera_api::{Program, ProveError};

/// Rows handed to one task.
const BLOCK: usize = 256;

/// The witness on physical rows, one matrix per group. `program` is the Program as the trace's maker knows it.
pub fn witness(
    program: &Program,
    compiled: &Compiled,
    tables: Vec<Vec<i64>>,
) -> Result<Vec<Mat>, ProveError> {
    if tables.len() != program.tables.len() {
        let (e, f) = (program.tables.len(), tables.len());
        return Err(ProveError::Shape(format!("expected {e} tables, found {f}")));
    }
    let mut out: Vec<Mat> = compiled
        .air
        .groups
        .iter()
        .map(|g| Mat::new(F::zero_vec(g.height() * g.witness as usize), g.witness as usize))
        .collect();
    for (i, mut cells) in tables.into_iter().enumerate() {
        let (given, t, place) = (&program.tables[i], &compiled.tables[i], &compiled.places[i]);
        let expected = given.witness.len() * given.rows as usize;
        if cells.len() != expected {
            let found = cells.len();
            return Err(ProveError::Shape(format!(
                "table {:?}: expected {expected} cells, found {found}",
                t.name
            )));
        }
        let width = t.witness.len();
        if width == 0 {
            continue;
        }
        // a wide row is several rows of the trace, one after the other
        cells.extend(
            t.witness
                .iter()
                .map(|c| c.padding)
                .cycle()
                .take(width)
                .skip(expected % width)
                .take((width * t.rows as usize).saturating_sub(expected)),
        );
        let m = &mut out[place.group];
        let (pad, at) = (place.pad as usize, place.witness as usize);
        m.values.par_chunks_mut(m.width * BLOCK).enumerate().for_each(|(b, rows)| {
            for (i, row) in rows.chunks_mut(m.width).enumerate() {
                let r = b * BLOCK + i;
                let row = &mut row[at..at + width];
                if r < pad {
                    row.iter_mut().zip(&t.witness).for_each(|(x, c)| *x = signed(c.padding));
                } else {
                    let from = &cells[(r - pad) * width..(r - pad + 1) * width];
                    row.iter_mut().zip(from).for_each(|(x, c)| *x = signed(*c));
                }
            }
        });
    }
    Ok(out)
}

/// What a sweep computes on every row, and where it puts it: `out` is the round's own column, `extra` a scratch column.
enum Task<'a, E: Extension> {
    /// Lanes to out, ratio to extra.
    Horner { out: usize, extra: usize, ratio: &'a Weights<E>, parts: &'a [ReadyPart<E>] },
    /// A weighted sum to extra.
    Dot { extra: usize, dot: &'a Weights<E> },
    /// Fractions to the columns after out, their sum to out.
    Lookups { out: usize, pairs: &'a [Vec<(Option<u32>, Weights<E>)>] },
}

impl<E: Extension> Task<'_, E> {
    fn reads(&self, used: &mut [bool]) {
        let mut mark = |w: &Weights<E>| w.columns.iter().for_each(|c| used[*c as usize] = true);
        match self {
            Task::Horner { ratio, parts, .. } => {
                mark(ratio);
                parts.iter().flat_map(|p| p.gate.iter().chain([&p.dot])).for_each(mark);
                let coordinates = |p: &ReadyPart<E>| p.sum.into_iter().flat_map(|s| s..s + E::DEGREE);
                parts.iter().flat_map(coordinates).for_each(|c| used[c] = true);
            }
            Task::Dot { dot, .. } => mark(dot),
            Task::Lookups { pairs, .. } => {
                pairs.iter().flatten().for_each(|f| mark(&f.1));
                pairs.iter().flatten().filter_map(|f| f.0).for_each(|m| used[m as usize] = true);
            }
        }
    }
}

/// Runs the tasks over all rows of a group.
fn sweep<E: Extension>(
    base: &[&Mat],
    height: usize,
    tasks: &[Task<E>],
    out: &mut Columns<E>,
    extra: &mut Columns<E>,
) {
    if height.is_multiple_of(PF::WIDTH) {
        sweep_rows::<Packed<E>>(base, tasks, out, extra);
    } else {
        sweep_rows::<Single<E>>(base, tasks, out, extra);
    }
}

fn sweep_rows<A: Arithmetic>(
    base: &[&Mat],
    tasks: &[Task<A::E>],
    out: &mut Columns<A::E>,
    extra: &mut Columns<A::E>,
) {
    let width: usize = base.iter().map(|m| m.width).sum();
    let mut used = vec![false; width];
    tasks.iter().for_each(|t| t.reads(&mut used));
    let columns = Strips::new(base, |c| used[c]);
    let (ow, ew) = (out.width, extra.width);
    // an absent side still has to yield as many blocks
    let mut dummy_out = vec![];
    let mut dummy_extra = vec![];
    let rows = out.values.len().checked_div(ow).or(extra.values.len().checked_div(ew)).unwrap_or(0);
    let blocks = rows.div_ceil(BLOCK);
    let out_blocks: Vec<&mut [A::E]> = match ow {
        0 => {
            dummy_out.resize_with(blocks, Vec::new);
            dummy_out.iter_mut().map(Vec::as_mut_slice).collect()
        }
        _ => out.values.chunks_mut(BLOCK * ow).collect(),
    };
    let extra_blocks: Vec<&mut [A::E]> = match ew {
        0 => {
            dummy_extra.resize_with(blocks, Vec::new);
            dummy_extra.iter_mut().map(Vec::as_mut_slice).collect()
        }
        _ => extra.values.chunks_mut(BLOCK * ew).collect(),
    };
    let pairs: usize =
        tasks.iter().map(|t| if let Task::Lookups { pairs, .. } = t { pairs.len() } else { 0 }).sum();
    out_blocks.into_par_iter().zip(extra_blocks).enumerate().for_each(|(b, (out, extra))| {
        let first = b * BLOCK;
        let n = BLOCK.min(rows - first);
        let mut row = columns.buffer::<A>();
        let mut numerators = Vec::with_capacity(pairs * n / A::LANES);
        let mut denominators = Vec::with_capacity(pairs * n / A::LANES);
        let mut positions = vec![0; A::LANES];
        for i in (0..n).step_by(A::LANES) {
            positions.iter_mut().enumerate().for_each(|(l, p)| *p = first + i + l);
            columns.load::<A>(&positions, &mut row);
            for t in tasks {
                match t {
                    Task::Horner { out: o, extra: e, ratio, parts } => {
                        let (a, r) = (lanes::<A>(parts, &row), A::dot(ratio, &row));
                        for l in 0..A::LANES {
                            out[(i + l) * ow + o] = A::lane(&a, l);
                            extra[(i + l) * ew + e] = A::lane(&r, l);
                        }
                    }
                    Task::Dot { extra: e, dot } => {
                        let v = A::dot(dot, &row);
                        (0..A::LANES).for_each(|l| extra[(i + l) * ew + e] = A::lane(&v, l));
                    }
                    Task::Lookups { pairs, .. } => {
                        for p in *pairs {
                            let (n, d) = pair::<A>(p, &row);
                            numerators.push(n);
                            denominators.push(d);
                        }
                    }
                }
            }
        }
        A::invert(&mut denominators, &mut vec![]);
        let mut fractions = numerators.iter().zip(&denominators).map(|(n, d)| *n * *d);
        for i in (0..n).step_by(A::LANES) {
            for t in tasks {
                let Task::Lookups { out: o, pairs } = t else { continue };
                let mut sum = A::X::ZERO;
                for k in 0..pairs.len() {
                    let Some(phi) = fractions.next() else { continue };
                    sum += phi;
                    if k + 1 < pairs.len() {
                        (0..A::LANES).for_each(|l| out[(i + l) * ow + o + 1 + k] = A::lane(&phi, l));
                    }
                }
                (0..A::LANES).for_each(|l| out[(i + l) * ow + o] = A::lane(&sum, l));
            }
        }
    });
}

/// values(next) = ratio·values + what stands in the column, cyclically.
fn scan<E: Extension>(columns: &mut Columns<E>, column: usize, ratio: impl Fn(usize) -> E) {
    let w = columns.width;
    let h = columns.values.len() / w;
    let start = (0..h).find(|r| ratio(*r) == E::ZERO).unwrap_or(0);
    let mut x = E::ZERO;
    for r in (start..h).chain(0..start) {
        let cell = &mut columns.values[r * w + column];
        let add = *cell;
        *cell = x;
        x = ratio(r) * x + add;
    }
    columns.values[start * w + column] = x;
}

/// The sums of summed columns of all groups: as many base columns each as there are coordinates.
pub fn sums<E: Extension>(air: &Air, summed: &[Stored], monos: &[E]) -> Vec<Mat> {
    air.groups.iter().zip(summed).map(|(g, m)| crate::p3::sums(m, &g.sum_weights(monos))).collect()
}

/// The extension columns of round 2 of all groups; fills the exposed values they determine.
///
/// `base[g]` are the group's fixed, sparse and witness columns on the trace domain.
pub fn round2<E: Extension>(
    air: &Air,
    compiled: &Compiled,
    base: &[Vec<&Mat>],
    monos: &[E],
    terminals: &mut [E],
    tamper: &mut dyn Tamper<E>,
) -> Vec<Columns<E>> {
    let ready: Vec<Vec<Ready<E>>> = air.groups.iter().map(|g| prepare(g, monos)).collect();
    let marks: Vec<[Weights<E>; 2]> =
        compiled.copies.iter().map(|c| [c.from_end.weights(monos), c.to_end.weights(monos)]).collect();
    let mut all: Vec<(Columns<E>, Columns<E>)> = vec![];
    let mut mark_slot = vec![[0usize; 2]; marks.len()];
    for (g, group) in air.groups.iter().enumerate() {
        let mut tasks = vec![];
        let mut extra = 0;
        for node in &ready[g] {
            match node {
                Ready::Horner { column, ratio, parts } => {
                    tasks.push(Task::Horner { out: *column, extra, ratio, parts });
                    extra += 1;
                }
                Ready::Sum { column, ratio, end, .. } if *column < group.round2 as usize => {
                    tasks.push(Task::Dot { extra, dot: ratio });
                    tasks.push(Task::Dot { extra: extra + 1, dot: end });
                    extra += 2;
                }
                Ready::Lookups { column, pairs, .. } => tasks.push(Task::Lookups { out: *column, pairs }),
                _ => {}
            }
        }
        for (k, copy) in compiled.copies.iter().enumerate() {
            for (side, at) in [copy.from.0, copy.to.0].into_iter().enumerate() {
                if at as usize == g {
                    tasks.push(Task::Dot { extra, dot: &marks[k][side] });
                    mark_slot[k][side] = extra;
                    extra += 1;
                }
            }
        }
        let mut out = Columns::new(group.height(), group.round2 as usize);
        let mut scratch = Columns::new(group.height(), extra);
        sweep(&base[g], group.height(), &tasks, &mut out, &mut scratch);
        let mut slot = 0;
        for node in &ready[g] {
            match node {
                Ready::Horner { column, .. } => {
                    scan(&mut out, *column, |r| scratch.values[r * scratch.width + slot]);
                    slot += 1;
                }
                Ready::Sum { column, .. } if *column < group.round2 as usize => slot += 2,
                _ => {}
            }
        }
        all.push((out, scratch));
    }
    for (k, copy) in compiled.copies.iter().enumerate() {
        let on = |side: usize, g: usize| {
            let s = &all[g].1;
            let slot = mark_slot[k][side];
            (0..s.values.len() / s.width).filter(move |r| s.values[r * s.width + slot] != E::ZERO)
        };
        let (fg, tg) = (copy.from.0 as usize, copy.to.0 as usize);
        let source = &all[fg].0;
        let h = source.values.len() / source.width;
        let mut values: Vec<E> =
            on(0, fg).map(|r| source.values[(r + 1) % h * source.width + copy.from.1 as usize]).collect();
        let rows: Vec<usize> = on(1, tg).collect();
        tamper.copied(k, &mut values);
        let w = all[tg].0.width;
        for (r, v) in rows.into_iter().zip(values) {
            all[tg].0.values[r * w + copy.to.1 as usize] = v;
        }
    }
    for (g, group) in air.groups.iter().enumerate() {
        let (out, scratch) = &mut all[g];
        let mut slot = 0;
        for node in &ready[g] {
            match node {
                Ready::Horner { .. } => slot += 1,
                Ready::Sum { column, factors, .. } if *column < group.round2 as usize => {
                    let w = scratch.width;
                    let end = |r: usize| scratch.values[r * w + slot + 1];
                    take_up(out, *column, factors, end);
                    scan(out, *column, |r| scratch.values[r * w + slot]);
                    slot += 2;
                }
                Ready::Lookups { column, terminal, share, .. } => {
                    let h = group.height();
                    let w = out.width;
                    let total: E = (0..h).map(|r| out.values[r * w + column]).sum();
                    let each = total * *share;
                    let mut s = E::ZERO;
                    for r in 0..h {
                        let cell = &mut out.values[r * w + column];
                        let add = *cell;
                        *cell = s;
                        s += add - each;
                    }
                    terminals[*terminal] = total;
                }
                _ => {}
            }
        }
        expose(&group.nodes, 0..group.round2, out, terminals);
    }
    all.into_iter().map(|a| a.0).collect()
}

/// Writes end·Π factors into a column; factors stand in the same columns.
fn take_up<E: Extension>(
    columns: &mut Columns<E>,
    column: usize,
    factors: &[Factor],
    end: impl Fn(usize) -> E,
) {
    let w = columns.width;
    let h = columns.values.len() / w;
    for r in 0..h {
        let e = end(r);
        let v = if e == E::ZERO {
            E::ZERO
        } else {
            let next = (r + 1) % h;
            let row = |r: usize| &columns.values[r * w..(r + 1) * w];
            e * product(factors, row(r), row(next))
        };
        columns.values[r * w + column] = v;
    }
}

fn expose<E: Extension>(
    nodes: &[Node],
    range: core::ops::Range<u32>,
    columns: &Columns<E>,
    terminals: &mut [E],
) {
    for n in nodes {
        if let Node::Terminal { column, terminal, .. } = n
            && range.contains(column)
        {
            terminals[*terminal as usize] = columns.values[(*column - range.start) as usize];
        }
    }
}

/// The extension columns of round 3: η-folds of copied segment values, on both sides.
pub fn round3<E: Extension>(
    air: &Air,
    base: &[Vec<&Mat>],
    second: &[Columns<E>],
    monos: &[E],
    terminals: &mut [E],
) -> Vec<Columns<E>> {
    let mut all = vec![];
    for (g, group) in air.groups.iter().enumerate() {
        let mut out = Columns::new(group.height(), group.round3 as usize);
        if group.round3 > 0 {
            let ready: Vec<Ready<E>> = prepare(group, monos);
            let sums: Vec<_> = ready
                .iter()
                .filter_map(|n| match n {
                    Ready::Sum { column, ratio, end, factors } if *column >= group.round2 as usize => {
                        Some((*column - group.round2 as usize, ratio, end, factors))
                    }
                    _ => None,
                })
                .collect();
            let tasks: Vec<Task<E>> = sums
                .iter()
                .enumerate()
                .flat_map(|(k, (_, ratio, end, _))| {
                    [Task::Dot { extra: 2 * k, dot: ratio }, Task::Dot { extra: 2 * k + 1, dot: end }]
                })
                .collect();
            let mut scratch = Columns::new(group.height(), 2 * sums.len());
            sweep(&base[g], group.height(), &tasks, &mut Columns::new(0, 0), &mut scratch);
            let (h, w2, we) = (group.height(), second[g].width, scratch.width);
            for (k, (column, _, _, factors)) in sums.iter().enumerate() {
                for r in 0..h {
                    let end = scratch.values[r * we + 2 * k + 1];
                    if end != E::ZERO {
                        let row = |r: usize| &second[g].values[r * w2..(r + 1) * w2];
                        out.values[r * out.width + column] = end * product(factors, row(r), row((r + 1) % h));
                    }
                }
                scan(&mut out, *column, |r| scratch.values[r * we + 2 * k]);
            }
            expose(&group.nodes, group.round2..group.round2 + group.round3, &out, terminals);
        }
        all.push(out);
    }
    all
}
