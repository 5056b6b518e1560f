//! Builders for weighted sums and the constraints of one table: folds, sums, lookups.
use super::basis::{Combination, Selector};
use super::rows::{Block, Ratio, Walk};
use super::symbol::{Monomials, Poly, Terms, balanced};
use super::{Dot, Fraction, Node, Part, Product};
use crate::arithmetic::{F, PrimeCharacteristicRing, signed};
use std::collections::BTreeMap;
use tessera_api::{Cell, Constraint, Expr, Table};

/// How the Program's fixed columns of a table are committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FixedKind {
    /// In the key, with the selectors.
    #[default]
    Fixed,
    /// In the key, and read through sums alone.
    Summed,
    /// By the model's owner.
    Model,
}

/// Where the columns of a table lie in its group's rows.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Index of the group.
    pub group: usize,
    /// Physical row of active row 0.
    pub pad: u32,
    /// First of the Program's fixed columns among the group's columns of their kind.
    pub fixed: u32,
    /// Where the group's columns of that kind start in a row; summed ones are no cells of a row.
    pub fixed_base: u32,
    /// First of the table's committed selectors.
    pub dense: u32,
    /// Column of each sparse selector.
    pub sparse: Vec<u32>,
    /// First witness column, counted from the group's first witness column.
    pub witness: u32,
    /// What the Program's fixed columns are to the group.
    pub kind: FixedKind,
    /// Where the group's witness columns start in a row.
    pub witness_base: u32,
    /// The group's column that is 1 on physical row 0.
    pub first: u32,
}

impl Place {
    /// The row's column of a cell.
    pub fn cell(&self, c: Cell) -> u32 {
        match c {
            Cell::Fixed(i) => self.fixed_base + self.fixed + i,
            Cell::Witness(i) => self.witness_base + self.witness + i,
        }
    }
    fn selector(&self, s: Selector) -> u32 {
        match s {
            Selector::Dense(i) => self.dense + i,
            Selector::Sparse(i) => self.sparse[i as usize],
        }
    }
}

/// A weighted sum under construction.
#[derive(Clone, Default)]
pub struct Sum {
    constant: Terms,
    cells: BTreeMap<u32, Terms>,
}

impl Sum {
    /// Adds scale · monomial · expr.
    pub fn expr(&mut self, place: &Place, scale: F, monomial: u32, e: &Expr) {
        self.constant.add(scale * signed(e.constant), monomial);
        for (c, factors) in &e.terms {
            // degree 1 by validation
            if let Some(cell) = factors.first() {
                self.cells.entry(place.cell(*cell)).or_default().add(scale * signed(*c), monomial);
            }
        }
    }
    /// Adds monomial · indicator.
    pub fn indicator(&mut self, place: &Place, monomial: u32, c: &Combination) {
        self.constant.add(c.constant, monomial);
        for (s, k) in &c.terms {
            self.cells.entry(place.selector(*s)).or_default().add(*k, monomial);
        }
    }
    /// The finished sum.
    pub fn dot(self) -> Dot {
        let cells = self.cells.into_iter().map(|(c, p)| (c, p.poly()));
        Dot { constant: self.constant.poly(), cells: cells.filter(|(_, p)| !p.0.is_empty()).collect() }
    }
}

/// Ratio and lanes of a fold. The lanes of a row are Σ over patterns of indicator · Σ over lanes of relative monomial ·
/// expression; written block by block, every lane stands once.
pub fn horner(
    place: &Place,
    column: u32,
    walk: &Walk,
    lanes: &[Expr],
    answers: (&[Combination], &[Combination]),
    monomials: &mut Monomials,
) -> Node {
    let (ratio_answers, pattern_answers) = answers;
    let mut monomial = |e: &[i64]| monomials.id(&[e, &[0; 3]].concat());
    let mut ratio = Sum::default();
    for (r, c) in walk.ratios.iter().zip(ratio_answers) {
        if let Ratio::Monomial(e) = r {
            ratio.indicator(place, monomial(e), c);
        }
    }
    let part = |block: Block| {
        let (mut gate, mut sum) = (Sum::default(), Sum::default());
        for (m, c) in block.gates.iter().zip(pattern_answers) {
            if let Some(m) = m {
                gate.indicator(place, monomial(m), c);
            }
        }
        for (lane, m) in &block.lanes {
            sum.expr(place, F::ONE, monomial(m), &lanes[*lane]);
        }
        Part { gate: gate.dot(), dot: sum.dot(), sum: None }
    };
    let empty = |d: &Dot| d.cells.is_empty() && d.constant.0.is_empty();
    let parts = walk.blocks().into_iter().map(part).filter(|p| !empty(&p.gate) && !empty(&p.dot)).collect();
    Node::Horner { column, ratio: ratio.dot(), parts }
}

/// A Program constraint.
pub fn base(place: &Place, c: &Constraint) -> Node {
    let products = c.expr.terms.iter().map(|(k, f)| Product {
        coefficient: balanced(signed(*k)),
        factors: f.iter().map(|x| place.cell(*x)).collect(),
    });
    Node::Base { constant: balanced(signed(c.expr.constant)), products: products.collect() }
}

/// The monomial of powers of LogUp's challenges.
fn power(variables: usize, alpha: i64, beta: i64, monomials: &mut Monomials) -> u32 {
    let mut e = vec![0; variables + 3];
    e[variables] = alpha;
    e[variables + 1] = beta;
    monomials.id(&e)
}

/// What stands in every denominator of a relation: α + β^W·(relation + 1).
fn tag(relation: u32, width: usize, variables: usize, monomials: &mut Monomials) -> Poly {
    let mut constant = Poly::default();
    constant.add(F::ONE, power(variables, 1, 0, monomials));
    constant.add(F::from_u64(relation as u64 + 1), power(variables, 0, width as i64, monomials));
    constant
}

/// Numerators and denominators of all lookups and provides of a table on a row of its padding.
pub fn padding(table: &Table, variables: usize, width: usize, monomials: &mut Monomials) -> Vec<(F, Poly)> {
    let cell = |c: &Cell| match c {
        Cell::Fixed(i) => signed(table.fixed[*i as usize].padding),
        Cell::Witness(i) => signed(table.witness[*i as usize].padding),
    };
    let value = |e: &Expr| {
        let terms = e.terms.iter().map(|(k, f)| signed(*k) * f.iter().map(cell).product::<F>());
        signed(e.constant) + terms.sum::<F>()
    };
    let lookups = table.lookups.iter().map(|l| (F::ONE, l.relation, &l.tuple));
    let provides =
        table.provides.iter().map(|p| (-cell(&Cell::Witness(p.multiplicity)), p.relation, &p.tuple));
    let mut fraction = |(numerator, relation, tuple): (F, u32, &Vec<Expr>)| {
        let mut d = tag(relation, width, variables, monomials);
        for (i, e) in tuple.iter().enumerate() {
            d.add(value(e), power(variables, 0, i as i64, monomials));
        }
        (numerator, d)
    };
    lookups.chain(provides).filter(|f| f.0 != F::ZERO).map(&mut fraction).collect()
}

/// All lookups and provides of a table, two by two.
pub fn pairs(
    place: &Place,
    table: &Table,
    variables: usize,
    width: usize,
    monomials: &mut Monomials,
) -> Vec<Vec<Fraction>> {
    let mut fraction = |relation: u32, tuple: &[Expr], multiplicity: Option<u32>| {
        let mut d = Sum::default();
        tag(relation, width, variables, monomials).0.iter().for_each(|(c, m)| d.constant.add(signed(*c), *m));
        for (i, e) in tuple.iter().enumerate() {
            d.expr(place, F::ONE, power(variables, 0, i as i64, monomials), e);
        }
        Fraction { multiplicity: multiplicity.map(|m| place.cell(Cell::Witness(m))), denominator: d.dot() }
    };
    let lookups: Vec<Fraction> = table.lookups.iter().map(|l| fraction(l.relation, &l.tuple, None)).collect();
    let provides = table.provides.iter().map(|p| fraction(p.relation, &p.tuple, Some(p.multiplicity)));
    let all: Vec<Fraction> = lookups.into_iter().chain(provides).collect();
    all.chunks(2).map(<[_]>::to_vec).collect()
}
