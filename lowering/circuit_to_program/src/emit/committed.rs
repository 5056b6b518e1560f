//! Tensors that the statement has a commitment to: the rows that hash them, and the root.
//!
//! # Correctness
//! Of tensors that are committed to, a table holds the elements, one a row, each looked up in the range that the key states
//! ([`Emitter::hidden_input`], [`Emitter::hidden_output`]). In a second table every row is a permutation, told apart by its number r as the
//! exponent 8·r of z in the link equation, each sort of cell of each tensor with a d of its own:
//! * what is hashed: element e stands at place e mod 8 of row 1 + ⌊e / 8⌋ and equals the first table's; places beyond the last element have a
//!   monomial and nothing opposite, so they are zero. On row 0 these cells are the salt, which nothing binds.
//! * what is not replaced: four cells before a permutation equal those after the one before; on row 0 they equal numbers that everybody knows.
//! * the root: four cells after the last permutation, which equal the statement's.
//!
//! Constraints make the cells after a permutation a function of those before ([`commitment::permutation`]), so that the root is the hash of the
//! elements and a salt. The permutations of all tensors are rows of one table, and r counts those of one. Nothing here is asked of an honest prover's plan.
use super::tables::grouped;
use super::{ENTRIES, Emitter, Monomials, term};
use crate::layout::{Nest, run};
use std::collections::BTreeMap;
use tessera_api::commitment::{self, CAPACITY, CELLS, RATE, ROOT, permutations};
use tessera_api::field::{self, integer};
use tessera_api::poseidon2::{self, Algebra, WIDTH};
use tessera_api::{Cell, Constraint, EquationTerm, Expr, Operand, RowOp, RowStep, Seq, Step, WitnessColumn};

/// Where the cells of what is read after a permutation begin.
const AFTER: usize = CELLS - ROOT - CAPACITY;

/// A polynomial over the cells of a row, with residues for coefficients.
#[derive(Clone, Default)]
struct Polynomial {
    constant: u64,
    terms: BTreeMap<Vec<Cell>, u64>,
}

impl Polynomial {
    fn cell(i: usize) -> Polynomial {
        Polynomial { constant: 0, terms: [(vec![Cell::Witness(i as u32)], 1)].into() }
    }

    fn expr(&self) -> Expr {
        let terms = self.terms.iter().map(|(factors, k)| (integer(*k), factors.clone())).collect();
        Expr { constant: integer(self.constant), terms }
    }
}

/// Rows of polynomials: each cell that is asked for is the next column, and a constraint says what it is.
struct Rows {
    columns: usize,
    constraints: Vec<Expr>,
}

impl Algebra for Rows {
    type Value = Polynomial;

    fn plus(&self, a: &Polynomial, k: u64, b: &Polynomial) -> Polynomial {
        let mut sum = self.shifted(a, field::mul(k, b.constant));
        for (factors, x) in &b.terms {
            let own = sum.terms.entry(factors.clone()).or_default();
            *own = field::add(*own, field::mul(k, *x));
        }
        sum.terms.retain(|_, k| *k != 0);
        sum
    }

    fn shifted(&self, a: &Polynomial, k: u64) -> Polynomial {
        Polynomial { constant: field::add(a.constant, k), ..a.clone() }
    }

    fn product(&self, factors: [&Polynomial; 3]) -> Polynomial {
        // each is a cell
        let mut all: Vec<Cell> = factors.iter().flat_map(|f| f.terms.keys().flatten().copied()).collect();
        all.sort_unstable();
        Polynomial { constant: 0, terms: [(all, 1)].into() }
    }

    fn cell(&mut self, x: &Polynomial) -> Polynomial {
        let own = Polynomial::cell(self.columns);
        self.columns += 1;
        self.constraints.push(self.plus(x, field::MODULUS - 1, &own).expr());
        own
    }
}

/// Columns of a permutation, and what holds on a row.
fn permutation() -> (Vec<WitnessColumn>, Vec<Expr>) {
    let mut rows = Rows { columns: WIDTH, constraints: vec![] };
    commitment::permutation(&mut rows, std::array::from_fn(Polynomial::cell));
    // padding is the permutation of zeros
    let mut zeros = poseidon2::Residues::default();
    commitment::permutation(&mut zeros, [0; WIDTH]);
    let padding = [0; WIDTH].into_iter().chain(zeros.cells);
    let column = |(i, x): (usize, u64)| WitnessColumn { name: format!("s{i}"), padding: integer(x) };
    (padding.enumerate().map(column).collect(), rows.constraints)
}

/// A tensor that is committed to, and where the rows of its permutations begin.
#[derive(Clone)]
pub(super) struct Committed {
    name: String,
    len: usize,
    public: u32,
    first_row: usize,
}

impl Emitter<'_> {
    /// Notes that the statement has a root of a tensor of so many elements, which are cells of a table.
    pub(super) fn commit(&mut self, name: &str, len: usize, public: u32) {
        let first_row = self.committed.last().map_or(0, |c| c.first_row + permutations(c.len));
        self.committed.push(Committed { name: name.into(), len, public, first_row });
    }

    /// The rows of all permutations, in one table, and what binds roots to elements.
    pub(super) fn commitments(&mut self) {
        let all = self.committed.clone();
        let Some(last) = all.last() else { return };
        let rows = last.first_row + permutations(last.len);
        let (columns, constraints) = permutation();
        let table = self.push_table("commitments", rows, vec![], columns);
        let constraint = |expr| Constraint { expr, source: "commitments".into() };
        self.program.tables[table as usize].constraints = constraints.into_iter().map(constraint).collect();
        let cell = |i: usize| Expr::witness(i as u32);
        let kept = (0..CAPACITY).map(|i| cell(RATE + i));
        let next = (0..CAPACITY).map(|i| cell(AFTER + ROOT + i).scale(-1));
        let hashed = (0..RATE).map(cell);
        let roots = (0..ROOT).map(|i| cell(AFTER + i));
        let cells: Vec<Expr> = kept.chain(next).chain(hashed).chain(roots).collect();
        let mut lanes: Vec<(Expr, Monomials)> =
            cells.into_iter().map(|e| (e, Monomials::default())).collect();
        for c in &all {
            for (lane, own) in lanes.iter_mut().zip(self.committed_tensor(c)) {
                lane.1.0.push(own);
            }
        }
        for lanes in grouped(lanes, rows) {
            let operand = self.whole_fold("commitments".into(), table, lanes);
            self.link.push(term(1, operand));
        }
        self.commitments = Some(table);
    }

    /// What of a tensor stands in no row of a permutation, in the link equation, and the monomials of what does: of each cell that is kept from the
    /// permutation before, each that is kept for the next one, each that is hashed, and each of the root.
    fn committed_tensor(&mut self, c: &Committed) -> Vec<Nest<4>> {
        let (len, rows) = (c.len, permutations(c.len));
        let [hashed, kept, root] = [(); 3].map(|()| self.use_id());
        let each = Monomials(vec![Nest::new(0, [0, 0, hashed, 0], [(len, 1, [1, 0, 0, 0])])]);
        for lanes in grouped(vec![(Expr::witness(0).scale(-1), each)], len) {
            let operand = self.whole_fold(format!("elements of {}", c.name), self.elements[&c.public], lanes);
            self.link.push(term(1, operand));
        }
        for (i, x) in (0..).zip(commitment::first_capacity(len)).filter(|(_, x)| *x != 0) {
            let monomials = Seq { dim: ENTRIES as u32, runs: vec![run([1, i, 0, kept, 0], [])] };
            self.link.push(EquationTerm { coefficient: -integer(x), ..term(1, Operand::Ones { monomials }) });
        }
        let step = RATE as i64;
        let last = step * (rows as i64 - 1);
        let stated = run([1, last, 0, root, 0], [(ROOT, [0, 1, 0, 0, 0])]);
        let monomials = Seq { dim: ENTRIES as u32, runs: vec![stated] };
        self.link.push(term(-1, Operand::Public { public: c.public, monomials }));

        // on `count` rows from `first` on, z to the power of 8 a row
        let at = |first: usize, count: usize, z: i64, d: i64| {
            let row = (c.first_row + first) as i64;
            Nest::new(row, [z, 0, d, 0], [(count, 1, [step, 0, 0, 0])])
        };
        let before = (0..CAPACITY as i64).map(|i| at(0, rows, i, kept));
        let after = (0..CAPACITY as i64).map(|i| at(0, rows - 1, step + i, kept));
        let values = (0..RATE as i64).map(|i| at(1, rows - 1, i, hashed));
        let roots = (0..ROOT as i64).map(|i| at(rows - 1, 1, last + i, root));
        before.chain(after).chain(values).chain(roots).collect()
    }

    /// Fills the rows of a tensor that the statement does not have, and those of its commitment.
    pub(super) fn hidden_steps(&mut self, name: &str, tensor: u32, public: u32) {
        let Some(table) = self.elements.get(&public).copied() else { return };
        let len = self.program.tables[table as usize].rows as usize;
        self.column_steps(name, (table, 0), tensor, [1, len]);
        let own = self.committed.iter().find(|c| c.public == public).map(|c| c.first_row);
        let (Some(first_row), Some(table)) = (own, self.commitments) else { return };
        let rows = permutations(len);
        let cells = self.tensor(format!("commitment {name}"), rows * CELLS);
        self.plan.steps.push(Step::Commit { x: tensor, public, cells });
        self.column_steps(name, (table, first_row), cells, [CELLS, rows]);
    }

    /// Fills rows of a table with a tensor, from a row on.
    fn column_steps(
        &mut self,
        name: &str,
        (table, first_row): (u32, usize),
        tensor: u32,
        [width, rows]: [usize; 2],
    ) {
        let cell = |c: usize| {
            let index = Seq { dim: 1, runs: vec![run([c as i64], [(rows, [width as i64])])] };
            let register = c as u32;
            [
                RowOp::Gather { tensor, index, default: 0, dst: register },
                RowOp::Store { src: register, column: register },
            ]
        };
        self.plan.steps.push(Step::Rows(RowStep {
            table,
            first_row: first_row as u32,
            rows: rows as u32,
            registers: width as u32,
            ops: (0..width).flat_map(cell).collect(),
            source: name.into(),
        }));
    }
}
