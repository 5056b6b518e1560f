//! Elementwise work as row programs: operations on one index space become one row per element.
//!
//! A *cluster* is a connected set of elementwise operations of equal shape. Its *row program* says what one row holds: columns,
//! constraints, lookups, and the program by which an honest prover fills the row. Clusters with the same row program share a
//! table, layer after layer.
//!
//! What enters a cluster (a *bound value*) is a cell bound to its origin by a fold. Where a linear constraint determines a value from
//! other cells (an accumulator from the two halves it is split into, a half from its own), it needs no column: its expression stands for it.
//!
//! # Correctness
//! * hi and lo of a split are unique: lo is range-checked by lookup, hi by the lookup it is the key of, by verifiers where it
//!   is an output, or by a range lookup of its own; |hi·2^s + lo| stays under p/2, so the equation mod p is the equation over the integers.
//! * The maximum y of xᵢ is unique: the product of all y − xᵢ is zero, so y is one of them, and each is shown to lie in 0..=D,
//!   so y ≥ xᵢ: no difference of their intervals is beyond D, which is far below p. Of many operands, maxima of up to four are
//!   taken first, and their maxima then.
//! * Where y is the key of a lookup, xᵢ = y − (y − xᵢ) lies within the table's domain, extended downwards by D: as good a range
//!   for the high part of a split as a lookup of its own.
//! * A range is a lookup of its value, a sum of limbs that are looked up, or the lookup of which it is the key: the interval and the sum
//!   lie within half the field, so equality mod p is equality over the integers. A hint's results are cells that ranges alone hold.
//! * The expression of every bound value takes part in exactly one fold equation on every row of its cluster (see `emit.rs`).
use crate::PlaceError;
use crate::layout::Nest;
use crate::order::Order;
use crate::relations::{LookupRelations, domain_of};
use crate::roots::Roots;
use std::collections::{BTreeMap, HashMap, HashSet};
use tessera_api::{Capabilities, Cell, Expr, RowOp};
use tessera_circuit::CircuitOp;
use tessera_circuit::graph::{Circuit, Node, ValueId};
use tessera_circuit::ops::Hint;
use tessera_circuit::semantics::range::{limbs, shown};

/// Most lanes of which a maximum is taken at once: products of two differences fit 64 bits, of more they might not.
const MAX_LANES: usize = 4;

/// One step of a row program. Registers are numbered by their place in `RowProgram::steps`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Instruction {
    /// What enters, by bound value index.
    Bound(usize),
    /// Setup data, by fixed column.
    Fixed(u32),
    /// constant + Σ coefficient·register.
    Affine(Vec<(i64, usize)>, i64),
    /// Product of registers.
    Mul(usize, usize),
    /// The greater of two registers.
    Max(usize, usize),
    /// Upper part of a split.
    Hi(usize, u32),
    /// Lower part of a split.
    Lo(usize, u32),
    /// Table value of a register: relation, entry of its tuples, key.
    Lookup(u32, u32, usize),
    /// The rounded quotient of a register and a constant.
    Quotient(usize, i64),
    /// The mantissa of a register: as [`Hint::Mantissa`] says, with step, bits and exponents.
    Mantissa(usize, u32, u32, (u32, u32)),
    /// The exponent that goes with the mantissa before it.
    Exponent(usize, u32, u32, (u32, u32)),
    /// What a step of the witness plan computes: its number among the cluster's, and which of its results.
    Computed(usize, usize),
}

impl Instruction {
    /// The value, given those of the steps before it; `None` beyond 64 bits, and for what is not computed of them.
    pub fn eval(&self, r: &[i64]) -> Option<i64> {
        match self {
            Self::Bound(_) | Self::Fixed(_) | Self::Lookup(..) | Self::Computed(..) => None,
            Self::Quotient(x, divisor) => Some(r[*x].div_euclid(*divisor)),
            Self::Mantissa(x, step, bits, exponents) => {
                Some(r[*x] >> (step * exponent(r[*x], *step, *bits, *exponents)))
            }
            Self::Exponent(x, step, bits, exponents) => {
                Some(exponent(r[*x], *step, *bits, *exponents).into())
            }
            Self::Affine(terms, constant) => {
                terms.iter().try_fold(*constant, |sum, (c, x)| sum.checked_add(c.checked_mul(r[*x])?))
            }
            Self::Mul(a, b) => r[*a].checked_mul(r[*b]),
            Self::Max(a, b) => Some(r[*a].max(r[*b])),
            Self::Hi(x, shift) => Some(r[*x] >> shift),
            Self::Lo(x, shift) => Some(r[*x] & ((1 << shift) - 1)),
        }
    }

    /// How an honest prover computes it into a register. `None` where that is done with another step: what enters is gathered, and the
    /// lower part of a split and an exponent come with the upper one and the mantissa, which stand before them.
    pub fn row_op(&self, dst: u32) -> Option<RowOp> {
        Some(match self {
            Self::Bound(_) | Self::Computed(..) | Self::Lo(..) | Self::Exponent(..) => return None,
            Self::Quotient(x, divisor) => RowOp::Quotient { src: *x as u32, divisor: *divisor, dst },
            Self::Mantissa(x, step, bits, (first, last)) => RowOp::Mantissa {
                src: *x as u32,
                step: *step,
                bits: *bits,
                first: *first,
                last: *last,
                mantissa: dst,
                exponent: dst + 1,
            },
            Self::Fixed(column) => RowOp::Fixed { column: *column, dst },
            Self::Affine(terms, constant) => {
                let terms = terms.iter().map(|(c, x)| (*c, *x as u32)).collect();
                RowOp::Affine { terms, constant: *constant, dst }
            }
            Self::Mul(a, b) => RowOp::Mul { a: *a as u32, b: *b as u32, dst },
            Self::Max(a, b) => RowOp::Max { a: *a as u32, b: *b as u32, dst },
            Self::Hi(x, shift) => RowOp::Split { src: *x as u32, shift: *shift, hi: dst, lo: dst + 1 },
            Self::Lookup(relation, entry, x) => {
                RowOp::Lookup { relation: *relation, key: *x as u32, entry: *entry, dst }
            }
        })
    }
}

/// See [`Hint::Mantissa`].
fn exponent(x: i64, step: u32, bits: u32, (first, last): (u32, u32)) -> u32 {
    (first..last).find(|e| x >> (step * e) < 1 << bits).unwrap_or(last)
}

/// The shape of a row. Equal row programs share a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RowProgram {
    /// The row program.
    pub steps: Vec<Instruction>,
    /// Witness columns: name, register stored there.
    pub columns: Vec<(String, usize)>,
    /// Number of fixed columns.
    pub fixed: u32,
    /// Row polynomials that vanish.
    pub constraints: Vec<Expr>,
    /// (relation, tuple).
    pub lookups: Vec<(u32, Vec<Expr>)>,
    /// What stands for each bound value.
    pub bound: Vec<Expr>,
    /// What others read: expression and register.
    pub exports: Vec<(Expr, usize)>,
}

/// Where a bound value's parameters stand.
#[derive(Clone, Debug)]
pub struct Held {
    /// The number of their [`Bias`](crate::biases::Bias).
    pub id: usize,
    /// From elements of the bound value, for batch entry 0, to exponents of (z, s).
    pub at: Nest<2>,
}

/// A row program with the values of one layer.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The shape of a row.
    pub row_program: RowProgram,
    /// Elements of the index space, one row each (per batch entry).
    pub len: usize,
    /// In which order rows have them.
    pub order: Order,
    /// The graph value of each bound value.
    pub bound: Vec<ValueId>,
    /// The bound values that are data known at setup, multiplied by ones elsewhere.
    pub held: BTreeMap<usize, Held>,
    /// The graph value of each fixed column, known at setup.
    pub fixed: Vec<ValueId>,
    /// The operation of each hint that a step of the witness plan computes.
    pub computed: Vec<Computed>,
    /// The graph value of each export.
    pub exports: Vec<ValueId>,
    /// The model's operations it stems from.
    pub source: String,
    /// Sources of constraints and lookups, in the row program's order.
    pub constraint_sources: Vec<String>,
    /// See `constraint_sources`.
    pub lookup_sources: Vec<String>,
}

/// A hint that is no row's work: what it is computed from, and how.
#[derive(Clone, Debug)]
pub struct Computed {
    /// The operand.
    pub x: ValueId,
    /// The results.
    pub ys: Vec<ValueId>,
    /// What it computes.
    pub hint: Hint,
    /// Relation and entry of its table, if it has one.
    pub table: Option<(u32, u32)>,
}

/// Groups elementwise operations that use each other's results directly, and hints with those that use theirs; so too operations
/// of one level that read the same result of a contraction or view, which one row then reads once.
///
/// Operations of one group have the same *level*: how many contractions and views lie before them on the longest path. So no
/// group depends on itself through something that is not elementwise, and its rows can be filled in one go.
pub fn groups(g: &Circuit, roots: &Roots) -> Vec<Vec<usize>> {
    let definer = g.definers();
    let mut level = vec![0usize; g.ops.len()];
    for i in 0..g.ops.len() {
        let elementwise = g.ops[i].op.is_elementwise();
        let before = g.ops[i].op.operands().into_iter().filter(|x| !roots.is_constant(*x));
        level[i] = before.map(|x| level[definer[x]] + usize::from(!elementwise)).max().unwrap_or(0);
    }
    let mut parent: Vec<usize> = (0..g.ops.len()).collect();
    fn find(p: &mut [usize], mut i: usize) -> usize {
        while p[i] != i {
            p[i] = p[p[i]];
            i = p[i];
        }
        i
    }
    let mut readers: HashMap<(ValueId, usize), usize> = HashMap::new();
    for (i, op) in g.ops.iter().enumerate().filter(|(_, op)| op.op.is_elementwise()) {
        for x in op.op.operands().into_iter().filter(|x| !roots.is_constant(*x)) {
            let other = if !g.ops[definer[x]].op.is_in_rows() {
                *readers.entry((x, level[i])).or_insert(i)
            } else if level[definer[x]] == level[i] {
                definer[x]
            } else {
                continue;
            };
            let (a, b) = (find(&mut parent, i), find(&mut parent, other));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut by_root: std::collections::BTreeMap<usize, Vec<usize>> = Default::default();
    for i in 0..g.ops.len() {
        if g.ops[i].op.is_in_rows() {
            let r = find(&mut parent, i);
            by_root.entry(r).or_default().push(i);
        }
    }
    by_root.into_values().collect()
}

/// What is known of a circuit before its row programs are made.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// What the backend can express.
    pub capabilities: &'a Capabilities,
    /// Values that verifiers hold to a range.
    pub published: &'a HashMap<ValueId, (i64, i64)>,
    /// Values that others read.
    pub exported: &'a HashSet<ValueId>,
    /// Data known at setup that rows read as they read what enters, being multiplied by ones elsewhere ([`crate::biases`]).
    pub held: &'a HashSet<ValueId>,
    /// Whether parts and products that other cells determine have no cells.
    pub determined: bool,
}

/// Compiles one group.
pub fn build(
    g: &Circuit,
    roots: &Roots,
    ops: &[usize],
    known: Known,
    relations: &mut LookupRelations,
) -> Result<Cluster, PlaceError> {
    let mut b = Builder {
        g,
        roots,
        known,
        relations,
        k: RowProgram::default(),
        exprs: HashMap::new(),
        regs: HashMap::new(),
        bound: vec![],
        held: BTreeMap::new(),
        fixed: vec![],
        computed: vec![],
        sources: vec![],
        constraint_sources: vec![],
        lookup_sources: vec![],
        bound_columns: vec![],
        len: 0,
    };
    let first = &g.ops[ops[0]];
    let shape_of = first.results.first().copied().unwrap_or_else(|| first.op.operands()[0]);
    b.len = g.values[shape_of].len();
    for i in ops {
        b.op(*i, ops)?;
    }
    b.eliminate();
    let mut exports = vec![];
    for i in ops {
        for r in &g.ops[*i].results {
            if known.exported.contains(r) {
                exports.push(*r);
                b.k.exports.push((b.exprs[r].clone(), b.regs[r]));
            }
        }
    }
    b.sources.dedup();
    let source = match b.sources.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [a, .., z] => format!("{a} … {z}"),
    };
    Ok(Cluster {
        row_program: b.k,
        len: b.len,
        order: Order::plain(b.len),
        bound: b.bound,
        held: b.held,
        fixed: b.fixed,
        computed: b.computed,
        exports,
        source,
        constraint_sources: b.constraint_sources,
        lookup_sources: b.lookup_sources,
    })
}

struct Builder<'a> {
    g: &'a Circuit,
    roots: &'a Roots,
    known: Known<'a>,
    relations: &'a mut LookupRelations,
    k: RowProgram,
    exprs: HashMap<ValueId, Expr>,
    regs: HashMap<ValueId, usize>,
    bound: Vec<ValueId>,
    held: BTreeMap<usize, Held>,
    /// Witness column of each bound value.
    bound_columns: Vec<u32>,
    fixed: Vec<ValueId>,
    computed: Vec<Computed>,
    sources: Vec<String>,
    constraint_sources: Vec<String>,
    lookup_sources: Vec<String>,
    len: usize,
}

impl Builder<'_> {
    fn step(&mut self, s: Instruction) -> usize {
        self.k.steps.push(s);
        self.k.steps.len() - 1
    }

    fn column(&mut self, name: &str, reg: usize) -> u32 {
        self.k.columns.push((name.into(), reg));
        self.k.columns.len() as u32 - 1
    }

    /// Expression and register of an operand; a bound value or a fixed column is made at first sight.
    fn operand(&mut self, v: ValueId) -> Result<(Expr, usize), PlaceError> {
        if let Some(e) = self.exprs.get(&v) {
            return Ok((e.clone(), self.regs[&v]));
        }
        let parameter = self.roots.pieces(v).iter().any(|p| self.known.held.contains(&p.root));
        if parameter && let Some(i) = self.held.keys().find(|i| self.roots.same(self.bound[**i], v)) {
            // lanes of one channel share their parameters
            let known = self.bound[*i];
            let (e, r) = (self.exprs[&known].clone(), self.regs[&known]);
            self.define(v, e.clone(), r);
            return Ok((e, r));
        }
        let (e, r) = if self.roots.is_constant(v) && !parameter {
            let (lo, hi) = self.roots.bounds(v, self.len);
            if lo == hi {
                (Expr::constant(lo), self.step(Instruction::Affine(vec![], lo)))
            } else {
                // lanes of one channel share their offsets
                let known = self.fixed.iter().position(|f| self.roots.same(*f, v));
                let i = known.unwrap_or_else(|| {
                    self.fixed.push(v);
                    self.k.fixed += 1;
                    self.fixed.len() - 1
                }) as u32;
                (Expr::fixed(i), self.step(Instruction::Fixed(i)))
            }
        } else {
            self.bound.push(v);
            if parameter {
                // where it stands is decided when all rows are known
                self.held.insert(self.bound.len() - 1, Held { id: 0, at: Nest::new(0, [0, 0], []) });
            }
            let r = self.step(Instruction::Bound(self.bound.len() - 1));
            let c = self.column(&format!("in{}", self.bound.len() - 1), r);
            self.bound_columns.push(c);
            self.k.bound.push(Expr::witness(c));
            (Expr::witness(c), r)
        };
        self.exprs.insert(v, e.clone());
        self.regs.insert(v, r);
        Ok((e, r))
    }

    fn define(&mut self, v: ValueId, e: Expr, reg: usize) {
        self.exprs.insert(v, e);
        self.regs.insert(v, reg);
    }

    fn op(&mut self, i: usize, group: &[usize]) -> Result<(), PlaceError> {
        let op = &self.g.ops[i];
        let source = op.source();
        self.sources.push(source.clone());
        match &op.op {
            CircuitOp::Affine { terms, constant } => {
                let mut e = Expr::constant(*constant);
                let mut regs = vec![];
                for (c, x) in terms {
                    let (xe, xr) = self.operand(*x)?;
                    e = within(xe.checked_scale(*c).and_then(|x| e.checked_plus(&x)), &source)?;
                    regs.push((*c, xr));
                }
                let r = self.step(Instruction::Affine(regs, *constant));
                self.define(op.results[0], e, r);
            }
            CircuitOp::Mul { a, b } => {
                let ((ae, ar), (be, br)) = (self.operand(*a)?, self.operand(*b)?);
                let product = within(ae.checked_times(&be), &source)?;
                let r = self.step(Instruction::Mul(ar, br));
                if product.degree() <= 1 {
                    self.define(op.results[0], product, r);
                } else {
                    let c = self.column("product", r);
                    self.k.constraints.push(within(minus(product, Expr::witness(c)), &source)?);
                    self.constraint_sources.push(source.clone());
                    self.define(op.results[0], Expr::witness(c), r);
                }
            }
            CircuitOp::Split { x, shift } => {
                let (xe, xr) = self.operand(*x)?;
                let (hi, lo) = (op.results[0], op.results[1]);
                let (rh, rl) =
                    (self.step(Instruction::Hi(xr, *shift)), self.step(Instruction::Lo(xr, *shift)));
                let (ch, cl) = (self.column("hi", rh), self.column("lo", rl));
                let whole = Expr::witness(ch).scale(1 << shift).plus(&Expr::witness(cl));
                self.k.constraints.push(within(minus(xe, whole), &source)?);
                self.constraint_sources.push(source.clone());
                let relation = self.relations.range(0, (1 << shift) - 1, &source)?;
                self.k.lookups.push((relation, vec![Expr::witness(cl)]));
                self.lookup_sources.push(source.clone());
                // hi is in range already when it is the key of a table whose domain is small enough, or such an output
                if self.high_checked(hi, *shift, group).is_none() {
                    self.within(&(Expr::witness(ch), rh), self.high_declared(hi, *shift), &source)?;
                }
                self.define(hi, Expr::witness(ch), rh);
                self.define(lo, Expr::witness(cl), rl);
            }
            CircuitOp::Max { xs } => {
                let last = self.differences(self.reach(xs, op.results[0]));
                let mut lanes = xs.iter().map(|x| self.operand(*x)).collect::<Result<Vec<_>, _>>()?;
                while lanes.len() > 1 {
                    let parts = lanes.len().div_ceil(MAX_LANES);
                    let size = lanes.len().div_ceil(parts);
                    let parts = lanes.chunks(size).map(|part| self.maximum(part, last, &source));
                    lanes = parts.collect::<Result<_, _>>()?;
                }
                let (e, r) = lanes.swap_remove(0);
                self.define(op.results[0], e, r);
            }
            CircuitOp::Lookup { x, tables, .. } => {
                let (xe, xr) = self.operand(*x)?;
                let relation = self.relations.functions(self.g, tables, &source)?;
                let mut tuple = vec![xe];
                for (entry, y) in (1..).zip(&op.results) {
                    let r = self.step(Instruction::Lookup(relation, entry, xr));
                    let c = Expr::witness(self.column("out", r));
                    tuple.push(c.clone());
                    self.define(*y, c, r);
                }
                self.k.lookups.push((relation, tuple));
                self.lookup_sources.push(source.clone());
            }
            CircuitOp::Range { x, interval } => {
                let (e, r) = self.operand(*x)?;
                let y = op.results[0];
                if !self.keyed(y, group).is_some_and(|keys| within_interval(keys, *interval)) {
                    self.within(&(e.clone(), r), *interval, &source)?;
                }
                self.define(y, e, r);
            }
            CircuitOp::Hint { x, hint, intervals } => {
                let registers = match hint {
                    Hint::Quotient { divisor } => {
                        let r = self.operand(*x)?.1;
                        vec![self.step(Instruction::Quotient(r, *divisor))]
                    }
                    Hint::Mantissa { step, bits, exponents } => {
                        let r = self.operand(*x)?.1;
                        let v = self.step(Instruction::Mantissa(r, *step, *bits, *exponents));
                        vec![v, self.step(Instruction::Exponent(r, *step, *bits, *exponents))]
                    }
                    Hint::Threshold { .. } | Hint::Greatest | Hint::OneHot { .. } => {
                        let table = hint.table();
                        let table =
                            table.map(|t| self.relations.with_function(self.g, t, &source)).transpose()?;
                        let (ys, hint) = (op.results.clone(), hint.clone());
                        self.computed.push(Computed { x: *x, ys, hint, table });
                        let at = self.computed.len() - 1;
                        (0..op.results.len()).map(|i| self.step(Instruction::Computed(at, i))).collect()
                    }
                };
                for ((y, r), interval) in op.results.iter().zip(registers).zip(intervals) {
                    let e = Expr::witness(self.column("hint", r));
                    if !self.keyed(*y, group).is_some_and(|keys| within_interval(keys, *interval)) {
                        self.within(&(e.clone(), r), *interval, &source)?;
                    }
                    self.define(*y, e, r);
                }
            }
            CircuitOp::AssertZero { x } => {
                let (xe, _) = self.operand(*x)?;
                self.k.constraints.push(xe);
                self.constraint_sources.push(source.clone());
            }
            CircuitOp::Input { .. }
            | CircuitOp::Output { .. }
            | CircuitOp::Weight { .. }
            | CircuitOp::Constant { .. }
            | CircuitOp::Contract { .. }
            | CircuitOp::Table { .. }
            | CircuitOp::View { .. }
            | CircuitOp::Concat { .. } => {
                return Err(PlaceError::Invalid(format!("{source}: not an elementwise operation")));
            }
        }
        Ok(())
    }

    /// Shows that an expression lies in an interval: as a root of a polynomial where a cell is one of two numbers, by a lookup, or as the sum of limbs
    /// that are looked up.
    fn within(
        &mut self,
        (e, r): &(Expr, usize),
        (lo, hi): (i64, i64),
        source: &str,
    ) -> Result<(), PlaceError> {
        let is_cell = e.constant == 0 && matches!(&e.terms[..], [(1, cells)] if cells.len() == 1);
        if is_cell && i128::from(hi) - i128::from(lo) == 1 {
            let from = |c: i64| minus(e.clone(), Expr::constant(c));
            let both = from(lo).zip(from(hi)).and_then(|(a, b)| a.checked_times(&b));
            self.k.constraints.push(within(both, source)?);
            self.constraint_sources.push(source.into());
            return Ok(());
        }
        let all = limbs((lo, hi));
        if all == [0] {
            // from 0 on where the numbers are whole bits, so that intervals of one length share a table
            let last = i128::from(hi) - i128::from(lo);
            let from = if last > 0 && (last + 1).count_ones() == 1 { lo } else { 0 };
            let relation = self.relations.range(lo - from, hi - from, source)?;
            let key = within(minus(e.clone(), Expr::constant(from)), source)?;
            self.k.lookups.push((relation, vec![key]));
            self.lookup_sources.push(source.into());
            return Ok(());
        }
        let mut whole = Expr::constant(lo);
        let mut rest = self.step(Instruction::Affine(vec![(1, *r)], -lo));
        let mut from = 0;
        for (i, bits) in all.iter().enumerate() {
            let limb = if i + 1 < all.len() {
                let high = self.step(Instruction::Hi(rest, *bits));
                let low = self.step(Instruction::Lo(rest, *bits));
                rest = high;
                low
            } else {
                rest
            };
            let c = Expr::witness(self.column("limb", limb));
            let relation = self.relations.range(0, (1 << bits) - 1, source)?;
            self.k.lookups.push((relation, vec![c.clone()]));
            self.lookup_sources.push(source.into());
            whole = within(c.checked_scale(1 << from).and_then(|c| whole.checked_plus(&c)), source)?;
            from += bits;
        }
        self.k.constraints.push(within(minus(e.clone(), whole), source)?);
        self.constraint_sources.push(source.into());
        Ok(())
    }

    /// The greatest of a few lanes: a column, its differences from them shown to lie in 0..=`last`.
    fn maximum(
        &mut self,
        lanes: &[(Expr, usize)],
        last: i64,
        source: &str,
    ) -> Result<(Expr, usize), PlaceError> {
        if let [only] = lanes {
            return Ok(only.clone());
        }
        let greatest =
            lanes[1..].iter().fold(lanes[0].1, |max, lane| self.step(Instruction::Max(max, lane.1)));
        let max = Expr::witness(self.column("max", greatest));
        let mut factors = std::collections::VecDeque::new();
        for (x, r) in lanes {
            let difference = within(minus(max.clone(), x.clone()), source)?;
            let r = self.step(Instruction::Affine(vec![(1, greatest), (-1, *r)], 0));
            self.within(&(difference.clone(), r), (0, last), source)?;
            factors.push_back((difference, r));
        }
        while factors.len() > (self.known.capabilities.max_degree as usize).max(2)
            && let (Some((a, ar)), Some((b, br))) = (factors.pop_front(), factors.pop_front())
        {
            let r = self.step(Instruction::Mul(ar, br));
            let product = Expr::witness(self.column("product", r));
            let whole = a.checked_times(&b).and_then(|ab| minus(ab, product.clone()));
            self.k.constraints.push(within(whole, source)?);
            self.constraint_sources.push(source.into());
            factors.push_back((product, r));
        }
        let zero = factors.iter().try_fold(Expr::constant(1), |p, f| p.checked_times(&f.0));
        let zero = within(zero, source)?;
        self.k.constraints.push(zero);
        self.constraint_sources.push(source.into());
        Ok((max, greatest))
    }

    /// The largest difference between a maximum and what it is of.
    fn reach(&self, xs: &[ValueId], max: ValueId) -> i64 {
        let least = xs.iter().map(|x| self.g.values[*x].lo).min().unwrap_or(0);
        self.g.values[max].hi.saturating_sub(least)
    }

    /// The last number of a range 0.. that holds differences up to `reach`: one that there is anyway, if any.
    fn differences(&self, reach: i64) -> i64 {
        let known = |op: &Node<CircuitOp<ValueId>>| match &op.op {
            CircuitOp::Split { shift, .. } => Some((1i64 << shift) - 1),
            CircuitOp::Lookup { tables, .. } => {
                self.g.tables.get(&tables[0]).map(domain_of).filter(|keys| keys.0 == 0).map(|keys| keys.1)
            }
            _ => None,
        };
        let smallest = self.g.ops.iter().filter_map(known).filter(|last| *last >= reach).min();
        smallest.unwrap_or_else(|| (reach as u64 + 1).next_power_of_two() as i64 - 1)
    }

    /// The range that others enforce on the high part of a split, where it is small enough to make the parts unique.
    fn high_checked(&self, hi: ValueId, shift: u32, group: &[usize]) -> Option<(i64, i64)> {
        let bound = self.unique(shift);
        let small = |&(a, b): &(i64, i64)| (a as i128).abs() < bound && (b as i128).abs() < bound;
        let published = || self.known.published.get(&hi).copied().filter(small);
        self.keyed(hi, group).filter(small).or_else(published)
    }

    /// Below this to both sides of 0, a high part and the low one are all that make a whole.
    fn unique(&self, shift: u32) -> i128 {
        (self.known.capabilities.modulus >> 2) as i128 >> shift
    }

    /// The range that a split enforces on its high part itself: the declared one, in whole bits where parts stay unique.
    fn high_declared(&self, hi: ValueId, shift: u32) -> (i64, i64) {
        let v = &self.g.values[hi];
        shown((v.lo, v.hi), self.unique(shift))
    }

    /// The range that lookups in this group enforce on a key, or on what a key is the maximum of.
    fn keyed(&self, v: ValueId, group: &[usize]) -> Option<(i64, i64)> {
        group.iter().find_map(|j| {
            let op = &self.g.ops[*j];
            match &op.op {
                CircuitOp::Lookup { x, tables, .. } if *x == v => {
                    self.g.tables.get(&tables[0]).map(domain_of)
                }
                CircuitOp::Range { x, interval } if *x == v => {
                    let keys = self.keyed(op.results[0], group).filter(|k| within_interval(*k, *interval));
                    Some(keys.unwrap_or(*interval))
                }
                // what is split is made of its parts, which are in range
                CircuitOp::Split { x, shift } if *x == v => {
                    let hi = op.results[0];
                    let checked = self.high_checked(hi, *shift, group);
                    let (least, most) = checked.unwrap_or_else(|| self.high_declared(hi, *shift));
                    let size = 1i64 << shift;
                    Some((least.checked_mul(size)?, most.checked_mul(size)?.checked_add(size - 1)?))
                }
                CircuitOp::Max { xs } if xs.contains(&v) => {
                    let (lo, hi) = self.keyed(op.results[0], group)?;
                    let last = self.differences(self.reach(xs, op.results[0]));
                    let levels = xs.len().ilog(MAX_LANES) as i64 + 1;
                    Some((lo.saturating_sub(last.saturating_mul(levels)), hi))
                }
                _ => None,
            }
        })
    }

    /// Removes columns that a linear constraint determines with coefficient ±1: what they hold is a sum of other cells.
    fn eliminate(&mut self) {
        // what enters first; of that, parameters last: what is left of them is what others are summed with
        let (held, own): (Vec<usize>, Vec<usize>) =
            (0..self.bound_columns.len()).partition(|i| self.held.contains_key(i));
        let entering = own.into_iter().chain(held).map(|bound| self.bound_columns[bound]);
        // then parts and products; what a prover finds, as hints and maxima, stays a cell of its own
        let made = |name: &str| self.known.determined && ["hi", "lo", "product"].contains(&name);
        let others = (0..).zip(&self.k.columns).filter(|(_, (name, _))| made(name)).map(|(c, _)| c);
        for column in entering.chain(others).collect::<Vec<u32>>() {
            let cell = Cell::Witness(column);
            let found = self.k.constraints.iter().position(|c| {
                c.degree() == 1 && c.terms.iter().any(|(k, f)| k.abs() == 1 && f.as_slice() == [cell])
            });
            let Some(at) = found else { continue };
            let c = &self.k.constraints[at];
            let sign = c.terms.iter().find(|t| t.1.as_slice() == [cell]).map_or(1, |t| t.0);
            // sign·cell + rest = 0, so cell = −sign·rest
            let rest = c.clone().checked_plus(&Expr { constant: 0, terms: vec![(-sign, vec![cell])] });
            let Some(value) = rest.and_then(|rest| rest.checked_scale(-sign)) else { continue };
            // where a coefficient would be beyond 64 bits the value keeps its column
            let k = &self.k;
            let held = k.constraints.iter().chain(k.lookups.iter().flat_map(|l| &l.1)).chain(&k.bound);
            let held = held.chain(self.exprs.values());
            let Some(new) = held.map(|e| substitute(e, cell, &value)).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let k = &mut self.k;
            let all = k.constraints.iter_mut().chain(k.lookups.iter_mut().flat_map(|l| &mut l.1));
            let all = all.chain(&mut k.bound).chain(self.exprs.values_mut());
            all.zip(new).for_each(|(e, new)| *e = new);
            self.k.constraints.remove(at);
            self.constraint_sources.remove(at);
        }
        let mut also: Vec<&mut Expr> = self.exprs.values_mut().collect();
        self.k.drop_unused_columns(&mut also);
    }
}

impl RowProgram {
    /// Renumbers witness columns where some are read by nothing any more; `also` are expressions beside the row program's.
    pub fn drop_unused_columns(&mut self, also: &mut [&mut Expr]) {
        let k = self;
        let used: std::collections::BTreeSet<u32> = k
            .constraints
            .iter()
            .chain(k.lookups.iter().flat_map(|l| &l.1))
            .chain(&k.bound)
            .flat_map(Expr::cells)
            .filter_map(|c| match c {
                Cell::Witness(i) => Some(i),
                Cell::Fixed(_) => None,
            })
            .collect();
        let renumber: HashMap<u32, u32> =
            used.iter().enumerate().map(|(new, old)| (*old, new as u32)).collect();
        let fix = |e: &mut Expr| {
            for f in e.terms.iter_mut().flat_map(|t| &mut t.1) {
                if let Cell::Witness(i) = f {
                    *i = renumber.get(i).copied().unwrap_or(*i);
                }
            }
        };
        k.constraints.iter_mut().for_each(fix);
        k.lookups.iter_mut().flat_map(|l| &mut l.1).for_each(fix);
        k.bound.iter_mut().for_each(fix);
        k.exports.iter_mut().map(|e| &mut e.0).for_each(fix);
        also.iter_mut().for_each(|e| fix(e));
        let named = |(new, old): (usize, &u32)| {
            let (name, reg) = &k.columns[*old as usize];
            (format!("{}.{new}", name.split('.').next().unwrap_or(name)), *reg)
        };
        k.columns = used.iter().enumerate().map(named).collect();
    }
}

/// `e` with `value` in place of `cell`; `None` where a coefficient would be beyond 64 bits.
fn substitute(e: &Expr, cell: Cell, value: &Expr) -> Option<Expr> {
    let mut out = Expr::constant(e.constant);
    for (c, f) in &e.terms {
        let mut t = Expr::constant(*c);
        for x in f {
            let factor = if *x == cell { value.clone() } else { Expr::cell(*x) };
            t = t.checked_times(&factor)?;
        }
        out = out.checked_plus(&t)?;
    }
    Some(out)
}

/// Whether one interval lies in another.
fn within_interval(inner: (i64, i64), outer: (i64, i64)) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}

/// a − b.
fn minus(a: Expr, b: Expr) -> Option<Expr> {
    a.checked_plus(&b.checked_scale(-1)?)
}

/// Refuses a sum or product with coefficients beyond 64 bits.
fn within(e: Option<Expr>, source: &str) -> Result<Expr, PlaceError> {
    e.ok_or_else(|| PlaceError::unsupported(source, "coefficients beyond 64 bits"))
}
