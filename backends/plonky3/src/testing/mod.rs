//! Small random Programs with satisfying traces, for this crate's tests.
//!
//! Families: lookups alone; row constraints of degree 2 and 3; folds with public values in irregular layouts; joins as
//! matrix products and 1-D convolutions, against fixed or witness weights, in one table or in two.
//!
//! Invariant: an honest proof of every case verifies, and every witness cell of a case matters (changing it makes the case false),
//! except where the case says otherwise.

/// Tests that are run with challenges of either degree.
macro_rules! both {
    ($($name:ident),*) => {
        mod quadratic {
            $(#[test] fn $name() { super::$name::<crate::arithmetic::Quadratic>() })*
        }
        mod cubic {
            $(#[test] fn $name() { super::$name::<crate::arithmetic::Cubic>() })*
        }
    };
}

mod certificates;
mod differential;
mod edges;
mod files;
mod forgeries;
mod hash;
mod hiding;
pub mod join;
pub mod model;
mod random;
mod simulator;
mod soundness;
pub mod suite;
mod summed;
mod transcript;
mod transplant;
mod weights;

use crate::Plonky3;
use crate::arithmetic::Extension;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tessera_api::*;

/// A Program and a trace that satisfies it.
#[derive(Clone)]
pub struct Case {
    /// What it is.
    pub name: String,
    /// The relation.
    pub program: Program,
    /// An assignment.
    pub trace: Trace,
}

/// A cell of a fold: its monomial and value.
pub type Item = (Vec<i64>, i64);

/// A random number generator.
pub fn rng(seed: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed)
}

/// The smallest power of two that holds `rows`, raised by `extra`.
pub fn log_height(rows: usize, extra: u8) -> u8 {
    rows.next_power_of_two().trailing_zeros() as u8 + extra
}

/// An empty Program with these variables.
pub fn program(variables: &[&str]) -> Program {
    Program {
        version: VERSION,
        zero_knowledge: false,
        constants: vec![],
        matrices: vec![],
        tables: vec![],
        relations: vec![],
        publics: vec![],
        variables: variables.iter().map(|v| Variable::from(*v)).collect(),
        folds: vec![],
        terms: vec![],
        equations: vec![],
    }
}

/// A witness column that is 0 on padding.
pub fn column(name: &str) -> WitnessColumn {
    WitnessColumn { name: name.into(), padding: 0 }
}

/// An empty table.
pub fn table(name: &str, rows: usize, extra: u8) -> Table {
    Table {
        name: name.into(),
        rows: rows as u32,
        log_height: log_height(rows, extra),
        fixed: vec![],
        committed: false,
        witness: vec![],
        constraints: vec![],
        lookups: vec![],
        provides: vec![],
    }
}

/// A table whose cells are folded: `segments[s][row][lane]`. Witness lanes are differences of two columns plus a constant, so that
/// lane expressions are not single cells; padding cells are arbitrary.
pub struct Folded {
    /// The table.
    pub table: Table,
    /// Lanes and segments; `table` is still to be set.
    pub fold: Fold,
    /// Witness cells.
    pub cells: Vec<i64>,
}

/// Lays items into a table of their own.
pub fn folded(
    name: &str,
    segments: &[Vec<Vec<Option<Item>>>],
    vars: usize,
    fixed: bool,
    r: &mut SmallRng,
) -> Folded {
    let rows: Vec<&Vec<Option<Item>>> = segments.iter().flatten().collect();
    let lanes = rows.iter().map(|r| r.len()).max().unwrap_or(1).max(1);
    let extra = r.random_range(0..2);
    let mut t = table(name, rows.len(), extra);
    let mut cells = vec![vec![]; rows.len()];
    let mut fold_lanes = vec![];
    for l in 0..lanes {
        let item = |i: usize| rows[i].get(l).cloned().flatten();
        let mut monomials = vec![];
        for i in 0..rows.len() {
            match item(i) {
                Some((m, _)) => monomials.extend(std::iter::once(1).chain(m)),
                // the exponents of an absent lane mean nothing
                None => monomials.extend(std::iter::once(0).chain((0..vars).map(|_| r.random_range(0..5)))),
            }
        }
        let value = |i: usize, r: &mut SmallRng| item(i).map_or(r.random_range(-9..9), |x| x.1);
        let expr = if fixed {
            let values: Vec<i64> = (0..rows.len()).map(|i| value(i, r)).collect();
            let c = FixedColumn {
                name: format!("w{l}"),
                values: Values::Seq(Seq::compress(1, &values)),
                padding: 7,
            };
            t.fixed.push(c);
            Expr::fixed(l as u32)
        } else {
            let k = r.random_range(-5..5);
            for (i, row) in cells.iter_mut().enumerate() {
                let (v, b) = (value(i, r), r.random_range(-100..100));
                row.extend([v - k + b, b]);
            }
            t.witness.push(WitnessColumn { name: format!("a{l}"), padding: 3 });
            t.witness.push(WitnessColumn { name: format!("b{l}"), padding: -4 });
            let (a, b) = (Expr::witness(2 * l as u32), Expr::witness(2 * l as u32 + 1));
            a.plus(&b.scale(-1)).plus(&Expr::constant(k))
        };
        fold_lanes.push(Lane { expr, monomials: Seq::compress(1 + vars, &monomials) });
    }
    let mut end = 0;
    let ends: Vec<i64> = segments
        .iter()
        .map(|s| {
            end += s.len() as i64;
            end
        })
        .collect();
    let fold = Fold {
        name: name.into(),
        table: 0,
        lanes: fold_lanes,
        segments: Seq::compress(1, &ends),
        segment_count: ends.len() as u32,
    };
    Folded { table: t, fold, cells: cells.concat() }
}

impl Folded {
    /// Adds table and fold to a case; returns the fold's index.
    pub fn add(mut self, p: &mut Program, tables: &mut Vec<Vec<i64>>) -> u32 {
        self.fold.table = p.tables.len() as u32;
        p.tables.push(self.table);
        tables.push(self.cells);
        p.folds.push(self.fold);
        p.folds.len() as u32 - 1
    }
}

/// Rows of items in a random layout: chunks of a random number of lanes, gaps, absent lanes, empty rows.
pub fn scatter(items: Vec<Item>, r: &mut SmallRng) -> Vec<Vec<Option<Item>>> {
    let lanes = r.random_range(1..5);
    let mut rows = vec![];
    let mut it = items.into_iter().peekable();
    while it.peek().is_some() {
        let full = r.random_range(0..3) > 0;
        rows.push(
            (0..lanes).map(|_| if full || r.random_range(0..3) > 0 { it.next() } else { None }).collect(),
        );
        if r.random_range(0..6) == 0 {
            rows.push(vec![None; lanes]);
        }
    }
    rows
}

/// coefficient · monomial · operand.
pub fn summand(coefficient: i64, monomial: Vec<i64>, operand: Operand) -> EquationTerm {
    EquationTerm { coefficient, monomial, operand }
}

/// A public tensor whose elements carry these monomials, and its values.
pub fn public(p: &mut Program, name: &str, items: &[Item]) -> (Operand, Vec<i64>) {
    let vars = p.variables.len();
    let monomials: Vec<i64> = items.iter().flat_map(|(m, _)| std::iter::once(1).chain(m.clone())).collect();
    p.publics.push(Public {
        name: name.into(),
        shape: vec![1, items.len() as u32],
        min: -(1 << 40),
        max: 1 << 40,
        role: if p.publics.is_empty() { Role::Input } else { Role::Output },
    });
    let operand = Operand::Public {
        public: p.publics.len() as u32 - 1,
        monomials: Seq::compress(1 + vars, &monomials),
    };
    (operand, items.iter().map(|i| i.1).collect())
}

/// Adds a lookup table of a function and its relation; multiplicities are counted by [`count`].
pub fn lookup_table(
    p: &mut Program,
    tables: &mut Vec<Vec<i64>>,
    keys: std::ops::Range<i64>,
    f: impl Fn(i64) -> i64,
) -> u32 {
    let relation = p.relations.len() as u32;
    p.relations.push(format!("relation{relation}"));
    let n = (keys.end - keys.start) as usize;
    let mut t = table(&format!("table{relation}"), n, 0);
    let k: Vec<i64> = keys.collect();
    let v: Vec<i64> = k.iter().map(|x| f(*x)).collect();
    let fixed = |name: &str, v: &[i64], padding| FixedColumn {
        name: name.into(),
        values: Values::Seq(Seq::compress(1, v)),
        padding,
    };
    t.fixed = vec![fixed("key", &k, k[0]), fixed("value", &v, v[0])];
    t.witness = vec![column("multiplicity")];
    t.provides = vec![Provide { relation, tuple: vec![Expr::fixed(0), Expr::fixed(1)], multiplicity: 0 }];
    p.tables.push(t);
    tables.push(vec![0; n]);
    relation
}

/// The value of an expression on a row of a table.
pub fn value(e: &Expr, fixed: &[i64], witness: &[i64]) -> i64 {
    let cell = |c: &Cell| match c {
        Cell::Fixed(i) => fixed[*i as usize],
        Cell::Witness(i) => witness[*i as usize],
    };
    e.constant + e.terms.iter().map(|(k, f)| k * f.iter().map(cell).product::<i64>()).sum::<i64>()
}

/// Fills all multiplicity columns by counting lookups, those of padding rows included.
pub fn count(p: &Program, tables: &mut [Vec<i64>]) {
    let fixed: Vec<Vec<Vec<i64>>> =
        p.tables.iter().map(|t| t.fixed.iter().map(|c| p.fixed_values(t, c).unwrap()).collect()).collect();
    let mut seen = std::collections::HashMap::<(u32, Vec<i64>), i64>::new();
    for (ti, t) in p.tables.iter().enumerate() {
        let w = t.witness.len();
        for row in 0..1usize << t.log_height {
            let active = row < t.rows as usize;
            let f: Vec<i64> = t
                .fixed
                .iter()
                .zip(&fixed[ti])
                .map(|(c, v)| if active { v[row] } else { c.padding })
                .collect();
            let m: Vec<i64> = if active {
                tables[ti][row * w..(row + 1) * w].to_vec()
            } else {
                t.witness.iter().map(|c| c.padding).collect()
            };
            for l in &t.lookups {
                let key = l.tuple.iter().map(|e| value(e, &f, &m)).collect();
                *seen.entry((l.relation, key)).or_default() += 1;
            }
        }
    }
    for (ti, t) in p.tables.iter().enumerate() {
        for pr in &t.provides {
            for row in 0..t.rows as usize {
                let f: Vec<i64> = fixed[ti].iter().map(|c| c[row]).collect();
                let key = pr.tuple.iter().map(|e| value(e, &f, &[])).collect();
                tables[ti][row * t.witness.len() + pr.multiplicity as usize] =
                    seen.remove(&(pr.relation, key)).unwrap_or(0);
            }
        }
    }
    assert!(seen.is_empty(), "a lookup that no table provides");
}

/// (a) Two tables of lookups of different heights in two relations.
pub fn lookups(seed: u64) -> Case {
    let mut r = rng(seed);
    let mut p = program(&[]);
    let mut tables = vec![];
    let square = lookup_table(&mut p, &mut tables, -20..21, |x| x * x);
    let relu = lookup_table(&mut p, &mut tables, -64..64, |x| x.max(0));
    for k in 0..2 {
        let rows = r.random_range(1..70);
        let mut t = table(&format!("user{k}"), rows, (seed % 2) as u8);
        let pairs = r.random_range(1..4);
        let mut cells = vec![];
        for j in 0..pairs {
            t.witness.extend([column("x"), column("y")]);
            let relation = if (j + k) % 2 == 0 { square } else { relu };
            // 2·x − 3 is looked up, so padding rows look up −3
            let x = Expr::witness(2 * j as u32).scale(2).plus(&Expr::constant(-3));
            let y = Expr::witness(2 * j as u32 + 1);
            t.lookups.push(Lookup { relation, tuple: vec![x, y], source: "test".into() });
            t.witness[2 * j + 1].padding = if relation == square { 9 } else { 0 };
        }
        for _ in 0..rows {
            for j in 0..pairs {
                let x: i64 = r.random_range(-8..12);
                let key = 2 * x - 3;
                cells.extend([x, if (j + k) % 2 == 0 { key * key } else { key.max(0) }]);
            }
        }
        p.tables.push(t);
        tables.push(cells);
    }
    count(&p, &mut tables);
    Case {
        name: format!("lookups {seed}"),
        program: p,
        trace: Trace { tables, publics: Publics { tensors: vec![] } },
    }
}

/// (b) Row constraints of degree 2 and 3, with a fixed column.
pub fn constraints(seed: u64) -> Case {
    let mut r = rng(seed);
    let mut p = program(&[]);
    let mut tables = vec![];
    for k in 0..2 {
        let rows = r.random_range(20..100);
        let mut t = table(&format!("arith{k}"), rows, (seed % 2) as u8);
        let f: Vec<i64> = (0..rows).map(|_| r.random_range(-50..50)).collect();
        t.fixed.push(FixedColumn { name: "f".into(), values: Values::Seq(Seq::compress(1, &f)), padding: 5 });
        t.witness = ["a", "b", "c", "d"].map(column).to_vec();
        t.witness[0].padding = 2;
        t.witness[1].padding = 3;
        t.witness[2].padding = 2 * 3 + 5;
        t.witness[3].padding = 2 * 3 * 11 - 4;
        let [a, b, c, d] = [0, 1, 2, 3].map(Expr::witness);
        let second = a.times(&b).plus(&Expr::fixed(0)).plus(&c.clone().scale(-1));
        let third = a.times(&b).times(&c).plus(&Expr::constant(-4)).plus(&d.scale(-1));
        for (expr, source) in [(second, "c = ab + f"), (third, "d = abc - 4")] {
            t.constraints.push(Constraint { expr, source: source.into() });
        }
        let mut cells = vec![];
        for f in f {
            let (a, b): (i64, i64) = (r.random_range(-99..99), r.random_range(-99..99));
            let c = a * b + f;
            cells.extend([a, b, c, a * b * c - 4]);
        }
        p.tables.push(t);
        tables.push(cells);
    }
    let publics = Publics { tensors: vec![] };
    Case { name: format!("constraints {seed}"), program: p, trace: Trace { tables, publics } }
}

/// (c) One tensor in two tables of irregular layout and as public values: equal folds.
pub fn folds(seed: u64) -> Case {
    let mut r = rng(seed);
    let vars = 3;
    let mut p = program(&["x", "y", "l"]);
    let mut tables = vec![];
    let items: Vec<Item> = (0..r.random_range(30..90))
        .map(|i| (vec![i % 7, i / 7, r.random_range(0..3)], r.random_range(-1000..1000)))
        .collect();
    let mut shuffled = items.clone();
    for i in (1..shuffled.len()).rev() {
        shuffled.swap(i, r.random_range(0..i + 1));
    }
    let one = vec![0; vars];
    let layouts = [(items.clone(), 1), (shuffled, 1 + seed as usize % 3)];
    let mut equation = vec![];
    for (k, (items, parts)) in layouts.into_iter().enumerate() {
        let rows = scatter(items, &mut r);
        // several segments, summed with weights that shift each segment's monomials: the items carry the rest
        let size = rows.len().div_ceil(parts);
        let segments: Vec<Vec<Vec<Option<Item>>>> = rows.chunks(size).map(<[_]>::to_vec).collect();
        let count = segments.len();
        let fold = folded(&format!("fold{k}"), &segments, vars, false, &mut r).add(&mut p, &mut tables);
        let mut weights = vec![];
        for s in 0..count as i64 {
            // an overall factor x² y^s is divided out by folding the public values with it below only if all are equal
            let _ = s;
            weights.extend([1, 2, 0, 0]);
        }
        p.terms.push(Term::Sum { fold, weights: Seq::compress(1 + vars, &weights) });
        equation.push(Operand::Term(p.terms.len() as u32 - 1));
    }
    let (operand, values) = public(&mut p, "t", &items);
    let shifted = vec![2, 0, 0];
    p.equations.push(Equation {
        name: "table 0 = public".into(),
        terms: vec![summand(3, one.clone(), equation[0].clone()), summand(-3, shifted, operand)],
    });
    p.equations.push(Equation {
        name: "table 0 = table 1".into(),
        terms: vec![summand(1, one.clone(), equation[0].clone()), summand(-1, one, equation[1].clone())],
    });
    let publics = Publics { tensors: vec![values] };
    Case { name: format!("folds {seed}"), program: p, trace: Trace { tables, publics } }
}
