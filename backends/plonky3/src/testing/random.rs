//! Random Programs for the adversarial tests: unions of parts, each of a family of its own.
//!
//! Parts are this crate's families, the checker's (filled by the runtime), and [`tangle`]: one table in which random
//! polynomials, lookups, folds with segments and joins share columns. A list of parts is small and prints well, so a failing
//! one can be made again and shrinks.
//!
//! Invariant: the honest trace of every union is accepted by the checker.
use super::join::{join, shape};
use super::*;
use proptest::prelude::*;
use tessera_checker::testing::Family;

/// Where a part comes from.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// Lookups alone.
    Lookups,
    /// Row constraints alone.
    Constraints,
    /// One tensor in several layouts.
    Folds,
    /// A matrix product or convolution.
    Join,
    /// Everything in one table.
    Tangle,
    /// A family of the checker's.
    Of(Family),
}

/// Up to three parts with their seeds.
pub fn parts() -> impl Strategy<Value = Vec<(Part, u64)>> {
    let part = prop_oneof![
        1 => Just(Part::Lookups),
        1 => Just(Part::Constraints),
        1 => Just(Part::Folds),
        3 => Just(Part::Join),
        4 => Just(Part::Tangle),
        2 => prop::sample::select(Family::ALL.to_vec()).prop_map(Part::Of),
    ];
    prop::collection::vec((part, 0..1u64 << 32), 1..4)
}

/// The Program and trace of a list of parts.
pub fn build(parts: &[(Part, u64)]) -> Case {
    let mut all = program(&[]);
    let mut trace = Trace { tables: vec![], publics: Publics { tensors: vec![] } };
    for (part, seed) in parts {
        let c = match part {
            Part::Lookups => lookups(*seed),
            Part::Constraints => constraints(*seed),
            Part::Folds => folds(*seed),
            Part::Join => join(*seed, shape(*seed)),
            Part::Tangle => tangle(*seed),
            Part::Of(f) => planned(*f, *seed),
        };
        append(&mut all, c.program);
        trace.tables.extend(c.trace.tables);
        trace.publics.tensors.extend(c.trace.publics.tensors);
    }
    Case { name: format!("{parts:?}"), program: all, trace }
}

/// A case of the checker's, filled by the runtime. FRI needs a table of some height.
pub fn planned(family: Family, seed: u64) -> Case {
    let mut c = tessera_checker::testing::case(family, seed);
    if c.program.tables.iter().all(|t| t.log_height < 3) {
        c.program.tables[0].log_height = 3;
    }
    let trace = tessera_runtime::run(&c.program, &c.plan, c.inputs).expect("the plan of a generated case");
    Case { name: format!("{family:?} {seed}"), program: c.program, trace }
}

/// Monomials with zeros for variables that only others have.
fn widen(s: &mut Seq, dim: usize) {
    s.dim = dim as u32;
    for r in &mut s.runs {
        r.start.resize(dim, 0);
        r.loops.iter_mut().for_each(|l| l.1.resize(dim, 0));
    }
}

/// Every monomial of a Program over `vars` variables.
fn widen_all(p: &mut Program, vars: usize) {
    let lanes = p.folds.iter_mut().flat_map(|f| &mut f.lanes).map(|l| &mut l.monomials);
    let weights = p.terms.iter_mut().map(|t| match t {
        Term::Sum { weights, .. } | Term::Join { weights, .. } => weights,
    });
    lanes.chain(weights).for_each(|s| widen(s, 1 + vars));
    for t in p.equations.iter_mut().flat_map(|e| &mut e.terms) {
        t.monomial.resize(vars, 0);
        if let Operand::Public { monomials, .. } = &mut t.operand {
            widen(monomials, 1 + vars);
        }
    }
    while p.variables.len() < vars {
        p.variables.push(format!("v{}", p.variables.len()).as_str().into());
    }
}

/// Puts a Program's relation beside another's; variables, all of them indeterminates, are shared by position.
fn append(all: &mut Program, mut p: Program) {
    let vars = all.variables.len().max(p.variables.len());
    widen_all(all, vars);
    widen_all(&mut p, vars);
    let [tables, folds, terms, publics, relations, constants, matrices] = [
        all.tables.len(),
        all.folds.len(),
        all.terms.len(),
        all.publics.len(),
        all.relations.len(),
        all.constants.len(),
        all.matrices.len(),
    ]
    .map(|n| n as u32);
    for t in &mut p.tables {
        t.lookups.iter_mut().for_each(|l| l.relation += relations);
        t.provides.iter_mut().for_each(|l| l.relation += relations);
        for c in &mut t.fixed {
            match &mut c.values {
                Values::Seq(_) => {}
                Values::Gather { constant, .. } => *constant += constants,
                Values::Matrix { matrix, .. } => *matrix += matrices,
            }
        }
    }
    p.matrices.iter_mut().flat_map(|m| &mut m.blocks).for_each(|b| b.constant += constants);
    p.folds.iter_mut().for_each(|f| f.table += tables);
    for t in &mut p.terms {
        match t {
            Term::Sum { fold, .. } => *fold += folds,
            Term::Join { left, right, .. } => {
                *left += folds;
                *right += folds;
            }
        }
    }
    for t in p.equations.iter_mut().flat_map(|e| &mut e.terms) {
        match &mut t.operand {
            Operand::Term(i) => *i += terms,
            Operand::Public { public, .. } => *public += publics,
            Operand::Ones { .. } => {}
        }
    }
    all.constants.extend(p.constants);
    all.matrices.extend(p.matrices);
    all.tables.extend(p.tables);
    all.relations.extend(p.relations);
    all.publics.extend(p.publics);
    all.folds.extend(p.folds);
    all.terms.extend(p.terms);
    all.equations.extend(p.equations);
}

/// A random product of one to three cells, with a small coefficient.
fn monomial(cells: &[Cell], r: &mut SmallRng) -> Expr {
    let n = r.random_range(1..4);
    let mut f: Vec<Cell> = (0..n).map(|_| cells[r.random_range(0..cells.len())]).collect();
    f.sort();
    Expr { constant: 0, terms: vec![([1, -1, 2, 3][r.random_range(0..4)], f)] }
}

/// One table whose columns are looked up, enter polynomials of degree up to 3, and are folded in segments and joined.
pub fn tangle(seed: u64) -> Case {
    let mut r = rng(seed ^ 0x7a9);
    let mut p = program(&["x", "y"]);
    let mut tables = vec![];
    let relation = lookup_table(&mut p, &mut tables, -8..8, |k| k * k - 3);
    let rows = r.random_range(8..40);
    let extra = r.random_range(0..2);
    let mut t = table("tangle", rows, extra);
    let values: Vec<i64> = (0..rows).map(|_| r.random_range(-5..5)).collect();
    let padding = r.random_range(-5..5);
    let fixed_column =
        FixedColumn { name: "f".into(), values: Values::Seq(Seq::compress(1, &values)), padding };
    t.fixed.push(fixed_column);
    // inputs, then what is computed of them
    let inputs = r.random_range(1..4usize);
    let mut cells: Vec<Cell> = (0..inputs).map(|i| Cell::Witness(i as u32)).collect();
    cells.push(Cell::Fixed(0));
    let mut computed = vec![];
    for _ in 0..r.random_range(1..4) {
        let mut e = Expr::constant(r.random_range(-3..4));
        for _ in 0..r.random_range(1..4) {
            e = e.plus(&monomial(&cells, &mut r));
        }
        computed.push(e);
    }
    let looked_up = r.random_range(0..inputs);
    let squares = inputs + computed.len();
    t.witness = (0..squares + 1).map(|i| column(&format!("c{i}"))).collect();
    for (i, e) in computed.iter().enumerate() {
        let expr = Expr::witness((inputs + i) as u32).scale(-1).plus(e);
        t.constraints.push(Constraint { expr, source: format!("c{}", inputs + i) });
    }
    let tuple = vec![Expr::witness(looked_up as u32), Expr::witness(squares as u32)];
    t.lookups.push(Lookup { relation, tuple, source: "square".into() });
    let row = |fixed: i64, r: &mut SmallRng| -> Vec<i64> {
        let mut w: Vec<i64> = (0..inputs).map(|_| r.random_range(-8..8)).collect();
        let c: Vec<i64> = computed.iter().map(|e| value(e, &[fixed], &w)).collect();
        let k = w[looked_up];
        w.extend(c);
        w.push(k * k - 3);
        w
    };
    let witness: Vec<Vec<i64>> = values.iter().map(|f| row(*f, &mut r)).collect();
    for (c, v) in t.witness.iter_mut().zip(row(padding, &mut r)) {
        c.padding = v;
    }
    let index = p.tables.len() as u32;
    p.tables.push(t);
    tables.push(witness.concat());
    let mut tensors = vec![];
    folds_of(&mut p, &mut tensors, index, (&values, &witness), &mut r);
    count(&p, &mut tables);
    let trace = Trace { tables, publics: Publics { tensors } };
    Case { name: format!("tangle {seed}"), program: p, trace }
}

/// Two folds of random lanes in the same segments, exposed alone and as a product, each equal to a public tensor.
fn folds_of(
    p: &mut Program,
    tensors: &mut Vec<Vec<i64>>,
    table: u32,
    (fixed, witness): (&[i64], &[Vec<i64>]),
    r: &mut SmallRng,
) {
    let (rows, width, vars) = (witness.len(), witness[0].len(), p.variables.len());
    let mut ends: Vec<i64> = (0..r.random_range(1..4)).map(|_| r.random_range(1..rows as i64 + 1)).collect();
    ends.sort();
    ends.dedup();
    let last = ends[ends.len() - 1] as usize;
    let segment = |row: usize| ends.iter().position(|e| (row as i64) < *e);
    // per fold and segment: what is folded
    let mut items = vec![];
    for name in ["left", "right"] {
        let mut of = vec![vec![]; ends.len()];
        let mut lanes = vec![];
        for _ in 0..r.random_range(1..3) {
            let mut expr = Expr::constant(r.random_range(-2..3));
            for _ in 0..r.random_range(1..3) {
                let cell = Expr::witness(r.random_range(0..width as u32));
                expr = expr.plus(&cell.scale([1, -1, 5][r.random_range(0..3)]));
            }
            let mut monomials = vec![];
            for row in 0..rows {
                let present = row < last && r.random_range(0..5) > 0;
                let m = vec![row as i64 % 5 + r.random_range(0..2), row as i64 / 5];
                monomials.push(i64::from(present));
                monomials.extend(&m);
                if let (true, Some(s)) = (present, segment(row)) {
                    of[s].push((m, value(&expr, &fixed[row..row + 1], &witness[row])));
                }
            }
            lanes.push(Lane { expr, monomials: Seq::compress(1 + vars, &monomials) });
        }
        let segments = Seq::compress(1, &ends);
        p.folds.push(Fold { name: name.into(), table, lanes, segments, segment_count: ends.len() as u32 });
        items.push(of);
    }
    let right = p.folds.len() as u32 - 1;
    let left = right - 1;
    let plus = |a: &[i64], b: &[i64]| a.iter().zip(b).map(|(x, y)| x + y).collect::<Vec<i64>>();
    for kind in 0..3 {
        // some segments count, with a weight each
        let weights: Vec<Vec<i64>> =
            ends.iter().map(|_| vec![i64::from(r.random_range(0..4) > 0), r.random_range(0..3), 1]).collect();
        let all = Seq::compress(1 + vars, &weights.concat());
        let (l, g) = (&items[0], &items[1]);
        let mut out: Vec<Item> = vec![];
        for (s, w) in weights.iter().enumerate().filter(|(_, w)| w[0] == 1) {
            match kind {
                0 => out.extend(l[s].iter().map(|(m, v)| (plus(m, &w[1..]), *v))),
                1 => out.extend(g[s].iter().map(|(m, v)| (plus(m, &w[1..]), *v))),
                _ => {
                    for (m, v) in &l[s] {
                        out.extend(g[s].iter().map(|(n, x)| (plus(&plus(m, n), &w[1..]), v * x)));
                    }
                }
            }
        }
        p.terms.push(match kind {
            0 => Term::Sum { fold: left, weights: all },
            1 => Term::Sum { fold: right, weights: all },
            _ => Term::Join { left, right, weights: all },
        });
        let term = Operand::Term(p.terms.len() as u32 - 1);
        // products of small polynomials have few monomials: like terms are joined
        let mut joined = std::collections::BTreeMap::<Vec<i64>, i64>::new();
        out.into_iter().for_each(|(m, v)| *joined.entry(m).or_default() += v);
        joined.entry(vec![0; vars]).or_default();
        let (operand, values) = public(p, &format!("sum{kind}"), &joined.into_iter().collect::<Vec<_>>());
        tensors.push(values);
        let shift = vec![r.random_range(0..2); vars];
        let k = [1, -1, 7][r.random_range(0..3)];
        let terms = vec![summand(k, shift.clone(), term), summand(-k, shift, operand)];
        p.equations.push(Equation { name: format!("tangle {kind}"), terms });
    }
}

/// The same relation with padding rows made active ones, so that the checker can judge what a forger writes there.
pub fn expanded(c: &Case) -> Case {
    let mut e = c.clone();
    let vars = c.program.variables.len();
    let height = |t: &Table| 1usize << t.log_height;
    for (i, t) in c.program.tables.iter().enumerate() {
        let x = &mut e.program.tables[i];
        x.rows = height(t) as u32;
        for f in &mut x.fixed {
            let mut v = c.program.fixed_values(t, f).expect("a valid column");
            v.resize(height(t), f.padding);
            f.values = Values::Seq(Seq::compress(1, &v));
        }
        let padding = t.witness.iter().map(|w| w.padding).cycle();
        let more = (height(t) - t.rows as usize) * t.witness.len();
        e.trace.tables[i].extend(padding.take(more));
    }
    for f in &mut e.program.folds {
        let t = &c.program.tables[f.table as usize];
        for l in &mut f.lanes {
            let mut v = l.monomials.expand(t.rows as usize).expect("a valid layout");
            v.resize(height(t) * (1 + vars), 0);
            l.monomials = Seq::compress(1 + vars, &v);
        }
    }
    e
}
