//! Row programs: the same few operations for many consecutive rows of a table, a block of rows at a time.
//!
//! Registers are columns of a block, so every operation is a loop over plain slices. Each register carries bounds of its
//! values; where they show that an operation stays within 64 bits it runs unchecked, else every element is checked.
//!
//! Invariants: a block's bounds contain all its values; no arithmetic wraps; rows outside the step are never touched.
use crate::budget::{ABSENT, indices};
use crate::columns::TableShape;
use crate::context::{Context, Refusal};
use crate::contract::Growing;
use crate::error::RunError;
use crate::lookup::LookupRelations;
use crate::vector;
use rayon::prelude::*;
use std::sync::Arc;
use tessera_api::{RowOp, RowStep};

const MAX_REGISTERS: usize = 1 << 14;
/// Elements of all registers of a block together: what stays near the core.
const BLOCK_ELEMENTS: usize = 1 << 14;

/// One checked operation.
enum Op {
    Gather { slot: usize, index: Box<[u32]>, default: i64, dst: usize },
    Fixed { values: Arc<Vec<i64>>, dst: usize },
    Affine { terms: Box<[(i64, usize)]>, constant: i64, dst: usize },
    Mul { a: usize, b: usize, dst: usize },
    Max { a: usize, b: usize, dst: usize },
    Split { src: usize, shift: u32, hi: usize, lo: usize },
    Lookup { relation: usize, entry: usize, key: usize, dst: usize },
    Quotient { src: usize, divisor: i64, dst: usize },
    Mantissa { src: usize, step: u32, bits: u32, exponents: (u32, u32), mantissa: usize, exponent: usize },
    Store { src: usize, column: usize },
    Scatter { src: usize, slot: usize },
}

/// So many gathers have a bit each.
const GATHERS: usize = 64;

/// Rows of a step that wait until what they depend on is known.
pub(crate) struct Waiting {
    /// Rows that are not done.
    rows: Vec<u32>,
    /// By row, gathers that it depends on, by bit; all of them where there are none.
    relevant: Vec<u64>,
}

/// A checked row program.
pub(crate) struct Rows {
    pub table: usize,
    pub first_row: usize,
    pub rows: usize,
    /// Tensors gathered from; a slot is a position here.
    pub reads: Vec<usize>,
    /// Tensors scattered to.
    pub writes: Vec<usize>,
    registers: usize,
    ops: Vec<Op>,
    /// For each op: whether a scatter depends on it.
    feeds_scatter: Vec<bool>,
    /// Per scatter in order: position in `writes`, and indices.
    scatters: Vec<(usize, Box<[u32]>)>,
    source: String,
}

impl Rows {
    pub(crate) fn new(s: &RowStep, ctx: &mut Context) -> Result<Rows, Refusal> {
        let (program, n) = (ctx.program, s.rows as usize);
        let table = program
            .tables
            .get(s.table as usize)
            .ok_or_else(|| format!("table {} does not exist", s.table))?;
        if s.rows == 0 || s.first_row as u64 + s.rows as u64 > table.rows as u64 {
            return Err(format!(
                "rows {}..{} lie outside table {:?} of {} rows",
                s.first_row,
                s.first_row as u64 + s.rows as u64,
                table.name,
                table.rows
            )
            .into());
        }
        if s.registers as usize > MAX_REGISTERS {
            return Err(format!("{} registers, at most {MAX_REGISTERS} are possible", s.registers).into());
        }
        let mut out = Rows {
            table: s.table as usize,
            first_row: s.first_row as usize,
            rows: n,
            reads: vec![],
            writes: vec![],
            registers: s.registers as usize,
            ops: vec![],
            feeds_scatter: vec![],
            scatters: vec![],
            source: s.source.clone(),
        };
        let mut written = vec![false; out.registers];
        for op in &s.ops {
            let dst = |written: &mut Vec<bool>, r: u32| -> Result<usize, String> {
                *written.get_mut(r as usize).ok_or_else(|| format!("register {r} does not exist"))? = true;
                Ok(r as usize)
            };
            let src = |written: &Vec<bool>, r: u32| match written.get(r as usize) {
                Some(true) => Ok(r as usize),
                Some(false) => Err(format!("register {r} is read before it is written")),
                None => Err(format!("register {r} does not exist")),
            };
            let slot = |list: &mut Vec<usize>, t: usize| {
                list.iter().position(|x| *x == t).unwrap_or_else(|| {
                    list.push(t);
                    list.len() - 1
                })
            };
            let w = &mut written;
            out.ops.push(match op {
                RowOp::Gather { tensor, index, default, dst: d } => {
                    let t = ctx.tensor(*tensor)?;
                    let index = indices(index, n, ctx.tensors[t].len, ctx.budget)?;
                    Op::Gather { slot: slot(&mut out.reads, t), index, default: *default, dst: dst(w, *d)? }
                }
                RowOp::Fixed { column, dst: d } => {
                    if *column as usize >= table.fixed.len() {
                        return Err(format!("fixed column {column} does not exist").into());
                    }
                    let values = ctx.columns.get(out.table, *column as usize, ctx.budget)?;
                    Op::Fixed { values, dst: dst(w, *d)? }
                }
                RowOp::Affine { terms, constant, dst: d } => {
                    let terms =
                        terms.iter().map(|(k, r)| Ok((*k, src(w, *r)?))).collect::<Result<_, String>>()?;
                    Op::Affine { terms, constant: *constant, dst: dst(w, *d)? }
                }
                RowOp::Mul { a, b, dst: d } => {
                    let (a, b) = (src(w, *a)?, src(w, *b)?);
                    Op::Mul { a, b, dst: dst(w, *d)? }
                }
                RowOp::Max { a, b, dst: d } => {
                    let (a, b) = (src(w, *a)?, src(w, *b)?);
                    Op::Max { a, b, dst: dst(w, *d)? }
                }
                RowOp::Split { src: s, shift, hi, lo } => {
                    if *shift > 62 {
                        return Err(format!("a split by {shift} bits, at most 62 are possible").into());
                    }
                    if hi == lo {
                        return Err(format!("a split writes both parts to register {hi}").into());
                    }
                    let src = src(w, *s)?;
                    Op::Split { src, shift: *shift, hi: dst(w, *hi)?, lo: dst(w, *lo)? }
                }
                RowOp::Lookup { relation, key, entry, dst: d } => {
                    let relation = ctx.relations.function(*relation, *entry)?;
                    Op::Lookup { relation, entry: *entry as usize, key: src(w, *key)?, dst: dst(w, *d)? }
                }
                RowOp::Quotient { src: s, divisor, dst: d } => {
                    if *divisor < 1 {
                        return Err(format!("a quotient by {divisor}, expected at least 1").into());
                    }
                    Op::Quotient { src: src(w, *s)?, divisor: *divisor, dst: dst(w, *d)? }
                }
                RowOp::Mantissa { src: s, step, bits, first, last, mantissa, exponent } => {
                    if step.checked_mul(*last).is_none_or(|most| most > 62) || *bits > 62 || first > last {
                        return Err(format!(
                            "a mantissa of {bits} bits and exponents {first} to {last} of {step} bits; at most 62 bits are possible"
                        )
                        .into());
                    }
                    if mantissa == exponent {
                        return Err(format!("a mantissa and its exponent are written to register {mantissa}").into());
                    }
                    let src = src(w, *s)?;
                    let (mantissa, exponent) = (dst(w, *mantissa)?, dst(w, *exponent)?);
                    let exponents = (*first, *last);
                    Op::Mantissa { src, step: *step, bits: *bits, exponents, mantissa, exponent }
                }
                RowOp::Store { src: s, column } => {
                    let column = *column as usize;
                    if column >= table.witness.len() {
                        return Err(format!("witness column {column} does not exist").into());
                    }
                    if table.provides.iter().any(|p| p.multiplicity as usize == column) {
                        return Err(format!(
                            "witness column {column} holds multiplicities, which are counted"
                        )
                        .into());
                    }
                    Op::Store { src: src(w, *s)?, column }
                }
                RowOp::Scatter { src: s, tensor, index } => {
                    let t = ctx.tensor(*tensor)?;
                    let index = indices(index, n, ctx.tensors[t].len, ctx.budget)?;
                    let slot = slot(&mut out.writes, t);
                    out.scatters.push((slot, index));
                    ctx.budget.elements(n as u64)?;
                    Op::Scatter { src: src(w, *s)?, slot: out.scatters.len() - 1 }
                }
            });
        }
        if let Some(t) = out.reads.iter().find(|t| out.writes.contains(t)) {
            return Err(
                format!("tensor {:?} is both gathered from and scattered to", ctx.tensors[*t].name).into()
            );
        }
        out.find_live();
        Ok(out)
    }

    /// Marks the operations that a scatter depends on.
    fn find_live(&mut self) {
        let mut needed = vec![false; self.registers];
        let mut live = vec![false; self.ops.len()];
        for (op, l) in self.ops.iter().zip(&mut live).rev() {
            let (dsts, srcs): (Vec<usize>, Vec<usize>) = match op {
                Op::Gather { dst, .. } | Op::Fixed { dst, .. } => (vec![*dst], vec![]),
                Op::Affine { terms, dst, .. } => (vec![*dst], terms.iter().map(|t| t.1).collect()),
                Op::Mul { a, b, dst } | Op::Max { a, b, dst } => (vec![*dst], vec![*a, *b]),
                Op::Split { src, hi, lo, .. } => (vec![*hi, *lo], vec![*src]),
                Op::Lookup { key, dst, .. } => (vec![*dst], vec![*key]),
                Op::Quotient { src, dst, .. } => (vec![*dst], vec![*src]),
                Op::Mantissa { src, mantissa, exponent, .. } => (vec![*mantissa, *exponent], vec![*src]),
                Op::Store { .. } => continue,
                Op::Scatter { src, .. } => {
                    *l = true;
                    needed[*src] = true;
                    continue;
                }
            };
            *l = dsts.iter().any(|d| needed[*d]);
            if *l {
                dsts.iter().for_each(|d| needed[*d] = false);
                srcs.iter().for_each(|s| needed[*s] = true);
            }
        }
        self.feeds_scatter = live;
    }

    /// Calls `f` with tensor and element of everything that is scattered.
    pub(crate) fn scattered(&self, f: &mut impl FnMut(usize, usize)) {
        self.scattered_in(0..self.rows, &mut |slot, i| f(self.writes[slot], i));
    }

    /// Likewise of some rows, with the tensor's position in `writes`.
    fn scattered_in(&self, rows: impl Iterator<Item = usize> + Clone, f: &mut impl FnMut(usize, usize)) {
        for (slot, index) in &self.scatters {
            let written = rows.clone().map(|row| index[row]).filter(|i| *i != ABSENT);
            written.for_each(|i| f(*slot, i as usize));
        }
    }

    /// Runs all rows. `cells` are the table's rows of this step, or none when only the scattered values are wanted.
    pub(crate) fn run<'t>(
        &self,
        read: &(impl Fn(usize) -> &'t [i64] + Sync),
        cells: Option<&mut [i64]>,
        outs: &mut [Vec<i64>],
        relations: &LookupRelations,
        table: &TableShape,
    ) -> Result<(), RunError> {
        self.run_some(read, cells, outs, relations, table, None)
    }

    /// Which rows wait for what.
    pub(crate) fn waiting(&self) -> Waiting {
        let gathers = self.ops.iter().filter(|op| matches!(op, Op::Gather { .. })).count();
        let masked = self.ops.iter().any(|op| matches!(op, Op::Fixed { .. }))
            && self.ops.iter().any(|op| matches!(op, Op::Mul { .. }))
            && gathers <= GATHERS;
        let relevant = match masked {
            true => (0..self.rows).into_par_iter().map(|row| self.relevant(row)).collect(),
            false => vec![],
        };
        Waiting { rows: (0..self.rows as u32).collect(), relevant }
    }

    /// Which of the gathers, by bit, what is scattered in a row depends on: not on those that are multiplied by a constant 0.
    fn relevant(&self, row: usize) -> u64 {
        #[derive(Clone, Copy, Default)]
        struct Register {
            on: u64,
            zero: bool,
        }
        let mut registers = vec![Register::default(); self.registers];
        let (mut relevant, mut gather) = (0, 0);
        for (op, live) in self.ops.iter().zip(&self.feeds_scatter) {
            let bit = 1u64.checked_shl(gather).unwrap_or(0);
            gather += u32::from(matches!(op, Op::Gather { .. }));
            if !live {
                continue;
            }
            let on = |srcs: &[usize]| srcs.iter().fold(0, |on, r| on | registers[*r].on);
            let depends = |srcs: &[usize]| Register { on: on(srcs), zero: false };
            let (dsts, value): (&[usize], Register) = match op {
                Op::Gather { index, dst, .. } => {
                    (&[*dst], Register { on: if index[row] == ABSENT { 0 } else { bit }, zero: false })
                }
                Op::Fixed { values, dst } => {
                    (&[*dst], Register { on: 0, zero: values[self.first_row + row] == 0 })
                }
                Op::Mul { a, b, dst } if registers[*a].zero || registers[*b].zero => {
                    (&[*dst], Register { on: 0, zero: true })
                }
                Op::Affine { terms, dst, .. } => {
                    let srcs: Vec<usize> = terms.iter().map(|t| t.1).collect();
                    (&[*dst], depends(&srcs))
                }
                Op::Mul { a, b, dst } | Op::Max { a, b, dst } => (&[*dst], depends(&[*a, *b])),
                Op::Split { src, hi, lo, .. } => (&[*hi, *lo], depends(&[*src])),
                Op::Lookup { key, dst, .. } => (&[*dst], depends(&[*key])),
                Op::Quotient { src, dst, .. } => (&[*dst], depends(&[*src])),
                Op::Mantissa { src, mantissa, exponent, .. } => (&[*mantissa, *exponent], depends(&[*src])),
                Op::Scatter { src, slot } => {
                    let (_, index) = &self.scatters[*slot];
                    relevant |= if index[row] == ABSENT { 0 } else { on(&[*src]) };
                    continue;
                }
                Op::Store { .. } => continue,
            };
            dsts.iter().for_each(|d| registers[*d] = value);
        }
        relevant
    }

    /// Runs the rows that are not done and of which all is known that they depend on.
    pub(crate) fn grow<'t>(
        &self,
        read: &(impl Fn(usize) -> &'t Growing + Sync),
        waiting: &mut Waiting,
        outs: &mut [Growing],
        relations: &LookupRelations,
        table: &TableShape,
    ) -> Result<(), RunError> {
        let Waiting { rows: waiting, relevant } = waiting;
        let gathers: Vec<(&[u32], &Growing)> = (self.ops.iter().zip(&self.feeds_scatter))
            .filter_map(|(op, live)| match op {
                Op::Gather { slot, index, .. } => Some((*live, &index[..], read(self.reads[*slot]))),
                _ => None,
            })
            .map(|(live, index, x)| (if live { index } else { &[] }, x))
            .collect();
        let ready = |row: usize| {
            let relevant = relevant.get(row).copied();
            gathers.iter().enumerate().all(|(g, (index, x))| {
                let asked = relevant.is_none_or(|relevant| relevant >> g & 1 == 1);
                let at = index.get(row).filter(|i| asked && **i != ABSENT);
                at.is_none_or(|i| x.is_known(*i as usize))
            })
        };
        let (rows, others): (Vec<u32>, Vec<u32>) =
            waiting.par_iter().with_min_len(1 << 12).partition(|row| ready(**row as usize));
        *waiting = others;
        if rows.is_empty() {
            return Ok(());
        }
        let mut values: Vec<Vec<i64>> = outs.iter_mut().map(|out| std::mem::take(&mut out.values)).collect();
        let of = |t: usize| &read(t).values[..];
        let ran = self.run_some(&of, None, &mut values, relations, table, Some(&rows));
        outs.iter_mut().zip(values).for_each(|(out, values)| out.values = values);
        self.scattered_in(rows.iter().map(|row| *row as usize), &mut |slot, i| outs[slot].know(i));
        ran
    }

    fn run_some<'t>(
        &self,
        read: &(impl Fn(usize) -> &'t [i64] + Sync),
        cells: Option<&mut [i64]>,
        outs: &mut [Vec<i64>],
        relations: &LookupRelations,
        table: &TableShape,
        chosen: Option<&[u32]>,
    ) -> Result<(), RunError> {
        let rows = chosen.map_or(self.rows, <[u32]>::len);
        let reads: Vec<&[i64]> = self.reads.iter().map(|t| read(*t)).collect();
        // of a few rows it is the values that are bounded
        let bounds = |r: &&[i64]| if chosen.is_none() { vector::bounds(r) } else { (0, 0) };
        let bounds: Vec<(i64, i64)> = reads.iter().map(bounds).collect();
        let width = table.padding.len();
        let most = (BLOCK_ELEMENTS / self.registers.max(1)).clamp(64, 512);
        let count = rows.div_ceil(most);
        let all = cells.is_some();
        // scattered values wait here until all rows are done, so that blocks can run at the same time
        let mut waiting: Vec<Vec<i64>> = self.scatters.iter().map(|_| vec![0; rows]).collect();
        let mut blocks: Vec<Block> = (0..count)
            .map(|b| Block { first: b * most, rows: most.min(rows - b * most), ..Block::default() })
            .collect();
        if let Some(cells) = cells.filter(|_| width > 0) {
            for (b, c) in blocks.iter_mut().zip(cells.chunks_mut(most * width)) {
                b.cells = c;
            }
        }
        for w in &mut waiting {
            for (b, c) in blocks.iter_mut().zip(w.chunks_mut(most)) {
                b.scatters.push(c);
            }
        }
        let job = Job { step: self, reads: &reads, bounds: &bounds, relations, table, all, chosen };
        if count == 1 || rayon::current_num_threads() == 1 {
            let mut regs = Registers::new(self.registers, most);
            blocks.iter_mut().try_for_each(|b| job.block(b, &mut regs))?;
        } else {
            blocks
                .par_iter_mut()
                .try_for_each_init(|| Registers::new(self.registers, most), |regs, b| job.block(b, regs))?;
        }
        drop(blocks);
        for ((slot, index), values) in self.scatters.iter().zip(&waiting) {
            let out = &mut outs[*slot];
            let mut put = |(i, v): (&u32, &i64)| {
                if *i != ABSENT {
                    out[*i as usize] = *v;
                }
            };
            match chosen {
                None => index.iter().zip(values).for_each(put),
                Some(rows) => rows.iter().zip(values).for_each(|(row, v)| put((&index[*row as usize], v))),
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Block<'a> {
    first: usize,
    rows: usize,
    cells: &'a mut [i64],
    scatters: Vec<&'a mut [i64]>,
}

struct Registers {
    columns: Vec<Vec<i64>>,
    bounds: Vec<(i64, i64)>,
    scratch: [Vec<i64>; 2],
}

impl Registers {
    fn new(n: usize, block: usize) -> Registers {
        Registers {
            columns: vec![vec![0; block]; n],
            bounds: vec![(0, 0); n],
            scratch: [vec![0; block], vec![0; block]],
        }
    }
}

struct Job<'a> {
    step: &'a Rows,
    reads: &'a [&'a [i64]],
    bounds: &'a [(i64, i64)],
    relations: &'a LookupRelations,
    table: &'a TableShape,
    all: bool,
    /// Rows of the step that blocks count; all of them where there are none.
    chosen: Option<&'a [u32]>,
}

impl Job<'_> {
    fn block(&self, b: &mut Block, regs: &mut Registers) -> Result<(), RunError> {
        tessera_cancel::point();
        let (s, n) = (self.step, b.rows);
        let width = self.table.padding.len();
        for (op, live) in s.ops.iter().zip(&s.feeds_scatter) {
            if !self.all && !live {
                continue;
            }
            let [scratch, second] = &mut regs.scratch;
            let (cols, ranges) = (&mut regs.columns, &mut regs.bounds);
            match op {
                Op::Gather { slot, index, default, dst: to } => {
                    let (src, (lo, hi)) = (self.reads[*slot], self.bounds[*slot]);
                    let dst = cols[*to][..n].iter_mut();
                    let value = |i: u32| src.get(i as usize).copied().unwrap_or(*default);
                    match self.chosen {
                        None => dst.zip(&index[b.first..b.first + n]).for_each(|(d, i)| *d = value(*i)),
                        Some(rows) => {
                            let rows = &rows[b.first..b.first + n];
                            dst.zip(rows).for_each(|(d, row)| *d = value(index[*row as usize]));
                        }
                    }
                    ranges[*to] = match self.chosen {
                        None => (lo.min(*default), hi.max(*default)),
                        Some(_) => vector::bounds(&cols[*to][..n]),
                    };
                }
                Op::Fixed { values, dst } => {
                    let values = &values[s.first_row..];
                    match self.chosen {
                        None => cols[*dst][..n].copy_from_slice(&values[b.first..][..n]),
                        Some(rows) => {
                            let rows = &rows[b.first..b.first + n];
                            cols[*dst].iter_mut().zip(rows).for_each(|(d, row)| *d = values[*row as usize]);
                        }
                    }
                    ranges[*dst] = vector::bounds(&cols[*dst][..n]);
                }
                Op::Affine { terms, constant, dst } => {
                    let start = (*constant as i128, *constant as i128);
                    let range = terms.iter().try_fold(start, |(lo, hi), (k, r)| {
                        let (a, b) = (*k as i128 * ranges[*r].0 as i128, *k as i128 * ranges[*r].1 as i128);
                        Some((lo.checked_add(a.min(b))?, hi.checked_add(a.max(b))?))
                    });
                    ranges[*dst] = match range.and_then(narrow) {
                        Some(r) => {
                            vector::affine(&mut scratch[..n], cols, terms, *constant);
                            r
                        }
                        None => {
                            vector::affine_checked(&mut scratch[..n], cols, terms, *constant)
                                .map_err(|row| self.overflow(b, row, "a weighted sum"))?;
                            vector::bounds(&scratch[..n])
                        }
                    };
                    std::mem::swap(scratch, &mut cols[*dst]);
                }
                Op::Mul { a, b: f, dst } => {
                    let ((a0, a1), (b0, b1)) = (ranges[*a], ranges[*f]);
                    let products =
                        [(a0, b0), (a0, b1), (a1, b0), (a1, b1)].map(|(x, y)| x as i128 * y as i128);
                    let range =
                        products.iter().fold((i128::MAX, i128::MIN), |(l, h), p| (l.min(*p), h.max(*p)));
                    ranges[*dst] = match narrow(range) {
                        Some(r) => {
                            vector::mul(&mut scratch[..n], &cols[*a], &cols[*f]);
                            r
                        }
                        None => {
                            vector::mul_checked(&mut scratch[..n], &cols[*a], &cols[*f])
                                .map_err(|row| self.overflow(b, row, "a product"))?;
                            vector::bounds(&scratch[..n])
                        }
                    };
                    std::mem::swap(scratch, &mut cols[*dst]);
                }
                Op::Max { a, b: f, dst } => {
                    for ((d, x), y) in scratch[..n].iter_mut().zip(&cols[*a]).zip(&cols[*f]) {
                        *d = *x.max(y);
                    }
                    std::mem::swap(scratch, &mut cols[*dst]);
                    let ((a0, a1), (b0, b1)) = (ranges[*a], ranges[*f]);
                    ranges[*dst] = (a0.max(b0), a1.max(b1));
                }
                Op::Split { src, shift, hi, lo } => {
                    let (from, to) = ranges[*src];
                    let mask = (1i64 << shift) - 1;
                    for ((h, l), x) in scratch[..n].iter_mut().zip(&mut second[..n]).zip(&cols[*src]) {
                        *h = x >> shift;
                        *l = x & mask;
                    }
                    std::mem::swap(scratch, &mut cols[*hi]);
                    std::mem::swap(second, &mut cols[*lo]);
                    ranges[*hi] = (from >> shift, to >> shift);
                    ranges[*lo] = (0, mask);
                }
                Op::Quotient { src, divisor, dst } => {
                    for (d, x) in scratch[..n].iter_mut().zip(&cols[*src]) {
                        *d = x.div_euclid(*divisor);
                    }
                    std::mem::swap(scratch, &mut cols[*dst]);
                    let (lo, hi) = ranges[*src];
                    ranges[*dst] = (lo.div_euclid(*divisor), hi.div_euclid(*divisor));
                }
                Op::Mantissa { src, step, bits, exponents: (first, last), mantissa, exponent } => {
                    for ((v, e), x) in scratch[..n].iter_mut().zip(&mut second[..n]).zip(&cols[*src]) {
                        let small = |e: &u32| x >> (step * e) < 1 << bits;
                        let found = (*first..*last).find(small).unwrap_or(*last);
                        (*v, *e) = (x >> (step * found), i64::from(found));
                    }
                    ranges[*mantissa] = vector::bounds(&scratch[..n]);
                    ranges[*exponent] = (i64::from(*first), i64::from(*last));
                    std::mem::swap(scratch, &mut cols[*mantissa]);
                    std::mem::swap(second, &mut cols[*exponent]);
                }
                Op::Lookup { relation, entry, key, dst } => {
                    ranges[*dst] = self
                        .relations
                        .map((*relation, *entry), &cols[*key][..n], &mut scratch[..n])
                        .map_err(|row| RunError::Missing {
                            origin: s.source.clone(),
                            table: self.table.name.clone(),
                            row: self.row(b, row),
                            value: cols[*key][row].to_string(),
                            relation: self.relations.name(*relation).to_string(),
                        })?;
                    std::mem::swap(scratch, &mut cols[*dst]);
                }
                Op::Store { src, column } => {
                    if self.all {
                        for (row, v) in b.cells.chunks_exact_mut(width).zip(&cols[*src][..n]) {
                            row[*column] = *v;
                        }
                    }
                }
                Op::Scatter { src, slot } => b.scatters[*slot].copy_from_slice(&cols[*src][..n]),
            }
        }
        Ok(())
    }

    /// The table's row that a row of a block is.
    fn row(&self, b: &Block, row: usize) -> usize {
        let at = b.first + row;
        self.step.first_row + self.chosen.map_or(at, |rows| rows[at] as usize)
    }

    fn overflow(&self, b: &Block, row: usize, value: &str) -> RunError {
        RunError::Overflow {
            origin: self.step.source.clone(),
            table: self.table.name.clone(),
            row: self.row(b, row),
            value: value.into(),
        }
    }
}

fn narrow((lo, hi): (i128, i128)) -> Option<(i64, i64)> {
    Some((i64::try_from(lo).ok()?, i64::try_from(hi).ok()?))
}
