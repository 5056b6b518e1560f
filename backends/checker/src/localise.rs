//! Why an equation does not hold: expands it as a formal polynomial and finds monomials whose coefficient is not zero.
//!
//! Method: one variable after the other. With the other variables at a random point an equation is a polynomial in one
//! variable, small enough to write down; an exponent whose coefficient is not zero is kept and the next variable is looked
//! at, until a whole monomial is known. Products of a join are only formed where the exponents kept so far agree.
//!
//! Invariant: a reported monomial's coefficient is exact; work is bounded by [`MOST_CELLS`] and [`MOST_PRODUCTS`].
use crate::failure::{Contribution, Failure, Mismatch, Origin};
use crate::table::{View, signed};
use std::collections::{BTreeMap, HashMap};
use tessera_api::field::{add, mul, pow, residue};
use tessera_api::{Cell, Equation, Expr, Operand, Program, Seq, Table, Term, Trace};

/// Folded cells of an equation that are expanded.
const MOST_CELLS: u64 = 1 << 25;
/// Products of joins formed in one pass.
const MOST_PRODUCTS: u64 = 1 << 27;
/// Monomials reported.
const MOST_MONOMIALS: usize = 3;
/// Cells that enter a reported monomial alone.
const MOST_SINGLES: usize = 4;
/// Products that enter a reported monomial.
const MOST_PRODUCTS_LISTED: usize = 3;

/// A summand of the equation, expanded.
struct Part<'a> {
    coefficient: i64,
    monomial: &'a [i64],
    operand: Expanded,
}

enum Expanded {
    Sum {
        weights: Weights,
        fold: Cells,
    },
    Join {
        weights: Weights,
        left: Cells,
        right: Cells,
    },
    /// Of a public tensor, or ones.
    Public {
        public: Option<usize>,
        cells: Cells,
    },
}

/// Per segment, whether it takes part and the weight's exponents.
struct Weights {
    present: Vec<bool>,
    exponents: Vec<i64>,
}

/// What takes part of a fold or a public tensor, in order of segments.
#[derive(Default)]
struct Cells {
    fold: usize,
    /// For each segment the end of its cells.
    ends: Vec<usize>,
    /// (row or element, lane).
    place: Vec<(u32, u32)>,
    exponents: Vec<i64>,
    values: Vec<u64>,
}

struct Search<'a> {
    program: &'a Program,
    views: &'a [View<'a>],
    parts: Vec<Part<'a>>,
    vars: usize,
    point: &'a [u64],
}

/// Too much to expand.
struct TooLarge;

/// The failure of an equation that is not zero at `point`.
pub(crate) fn equation(
    program: &Program,
    trace: &Trace,
    views: &[View],
    equation: &Equation,
    point: &[u64],
) -> Failure {
    let vars = program.variables.len();
    let mut search = Search { program, views, parts: vec![], vars, point };
    let result = search.expand(trace, equation).and_then(|()| {
        let mut monomials = vec![];
        search.descend(&mut vec![], &mut monomials)?;
        Ok(monomials.iter().map(|m| search.mismatch(m)).collect::<Vec<_>>())
    });
    let name = equation.name.clone();
    match result {
        Ok(mismatches) if !mismatches.is_empty() => Failure::Equation { name, mismatches, note: None },
        Ok(_) => Failure::Equation {
            name,
            mismatches: vec![],
            note: Some("no single monomial could be told apart at the random point".into()),
        },
        Err(TooLarge) => Failure::Equation {
            name,
            mismatches: vec![],
            note: Some("it is too large to be expanded, so the cells at fault are not named".into()),
        },
    }
}

impl<'a> Search<'a> {
    fn expand(&mut self, trace: &Trace, e: &'a Equation) -> Result<(), TooLarge> {
        let mut left = MOST_CELLS;
        for t in &e.terms {
            let operand = match &t.operand {
                Operand::Public { public, monomials } => {
                    let cells =
                        self.public(&trace.publics.tensors[*public as usize], monomials, &mut left)?;
                    Expanded::Public { public: Some(*public as usize), cells }
                }
                Operand::Ones { monomials } => {
                    let count = monomials.len().ok().filter(|n| *n <= left).ok_or(TooLarge)?;
                    let cells = self.public(&vec![1; count as usize], monomials, &mut left)?;
                    Expanded::Public { public: None, cells }
                }
                Operand::Term(i) => match &self.program.terms[*i as usize] {
                    Term::Sum { fold, weights } => {
                        let fold = self.fold(*fold as usize, &mut left)?;
                        Expanded::Sum { weights: self.weights(weights, fold.ends.len())?, fold }
                    }
                    Term::Join { left: l, right: r, weights } => {
                        let (l, r) = (self.fold(*l as usize, &mut left)?, self.fold(*r as usize, &mut left)?);
                        Expanded::Join { weights: self.weights(weights, l.ends.len())?, left: l, right: r }
                    }
                },
            };
            self.parts.push(Part { coefficient: t.coefficient, monomial: &t.monomial, operand });
        }
        Ok(())
    }

    /// Flags and exponents of a layout of `n` entries.
    fn layout(&self, s: &Seq, n: usize) -> Result<Vec<i64>, TooLarge> {
        if n as u64 * (1 + self.vars as u64) > 8 * MOST_CELLS {
            return Err(TooLarge);
        }
        s.expand(n).map_err(|_| TooLarge)
    }

    fn weights(&self, s: &Seq, n: usize) -> Result<Weights, TooLarge> {
        let all = self.layout(s, n)?;
        let entries = all.chunks(1 + self.vars);
        Ok(Weights {
            present: entries.clone().map(|e| e[0] != 0).collect(),
            exponents: entries.flat_map(|e| e[1..].iter().copied()).collect(),
        })
    }

    fn public(&self, values: &[i64], monomials: &Seq, left: &mut u64) -> Result<Cells, TooLarge> {
        *left = left.checked_sub(values.len() as u64).ok_or(TooLarge)?;
        let mut out = Cells::default();
        for (i, (e, v)) in self.layout(monomials, values.len())?.chunks(1 + self.vars).zip(values).enumerate()
        {
            if e[0] != 0 {
                out.place.push((i as u32, 0));
                out.values.push(mul(residue(*v), self.valued(&e[1..], &mut out.exponents)));
            }
        }
        out.ends = vec![out.place.len()];
        Ok(out)
    }

    fn fold(&self, index: usize, left: &mut u64) -> Result<Cells, TooLarge> {
        let f = &self.program.folds[index];
        let view = &self.views[f.table as usize];
        let cells = view.rows() as u64 * f.lanes.len() as u64;
        *left = left.checked_sub(cells).ok_or(TooLarge)?;
        let lanes: Vec<Vec<i64>> =
            f.lanes.iter().map(|l| self.layout(&l.monomials, view.rows())).collect::<Result<_, _>>()?;
        let ends = f.segments.expand(f.segment_count as usize).map_err(|_| TooLarge)?;
        let mut out = Cells { fold: index, ..Cells::default() };
        let (mut row, width) = (0, 1 + self.vars);
        for end in ends {
            while (row as i64) < end {
                for (i, (lane, layout)) in f.lanes.iter().zip(&lanes).enumerate() {
                    let e = &layout[row * width..(row + 1) * width];
                    if e[0] != 0 {
                        out.place.push((row as u32, i as u32));
                        let scale = self.valued(&e[1..], &mut out.exponents);
                        out.values.push(mul(view.eval(row, &lane.expr), scale));
                    }
                }
                row += 1;
            }
            out.ends.push(out.place.len());
        }
        Ok(out)
    }

    /// Adds exponents to a list, those of variables with a value as 0; returns the product of their powers.
    fn valued(&self, exponents: &[i64], list: &mut Vec<i64>) -> u64 {
        let mut scale = 1;
        for (v, e) in self.program.variables.iter().zip(exponents) {
            list.push(match v.value {
                Some(x) => {
                    scale = mul(scale, pow(residue(x), e.unsigned_abs()));
                    0
                }
                None => *e,
            });
        }
        scale
    }

    /// Monomials whose leading exponents are `kept` and whose coefficient is not zero.
    fn descend(&self, kept: &mut Vec<i64>, found: &mut Vec<Vec<i64>>) -> Result<(), TooLarge> {
        let next = self.project(kept)?;
        if kept.len() == self.vars {
            if next.values().any(|v| *v != 0) {
                found.push(kept.clone());
            }
            return Ok(());
        }
        for (e, _) in next.into_iter().filter(|(_, v)| *v != 0) {
            if found.len() >= MOST_MONOMIALS {
                break;
            }
            kept.push(e);
            self.descend(kept, found)?;
            kept.pop();
        }
        Ok(())
    }

    /// The polynomial in variable `kept.len()` that multiplies the monomial `kept`, the later variables at the point.
    /// With all variables kept, a polynomial in nothing: one coefficient at exponent 0.
    fn project(&self, kept: &[i64]) -> Result<BTreeMap<i64, u64>, TooLarge> {
        let k = kept.len();
        let mut out: BTreeMap<i64, u64> = BTreeMap::new();
        let mut products = MOST_PRODUCTS;
        let free = |e: &[i64]| e.get(k).copied().unwrap_or(0);
        let rest = |e: &[i64]| {
            e.iter().zip(self.point).skip(k + 1).fold(1, |m, (e, v)| mul(m, pow(*v, e.unsigned_abs())))
        };
        for p in &self.parts {
            let c = mul(residue(p.coefficient), rest(p.monomial));
            let mut put = |e: i64, v: u64| {
                let slot = out.entry(e + free(p.monomial)).or_insert(0);
                *slot = add(*slot, mul(c, v));
            };
            match &p.operand {
                Expanded::Public { cells, .. } => {
                    for (i, v) in cells.values.iter().enumerate() {
                        let e = cells.exponents(i, self.vars);
                        if (0..k).all(|j| e[j] + p.monomial[j] == kept[j]) {
                            put(free(e), mul(*v, rest(e)));
                        }
                    }
                }
                Expanded::Sum { weights, fold } => {
                    for (s, range) in fold.segments().enumerate().filter(|(s, _)| weights.present[*s]) {
                        let w = weights.exponents(s, self.vars);
                        for i in range {
                            let e = fold.exponents(i, self.vars);
                            if (0..k).all(|j| e[j] + w[j] + p.monomial[j] == kept[j]) {
                                put(free(e) + free(w), mul(fold.values[i], mul(rest(e), rest(w))));
                            }
                        }
                    }
                }
                Expanded::Join { weights, left, right } => {
                    for (s, (l, r)) in left.segments().zip(right.segments()).enumerate() {
                        if !weights.present[s] {
                            continue;
                        }
                        let w = weights.exponents(s, self.vars);
                        let (rest_w, l, r) =
                            (rest(w), self.group(left, l, k, &rest), self.group(right, r, k, &rest));
                        for (key, lefts) in &l {
                            let other: Vec<i64> =
                                (0..k).map(|j| kept[j] - p.monomial[j] - w[j] - key[j]).collect();
                            let Some(rights) = r.get(&other) else { continue };
                            products = products
                                .checked_sub(lefts.len() as u64 * rights.len() as u64)
                                .ok_or(TooLarge)?;
                            for (e, a) in lefts {
                                for (f, b) in rights {
                                    put(e + f + free(w), mul(rest_w, mul(*a, *b)));
                                }
                            }
                        }
                    }
                }
            }
        }
        Ok(out)
    }

    /// A segment's cells by their first `k` exponents: polynomials in the next variable.
    fn group(
        &self,
        cells: &Cells,
        range: std::ops::Range<usize>,
        k: usize,
        rest: &impl Fn(&[i64]) -> u64,
    ) -> HashMap<Vec<i64>, BTreeMap<i64, u64>> {
        let mut out: HashMap<Vec<i64>, BTreeMap<i64, u64>> = HashMap::new();
        for i in range {
            let e = cells.exponents(i, self.vars);
            let slot =
                out.entry(e[..k].to_vec()).or_default().entry(e.get(k).copied().unwrap_or(0)).or_insert(0);
            *slot = add(*slot, mul(cells.values[i], rest(e)));
        }
        out
    }

    /// The coefficient of a monomial and what adds up to it.
    fn mismatch(&self, monomial: &[i64]) -> Mismatch {
        let mut sum = Summands::default();
        for p in &self.parts {
            let target: Vec<i64> = monomial.iter().zip(p.monomial).map(|(a, b)| a - b).collect();
            match &p.operand {
                Expanded::Public { public, cells } => {
                    for i in (0..cells.values.len()).filter(|i| *cells.exponents(*i, self.vars) == target[..])
                    {
                        sum.single(p.coefficient, cells.values[i], || match public {
                            Some(public) => Origin::Public {
                                name: self.program.publics[*public].name.clone(),
                                element: cells.place[i].0 as usize,
                                value: signed(cells.values[i]),
                            },
                            None => Origin::One,
                        });
                    }
                }
                Expanded::Sum { weights, fold } => {
                    for (s, range) in fold.segments().enumerate().filter(|(s, _)| weights.present[*s]) {
                        let w = weights.exponents(s, self.vars);
                        for i in range {
                            let e = fold.exponents(i, self.vars);
                            if target.iter().enumerate().all(|(j, t)| e[j] + w[j] == *t) {
                                sum.single(p.coefficient, fold.values[i], || self.origin(fold, i));
                            }
                        }
                    }
                }
                Expanded::Join { weights, left, right } => {
                    for (s, (l, r)) in left.segments().zip(right.segments()).enumerate() {
                        if !weights.present[s] {
                            continue;
                        }
                        let w = weights.exponents(s, self.vars);
                        let mut by: HashMap<&[i64], Vec<usize>> = HashMap::new();
                        r.for_each(|i| by.entry(right.exponents(i, self.vars)).or_default().push(i));
                        for i in l {
                            let e = left.exponents(i, self.vars);
                            let other: Vec<i64> = (0..self.vars).map(|j| target[j] - w[j] - e[j]).collect();
                            for k in by.get(&other[..]).into_iter().flatten() {
                                let value = mul(left.values[i], right.values[*k]);
                                sum.product(p.coefficient, value, || {
                                    vec![self.origin(left, i), self.origin(right, *k)]
                                });
                            }
                        }
                    }
                }
            }
        }
        let Summands { total, mut singles, products, more, rest } = sum;
        singles.extend(products);
        Mismatch {
            monomial: self.show(monomial),
            coefficient: signed(total),
            contributions: singles,
            more,
            rest: signed(rest),
        }
    }

    fn show(&self, monomial: &[i64]) -> String {
        let factors: Vec<String> = monomial
            .iter()
            .zip(&self.program.variables)
            .filter(|(e, _)| **e != 0)
            .map(|(e, v)| if *e == 1 { v.name.clone() } else { format!("{}^{e}", v.name) })
            .collect();
        if factors.is_empty() { "1".into() } else { factors.join("·") }
    }

    fn origin(&self, cells: &Cells, i: usize) -> Origin {
        let f = &self.program.folds[cells.fold];
        let view = &self.views[f.table as usize];
        let (row, lane) = cells.place[i];
        let expr = &f.lanes[lane as usize].expr;
        Origin::Cell {
            fold: f.name.clone(),
            table: view.table.name.clone(),
            row: row as usize,
            lane: lane as usize,
            columns: expr.cells().map(|c| view.name(c).to_string()).collect(),
            source: source(view.table, expr),
            value: signed(cells.values[i]),
        }
    }
}

/// What adds up to a coefficient: cells that stand alone are told before products, products that are zero not at all.
#[derive(Default)]
struct Summands {
    total: u64,
    singles: Vec<Contribution>,
    products: Vec<Contribution>,
    more: u64,
    rest: u64,
}

impl Summands {
    fn single(&mut self, coefficient: i64, value: u64, of: impl FnOnce() -> Origin) {
        let value = self.add(coefficient, value);
        if self.singles.len() < MOST_SINGLES {
            self.singles.push(Contribution { coefficient, of: vec![of()] });
        } else {
            self.unlisted(value);
        }
    }

    fn product(&mut self, coefficient: i64, value: u64, of: impl FnOnce() -> Vec<Origin>) {
        let value = self.add(coefficient, value);
        if value == 0 {
        } else if self.products.len() < MOST_PRODUCTS_LISTED {
            self.products.push(Contribution { coefficient, of: of() });
        } else {
            self.unlisted(value);
        }
    }

    fn add(&mut self, coefficient: i64, value: u64) -> u64 {
        let value = mul(residue(coefficient), value);
        self.total = add(self.total, value);
        value
    }

    fn unlisted(&mut self, value: u64) {
        self.more += 1;
        self.rest = add(self.rest, value);
    }
}

impl Weights {
    fn exponents(&self, segment: usize, vars: usize) -> &[i64] {
        &self.exponents[segment * vars..(segment + 1) * vars]
    }
}

impl Cells {
    fn exponents(&self, i: usize, vars: usize) -> &[i64] {
        &self.exponents[i * vars..(i + 1) * vars]
    }

    fn segments(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        (0..self.ends.len()).map(|s| if s == 0 { 0 } else { self.ends[s - 1] }..self.ends[s])
    }
}

/// An operation of the model that constrains or looks up a witness cell of the expression.
fn source(t: &Table, e: &Expr) -> Option<String> {
    let mine: Vec<Cell> = e.cells().filter(|c| matches!(c, Cell::Witness(_))).collect();
    let uses = |e: &Expr| e.cells().any(|c| mine.contains(&c));
    let constraint = t.constraints.iter().find(|c| uses(&c.expr)).map(|c| &c.source);
    let lookup = || t.lookups.iter().find(|l| l.tuple.iter().any(uses)).map(|l| &l.source);
    constraint.or_else(lookup).cloned()
}
