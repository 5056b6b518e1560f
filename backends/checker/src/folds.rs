//! Equations between folds, evaluated at random points.
//!
//! Method: Schwartz–Zippel over the Goldilocks field. A polynomial of total degree d that is not zero vanishes at a random
//! point with probability at most d/p; points are independent, so all [`POINTS`] of them fail to see it with (d/p)³. They
//! are derived by BLAKE3 from the Program's digest and every cell, so that the verdict is reproducible.
use crate::failure::{Failure, FailureKind, keep};
use crate::localise;
use crate::table::View;
use rayon::prelude::*;
use tessera_api::field::{MODULUS, add, inv, mul, pow, residue};
use tessera_api::{Equation, Fold, Operand, Program, Seq, Term, Trace, Variable};

/// Independent points.
pub(crate) const POINTS: usize = 3;

/// One field element per point.
type Values = [u64; POINTS];

const ONE: Values = [1; POINTS];

fn times(a: Values, b: Values) -> Values {
    std::array::from_fn(|i| mul(a[i], b[i]))
}

fn plus(a: &mut Values, b: Values) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a = add(*a, b));
}

/// Checks all equations.
pub(crate) fn check(program: &Program, trace: &Trace, views: &[View], failures: &mut Vec<Failure>) {
    let point = point(program, trace);
    let folds: Vec<Vec<Values>> =
        program.folds.par_iter().map(|f| fold(f, &views[f.table as usize], &point)).collect();
    let terms: Vec<Values> = program.terms.par_iter().map(|t| term(t, &folds, &point)).collect();
    let bad: Vec<&Equation> =
        program.equations.iter().filter(|e| equation(e, &terms, trace, &point) != [0; POINTS]).collect();
    let total = bad.len() as u64;
    let found = bad
        .into_iter()
        .take(crate::MOST_FAILURES)
        .map(|e| {
            localise::equation(program, trace, views, e, &point.iter().map(|p| p[0]).collect::<Vec<_>>())
        })
        .collect();
    keep(FailureKind::Equation, found, total, failures);
}

/// Values of the variables, none zero.
fn point(program: &Program, trace: &Trace) -> Vec<Values> {
    let mut h = blake3::Hasher::new_derive_key("tessera-checker fold points");
    h.update(&program.digest().0);
    for cells in trace.tables.iter().chain(&trace.publics.tensors) {
        h.update(&(cells.len() as u64).to_le_bytes());
        let mut bytes = Vec::with_capacity(8 * 4096);
        for part in cells.chunks(4096) {
            bytes.clear();
            part.iter().for_each(|c| bytes.extend(c.to_le_bytes()));
            h.update(&bytes);
        }
    }
    let mut out = h.finalize_xof();
    let mut draw = || loop {
        let mut b = [0; 8];
        out.fill(&mut b);
        let x = u64::from_le_bytes(b);
        if x != 0 && x < MODULUS {
            return x;
        }
    };
    let value = |v: &Variable| match v.value {
        Some(x) => [residue(x); POINTS],
        None => std::array::from_fn(|_| draw()),
    };
    program.variables.iter().map(value).collect()
}

fn monomial(exponents: &[i64], point: &[Values]) -> Values {
    exponents.iter().zip(point).fold(ONE, |m, (e, v)| match e {
        0 => m,
        e => times(m, v.map(|v| pow(if *e < 0 { inv(v) } else { v }, e.unsigned_abs()))),
    })
}

/// Calls `f(index, monomial)` for the present entries of a validated layout.
fn visit(layout: &Seq, point: &[Values], f: &mut impl FnMut(usize, Values)) {
    let mut index = 0;
    for r in &layout.runs {
        let loops: Vec<(u32, i64, Values)> =
            r.loops.iter().map(|(n, d)| (*n, d[0], monomial(&d[1..], point))).collect();
        nest(&loops, r.start[0], monomial(&r.start[1..], point), &mut index, f);
    }
}

fn nest(
    loops: &[(u32, i64, Values)],
    mut flag: i64,
    mut value: Values,
    index: &mut usize,
    f: &mut impl FnMut(usize, Values),
) {
    let Some(((count, step, factor), inner)) = loops.split_last() else {
        if flag != 0 {
            f(*index, value);
        }
        *index += 1;
        return;
    };
    for _ in 0..*count {
        nest(inner, flag, value, index, f);
        flag += step;
        value = times(value, *factor);
    }
}

/// Per segment, the fold's value.
fn fold(f: &Fold, view: &View, point: &[Values]) -> Vec<Values> {
    let ends = f.segments.expand(f.segment_count as usize).unwrap_or_default();
    let mut out = vec![[0; POINTS]; ends.len()];
    for lane in &f.lanes {
        let mut segment = 0;
        visit(&lane.monomials, point, &mut |row, m| {
            while ends.get(segment).is_some_and(|e| *e <= row as i64) {
                segment += 1;
            }
            // a validated lane never takes part after the last segment
            if let Some(o) = out.get_mut(segment) {
                let v = view.eval(row, &lane.expr);
                plus(o, m.map(|m| mul(m, v)));
            }
        });
    }
    out
}

fn term(t: &Term, folds: &[Vec<Values>], point: &[Values]) -> Values {
    let mut sum = [0; POINTS];
    match t {
        Term::Sum { fold, weights } => {
            visit(weights, point, &mut |i, w| plus(&mut sum, times(w, folds[*fold as usize][i])));
        }
        Term::Join { left, right, weights } => {
            let (l, r) = (&folds[*left as usize], &folds[*right as usize]);
            visit(weights, point, &mut |i, w| plus(&mut sum, times(w, times(l[i], r[i]))));
        }
    }
    sum
}

fn equation(e: &Equation, terms: &[Values], trace: &Trace, point: &[Values]) -> Values {
    let mut sum = [0; POINTS];
    for t in &e.terms {
        let value = match &t.operand {
            Operand::Term(i) => terms[*i as usize],
            Operand::Public { public, monomials } => {
                let (mut v, cells) = ([0; POINTS], &trace.publics.tensors[*public as usize]);
                visit(monomials, point, &mut |i, m| {
                    let x = residue(cells[i]);
                    plus(&mut v, m.map(|m| mul(m, x)));
                });
                v
            }
            Operand::Ones { monomials } => {
                let mut v = [0; POINTS];
                visit(monomials, point, &mut |_, m| plus(&mut v, m));
                v
            }
        };
        let factor = monomial(&t.monomial, point).map(|m| mul(m, residue(t.coefficient)));
        plus(&mut sum, times(value, factor));
    }
    sum
}
