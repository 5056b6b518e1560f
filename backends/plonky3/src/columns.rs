//! The prover's columns: the witness as given, then the extension columns of rounds 2 and 3.
//!
//! One sweep over a group's rows computes everything that depends on one row alone (lanes and ratios of folds, LogUp
//! fractions with one batched inversion per block, ends of running sums); scans then make running values of it.
//!
//! Invariants: an assignment that violates the relation is not looked for; the columns are what the formulas say, and the
//! verifier rejects. Every scan is cyclic and starts at a row whose ratio is 0. Mask rows are written after the scans, which cross
//! them: what stands after them is not read before the next reset.
use crate::adversary::Tamper;
use crate::air::compile::Compiled;
use crate::air::{Air, Factor, Group};
use crate::arithmetic::lanes::{Arithmetic, Packed, Single, Weights};
use crate::arithmetic::rows::Strips;
use crate::arithmetic::{Columns, Extension, F, Mat, PF, PackedValue, PrimeCharacteristicRing, signed};
use crate::eval::{Ready, ReadyPart, blind, lanes, pair, prepare, product};
use crate::hiding::masks::Hiding;
use crate::p3::Stored;
use p3_maybe_rayon::prelude::*;
use std::ops::Range;
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
            tessera_cancel::point();
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
    tasks: &[&Task<E>],
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
    tasks: &[&Task<A::E>],
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
        tessera_cancel::point();
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

/// column(next) = ratio·column + what stands in the column, cyclically.
fn scan<E: Extension>(columns: &mut Columns<E>, column: usize, ratio: impl Fn(usize) -> E) {
    let (w, h) = (columns.width, columns.height());
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
pub fn sums<E: Extension>(air: &Air, summed: &[Stored], monomials: &[E]) -> Vec<Mat> {
    air.groups.iter().zip(summed).map(|(g, m)| crate::p3::sums(m, &g.sum_weights(monomials))).collect()
}

/// Folds, or running sums, that are swept at a time: each has scratch columns.
const AT_ONCE: usize = 16;

/// A Horner column.
struct Fold<'a, E: Extension> {
    column: usize,
    ratio: &'a Weights<E>,
    parts: &'a [ReadyPart<E>],
}

/// A running sum.
struct RunningSum<'a, E: Extension> {
    column: usize,
    ratio: &'a Weights<E>,
    end: &'a Weights<E>,
    factors: &'a [Factor],
}

impl<E: Extension> RunningSum<'_, E> {
    /// Computes the sum into its column of `out`, of its ratios and ends on all rows. Factors stand in `from`, or in `out` where none is
    /// given.
    fn fill(
        &self,
        out: &mut Columns<E>,
        from: Option<&Columns<E>>,
        scratch: &Columns<E>,
        [ratio, end]: [usize; 2],
    ) {
        let (w, h) = (out.width, out.height());
        for r in 0..h {
            let end = scratch.at(r, end);
            let mut added = E::ZERO;
            if end != E::ZERO {
                let factors = from.unwrap_or(out);
                added = end * product(self.factors, factors.row(r), factors.row((r + 1) % h));
            }
            out.values[r * w + self.column] = added;
        }
        scan(out, self.column, |r| scratch.at(r, ratio));
    }
}

/// A running sum of fractions, whose sums over rows are swept into it.
struct Total<E> {
    column: usize,
    terminal: usize,
    /// 1/height.
    share: E,
}

impl<E: Extension> Total<E> {
    /// Runs over the column from row `first` on; the sum of all.
    fn fill(&self, out: &mut Columns<E>, first: usize) -> E {
        let (w, h) = (out.width, out.height());
        let total: E = (first..h).map(|r| out.at(r, self.column)).sum();
        let each = total * self.share;
        let mut s = E::ZERO;
        for r in first..h {
            let cell = &mut out.values[r * w + self.column];
            let add = *cell;
            *cell = s;
            s += add - each;
        }
        // what the cyclic step from the last row leaves on row 0: nothing, if the total was spread
        out.values[self.column] = s;
        total
    }
}

/// What a round computes of a group: first a sweep by rows, then running values.
struct Work<'a, E: Extension> {
    folds: Vec<Fold<'a, E>>,
    lookups: Vec<Task<'a, E>>,
    sums: Vec<RunningSum<'a, E>>,
    totals: Vec<Total<E>>,
}

impl<'a, E: Extension> Work<'a, E> {
    /// What computes the extension columns in `range`, the first of which is the round's first.
    fn new(nodes: &'a [Ready<E>], range: Range<u32>) -> Work<'a, E> {
        let mut work = Work { folds: vec![], lookups: vec![], sums: vec![], totals: vec![] };
        let place = |c: usize| range.contains(&(c as u32)).then(|| c - range.start as usize);
        for node in nodes {
            match node {
                Ready::Horner { column, ratio, parts } => {
                    let Some(column) = place(*column) else { continue };
                    work.folds.push(Fold { column, ratio, parts });
                }
                Ready::Sum { column, ratio, end, factors } => {
                    let Some(column) = place(*column) else { continue };
                    work.sums.push(RunningSum { column, ratio, end, factors });
                }
                Ready::Lookups { column, terminal, share, pairs } => {
                    let Some(out) = place(*column) else { continue };
                    work.lookups.push(Task::Lookups { out, pairs });
                    work.totals.push(Total { column: out, terminal: *terminal, share: *share });
                }
                Ready::Base(..) | Ready::Terminal { .. } | Ready::Start { .. } => {}
            }
        }
        work
    }

    /// Folds, and the sums of what is looked up on each row.
    fn rows(&self, base: &[&Mat], height: usize, out: &mut Columns<E>) {
        let mut folds = self.folds.chunks(AT_ONCE);
        let mut tasks: Vec<&Task<E>> = self.lookups.iter().collect();
        loop {
            let some = folds.next().unwrap_or_default();
            if some.is_empty() && tasks.is_empty() {
                return;
            }
            let horner = |(extra, f): (usize, &Fold<'a, E>)| Task::Horner {
                out: f.column,
                extra,
                ratio: f.ratio,
                parts: f.parts,
            };
            let horner: Vec<Task<E>> = some.iter().enumerate().map(horner).collect();
            tasks.extend(&horner);
            let mut ratios = Columns::new(height, some.len());
            sweep(base, height, &tasks, out, &mut ratios);
            for (k, f) in some.iter().enumerate() {
                scan(out, f.column, |r| ratios.at(r, k));
            }
            tasks = vec![];
        }
    }

    /// Running sums of what stands in `from`, or in `out` where none is given.
    fn sums(&self, base: &[&Mat], out: &mut Columns<E>, from: Option<&Columns<E>>) {
        for some in self.sums.chunks(AT_ONCE) {
            let dots: Vec<&Weights<E>> = some.iter().flat_map(|s| [s.ratio, s.end]).collect();
            let scratch = dot_columns(base, out.height(), &dots);
            some.iter().zip((0..).step_by(2)).for_each(|(s, k)| s.fill(out, from, &scratch, [k, k + 1]));
        }
    }
}

/// Weighted sums of a group's cells, a column each.
fn dot_columns<E: Extension>(base: &[&Mat], height: usize, dots: &[&Weights<E>]) -> Columns<E> {
    let tasks: Vec<Task<E>> = dots.iter().enumerate().map(|(extra, dot)| Task::Dot { extra, dot }).collect();
    let mut out = Columns::new(height, dots.len());
    sweep(base, height, &tasks.iter().collect::<Vec<_>>(), &mut Columns::new(height, 0), &mut out);
    out
}

/// What later rounds are computed of.
pub struct Given<'a, E> {
    /// Columns and constraints.
    pub air: &'a Air,
    /// Each group's fixed, sparse and witness columns and sums on the trace domain.
    pub base: &'a [Vec<&'a Mat>],
    /// Values of the monomials.
    pub monomials: &'a [E],
    /// What hides the columns, if anything does.
    pub hiding: Option<&'a Hiding>,
}

/// The extension columns of round 2 of all groups; fills the exposed values they determine.
pub fn round2<E: Extension>(
    given: &Given<E>,
    compiled: &Compiled,
    terminals: &mut [E],
    tamper: &mut dyn Tamper<E>,
) -> Vec<Columns<E>> {
    let Given { air, base, monomials, hiding } = *given;
    let ready: Vec<Vec<Ready<E>>> = air.groups.iter().map(|g| prepare(g, monomials)).collect();
    let works: Vec<Work<E>> =
        ready.iter().zip(&air.groups).map(|(nodes, g)| Work::new(nodes, 0..g.round2)).collect();
    let mut all: Vec<Columns<E>> = vec![];
    for ((work, group), base) in works.iter().zip(&air.groups).zip(base) {
        let mut out = Columns::new(group.height(), group.round2 as usize);
        work.rows(base, group.height(), &mut out);
        all.push(out);
    }
    for (k, copy) in compiled.copies.iter().enumerate() {
        let (from, to) = (copy.from.0 as usize, copy.to.0 as usize);
        let marked = |g: usize, mark: Weights<E>| {
            let marks = dot_columns(&base[g], air.groups[g].height(), &[&mark]);
            (0..marks.height()).filter(move |r| marks.at(*r, 0) != E::ZERO)
        };
        let h = all[from].height();
        let value = |r: usize| all[from].at((r + 1) % h, copy.from.1 as usize);
        let mut values: Vec<E> = marked(from, copy.from_end.weights(monomials)).map(value).collect();
        tamper.copied(k, &mut values);
        let w = all[to].width;
        for (r, v) in marked(to, copy.to_end.weights(monomials)).zip(values) {
            all[to].values[r * w + copy.to.1 as usize] = v;
        }
    }
    for (((work, group), out), base) in works.iter().zip(&air.groups).zip(&mut all).zip(base) {
        work.sums(base, out, None);
        for t in &work.totals {
            terminals[t.terminal] = t.fill(out, group.masks as usize);
        }
    }
    if let Some(h) = hiding {
        h.columns(2, &mut all, &compiled.copies);
        tamper.extension_masks(2, &mut all);
    }
    for (g, group) in air.groups.iter().enumerate() {
        expose(group, given.row(g), &ready[g], [&all[g]], terminals);
    }
    all
}

impl<E> Given<'_, E> {
    /// The base cells of a group's row 0.
    fn row(&self, group: usize) -> Vec<F> {
        self.base[group].iter().flat_map(|m| m.values[..m.width].iter().copied()).collect()
    }
}

/// Fills what the last of these rounds determines.
fn expose<E: Extension, const N: usize>(
    group: &Group,
    base: Vec<F>,
    nodes: &[Ready<E>],
    rounds: [&Columns<E>; N],
    terminals: &mut [E],
) {
    let last = if N == 1 { 0..group.round2 } else { group.round2..group.round2 + group.round3 };
    let row = |r: usize| -> Vec<E> {
        let of = |c: &&Columns<E>| if c.width == 0 { vec![] } else { c.row(r % c.height()).to_vec() };
        rounds.iter().flat_map(of).collect()
    };
    let (here, next) = (row(0), row(1));
    for n in nodes {
        if let Ready::Terminal { column, terminal, blind: by, .. } = n
            && last.contains(&(*column as u32))
        {
            let by = by.as_ref().map_or(E::ZERO, |b| blind::<Single<E>>(b, &base, &next));
            terminals[*terminal] = here[*column] + by;
        }
    }
}

/// The extension columns of round 3: η-folds of copied segment values, on both sides.
pub fn round3<E: Extension>(
    given: &Given<E>,
    second: &[Columns<E>],
    terminals: &mut [E],
    tamper: &mut dyn Tamper<E>,
) -> Vec<Columns<E>> {
    let groups = &given.air.groups;
    let ready: Vec<Vec<Ready<E>>> = groups.iter().map(|g| prepare(g, given.monomials)).collect();
    let column = |(g, group): (usize, &Group)| {
        if group.round3 == 0 {
            return Columns::new(group.height(), 0);
        }
        let work = Work::new(&ready[g], group.round2..group.round2 + group.round3);
        let mut out = Columns::new(group.height(), group.round3 as usize);
        work.rows(&given.base[g], group.height(), &mut out);
        work.sums(&given.base[g], &mut out, Some(&second[g]));
        out
    };
    let mut all: Vec<Columns<E>> = groups.iter().enumerate().map(column).collect();
    if let Some(h) = given.hiding {
        h.columns(3, &mut all, &[]);
        tamper.extension_masks(3, &mut all);
    }
    for (g, group) in groups.iter().enumerate().filter(|(_, g)| g.round3 > 0) {
        expose(group, given.row(g), &ready[g], [&second[g], &all[g]], terminals);
    }
    all
}
