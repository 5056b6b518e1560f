//! The Program: which assignments of table cells, and which public values, are allowed.
//!
//! # Semantics
//! Every [`Table`] has `rows` active rows followed by padding up to `2^log_height`. A cell is a residue mod p.
//! * A [`Constraint`] vanishes on every row, padding included.
//! * Every [`Lookup`] tuple (on every row, padding included) occurs among the tuples [`Provide`]d in the same relation.
//! * A [`Fold`] is, per segment of consecutive rows, the polynomial Σ monomial(row, lane)·expr_lane(row) in the Program's
//!   `variables`; padding rows never take part. A [`Term`] sums segment values with monomial weights, or sums
//!   *products* of the segment values of two folds. An [`Equation`] says that a combination of terms and public folds
//!   is the zero polynomial. A [`Variable`] with a value is a number, not an indeterminate: it scales what it stands at.
//!
//! # Correctness
//! A backend may check an equation at one random point of the variables, drawn after every cell is bound
//! (Schwartz–Zippel: a wrong assignment passes with probability at most total degree / size of the field). Two cells
//! of one fold may carry the same monomial only if their sum is what is meant.
use crate::blob::Blob;
use crate::commitment;
use crate::container::{ALIGNMENT, Container, FileError, Section};
use crate::error::ProgramError;
use crate::field::MODULUS;
use crate::matrix::Matrix;
use crate::seq::Seq;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Format version of Program and WitnessPlan.
pub const VERSION: u32 = 7;

/// A whole relation; see the module's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// [`VERSION`].
    pub version: u32,
    /// Whether proofs tell nothing of the witness beyond what the public values say. A backend that cannot do so refuses.
    pub zero_knowledge: bool,
    /// Integer data of the model's owner (weights, already scaled), shared by fixed columns and the witness plan. Named here; their
    /// bytes lie beside the Program, see [`Program::store`].
    pub constants: Vec<Blob>,
    /// How constants lie in tables, for fixed columns that are too many to be told one by one.
    pub matrices: Vec<Matrix>,
    /// Tables of cells.
    pub tables: Vec<Table>,
    /// Names of the lookup relations; a relation is an index here.
    pub relations: Vec<String>,
    /// Public tensors, inputs then outputs.
    pub publics: Vec<Public>,
    /// The fold variables; monomials are exponent vectors in this order.
    pub variables: Vec<Variable>,
    /// Folds over table rows.
    pub folds: Vec<Fold>,
    /// What is exposed of folds.
    pub terms: Vec<Term>,
    /// Polynomial identities.
    pub equations: Vec<Equation>,
}

/// Columns of equal height with row-local relations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// For people: "requantize_pool", "weights", …
    pub name: String,
    /// Active rows, `1..=2^log_height`.
    pub rows: u32,
    /// Height as a power of two.
    pub log_height: u8,
    /// Columns fixed at setup.
    pub fixed: Vec<FixedColumn>,
    /// Whether the fixed columns are a commitment of the model's owner: a verifier knows that they are the same in all proofs,
    /// but not what they are. Such a table has nothing else, and each of its cells is one factor of one join at most. See
    /// [`Program::architecture`].
    pub committed: bool,
    /// Columns the prover fills.
    pub witness: Vec<WitnessColumn>,
    /// Row polynomials that vanish everywhere.
    pub constraints: Vec<Constraint>,
    /// Tuples that must be in their relation.
    pub lookups: Vec<Lookup>,
    /// Tuples put into a relation, with a prover-chosen multiplicity column.
    pub provides: Vec<Provide>,
}

/// A column known at setup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedColumn {
    /// For people.
    pub name: String,
    /// Values on the active rows.
    pub values: Values,
    /// Value on padding rows.
    pub padding: i64,
}

/// A variable of the folds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// For people: "z".
    pub name: String,
    /// A power of this number is a factor, where several integers share a cell (the radix of packing). None for an
    /// indeterminate. Variables with a value stand in lanes and public monomials only.
    pub value: Option<i64>,
}

impl From<&str> for Variable {
    /// An indeterminate.
    fn from(name: &str) -> Variable {
        Variable { name: name.into(), value: None }
    }
}

/// Where a fixed column's values come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Values {
    /// The values themselves (dimension 1).
    Seq(Seq),
    /// `constants[constant][index]`, 0 where the index is −1.
    Gather {
        /// Which blob.
        constant: u32,
        /// Flat indices (dimension 1).
        index: Seq,
    },
    /// A lane of a matrix, which has as many rows as the table.
    Matrix {
        /// Index into `Program::matrices`.
        matrix: u32,
        /// Which lane.
        lane: u32,
    },
}

/// A column the prover fills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessColumn {
    /// For people.
    pub name: String,
    /// Value on padding rows (a convention of the honest prover; constraints hold for it too).
    pub padding: i64,
}

/// A cell of the current row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cell {
    /// Fixed column by index.
    Fixed(u32),
    /// Witness column by index.
    Witness(u32),
}

/// A polynomial in the cells of one row: constant + Σ coefficient · Π factors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Expr {
    /// The constant term.
    pub constant: i64,
    /// (coefficient, factors); a term of no factors is not allowed.
    pub terms: Vec<(i64, Vec<Cell>)>,
}

const BEYOND: &str = "coefficients within 64 bits";

impl Expr {
    /// A constant.
    pub fn constant(c: i64) -> Expr {
        Expr { constant: c, terms: vec![] }
    }
    /// One cell.
    pub fn cell(c: Cell) -> Expr {
        Expr { constant: 0, terms: vec![(1, vec![c])] }
    }
    /// One witness cell.
    pub fn witness(c: u32) -> Expr {
        Expr::cell(Cell::Witness(c))
    }
    /// One fixed cell.
    pub fn fixed(c: u32) -> Expr {
        Expr::cell(Cell::Fixed(c))
    }
    /// k·self; `None` where a coefficient would be beyond 64 bits.
    pub fn checked_scale(mut self, k: i64) -> Option<Expr> {
        if k == 0 {
            return Some(Expr::default());
        }
        self.constant = self.constant.checked_mul(k)?;
        for t in &mut self.terms {
            t.0 = t.0.checked_mul(k)?;
        }
        Some(self)
    }
    /// self + other, like terms joined; `None` where a coefficient would be beyond 64 bits.
    pub fn checked_plus(mut self, other: &Expr) -> Option<Expr> {
        self.constant = self.constant.checked_add(other.constant)?;
        for (c, f) in &other.terms {
            match self.terms.iter_mut().find(|t| t.1 == *f) {
                Some(t) => t.0 = t.0.checked_add(*c)?,
                None => self.terms.push((*c, f.clone())),
            }
        }
        self.terms.retain(|t| t.0 != 0);
        Some(self)
    }
    /// Product, expanded; `None` where a coefficient would be beyond 64 bits.
    pub fn checked_times(&self, other: &Expr) -> Option<Expr> {
        let mut out = other.clone().checked_scale(self.constant)?;
        for (c, f) in &self.terms {
            let mut part = Expr { constant: 0, terms: vec![(c.checked_mul(other.constant)?, f.clone())] };
            part.terms.retain(|t| t.0 != 0);
            for (d, g) in &other.terms {
                let mut h = [f.clone(), g.clone()].concat();
                h.sort();
                part = part.checked_plus(&Expr { constant: 0, terms: vec![(c.checked_mul(*d)?, h)] })?;
            }
            out = out.checked_plus(&part)?;
        }
        Some(out)
    }
    /// [`Expr::checked_scale`] of numbers that are known to be small.
    ///
    /// # Panics
    /// Where a coefficient would be beyond 64 bits.
    pub fn scale(self, k: i64) -> Expr {
        self.checked_scale(k).expect(BEYOND)
    }
    /// [`Expr::checked_plus`] of numbers that are known to be small.
    ///
    /// # Panics
    /// Where a coefficient would be beyond 64 bits.
    pub fn plus(self, other: &Expr) -> Expr {
        self.checked_plus(other).expect(BEYOND)
    }
    /// [`Expr::checked_times`] of numbers that are known to be small.
    ///
    /// # Panics
    /// Where a coefficient would be beyond 64 bits.
    pub fn times(&self, other: &Expr) -> Expr {
        self.checked_times(other).expect(BEYOND)
    }
    /// The value over the integers, given the cells'; `None` where it, or a part of it, is beyond 64 bits.
    pub fn eval(&self, value: impl Fn(Cell) -> i64) -> Option<i64> {
        self.terms.iter().try_fold(self.constant, |sum, (k, factors)| {
            let product = factors.iter().try_fold(*k, |p, c| p.checked_mul(value(*c)))?;
            sum.checked_add(product)
        })
    }
    /// Highest number of factors in a term.
    pub fn degree(&self) -> usize {
        self.terms.iter().map(|t| t.1.len()).max().unwrap_or(0)
    }
    /// All cells read.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        self.terms.iter().flat_map(|t| t.1.iter().copied())
    }
}

/// A row polynomial of degree at most 3 that vanishes on every row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// The polynomial.
    pub expr: Expr,
    /// Which operation of the model it belongs to.
    pub source: String,
}

/// A tuple that must be in a relation. Entries have degree at most 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Index into `Program::relations`.
    pub relation: u32,
    /// Entries.
    pub tuple: Vec<Expr>,
    /// Which operation of the model it belongs to.
    pub source: String,
}

/// A tuple of fixed columns put into a relation as often as the multiplicity column says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provide {
    /// Index into `Program::relations`.
    pub relation: u32,
    /// Entries; fixed cells only, degree at most 1. The first entry is the key: distinct on active rows.
    pub tuple: Vec<Expr>,
    /// Witness column of multiplicities. It belongs to this Provide alone.
    pub multiplicity: u32,
}

/// A tensor of the statement: public values, or the place of an input that the statement leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Public {
    /// The model's name for it.
    pub name: String,
    /// Shape; the first axis is the batch.
    pub shape: Vec<u32>,
    /// Smallest value allowed.
    pub min: i64,
    /// Largest value allowed.
    pub max: i64,
    /// What it is to the model.
    pub role: Role,
}

impl Public {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().map(|d| *d as usize).product()
    }
    /// How many numbers a statement has of it: its values, none, or the elements of its root.
    pub fn stated(&self) -> usize {
        match self.role {
            Role::Input | Role::Output => self.len(),
            Role::Private => 0,
            Role::CommittedInput | Role::CommittedOutput => commitment::ROOT,
        }
    }
    /// The smallest and the largest of these numbers; those of a root are residues, as the integers next to zero.
    pub fn stated_range(&self) -> (i64, i64) {
        if self.role.is_committed() { (-BALANCED, BALANCED) } else { (self.min, self.max) }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a tensor of the statement is to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Given.
    Input,
    /// Given to the prover alone: the statement says its name, shape and range, and that there are such values. No equation speaks of
    /// it; cells of the witness hold it, and lookups its range.
    Private,
    /// Claimed.
    Output,
    /// Given to the prover alone, and committed to: the statement has the root ([`commitment`](crate::commitment)) of such values.
    CommittedInput,
    /// Computed, and committed to likewise.
    CommittedOutput,
}

impl Role {
    /// Whether an inference is given it.
    pub fn is_input(self) -> bool {
        !matches!(self, Role::Output | Role::CommittedOutput)
    }
    /// Whether the statement has its root, and not its values.
    pub fn is_committed(self) -> bool {
        matches!(self, Role::CommittedInput | Role::CommittedOutput)
    }
    /// Whether the statement does not have its values.
    pub fn is_hidden(self) -> bool {
        self == Role::Private || self.is_committed()
    }
}

/// The largest residue that is the integer next to zero of itself.
const BALANCED: i64 = (MODULUS / 2) as i64;

/// Exponents, one per Program variable. Never negative in a Program.
pub type Monomial = Vec<i64>;

/// A polynomial per segment of consecutive rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// For people.
    pub name: String,
    /// Index of the table.
    pub table: u32,
    /// What enters of each row.
    pub lanes: Vec<Lane>,
    /// End row (exclusive) of each segment, strictly increasing (dimension 1); rows outside any segment, after the last end, carry no
    /// present lane. An ordinary fold has one segment.
    pub segments: Seq,
    /// Number of segments.
    pub segment_count: u32,
}

/// One cell expression (degree at most 1) with its monomial on each active row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// What is folded.
    pub expr: Expr,
    /// Dimension `1 + variables`: a flag (1: present, 0: this cell does not take part), then the exponents. One entry per
    /// active row.
    pub monomials: Seq,
}

/// A value exposed from folds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Term {
    /// Σ over segments of weight · value.
    Sum {
        /// The fold.
        fold: u32,
        /// Dimension `1 + variables` (flag, exponents), one per segment.
        weights: Seq,
    },
    /// Σ over segments of weight · left value · right value; both folds have equally many segments.
    Join {
        /// One fold.
        left: u32,
        /// The other, usually over another table.
        right: u32,
        /// Dimension `1 + variables` (flag, exponents), one per segment.
        weights: Seq,
    },
}

/// coefficient · monomial · operand, summed over `terms`, is the zero polynomial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Equation {
    /// What it says, for people.
    pub name: String,
    /// The summands.
    pub terms: Vec<EquationTerm>,
}

/// A summand of an equation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquationTerm {
    /// Integer coefficient.
    pub coefficient: i64,
    /// Monomial factor.
    pub monomial: Monomial,
    /// What is multiplied.
    pub operand: Operand,
}

/// What an equation speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operand {
    /// A term, by index.
    Term(u32),
    /// Σ monomial(e)·value(e) over the numbers that the statement has of a tensor ([`Public::stated`]): dimension `1 + variables` (flag,
    /// exponents), one per number.
    Public {
        /// Index into `Program::publics`.
        public: u32,
        /// Monomial of each element.
        monomials: Seq,
    },
    /// The sum of these monomials, which everybody knows: cells that are bound so are 1. Dimension `1 + variables`, every flag 1,
    /// no step negative.
    Ones {
        /// The monomials.
        monomials: Seq,
    },
}

impl Program {
    /// The same with its data by name alone.
    pub fn named(&self) -> Program {
        let constants = self.constants.iter().map(Blob::named).collect();
        Program { constants, ..self.clone() }
    }

    /// The BLAKE3 digest of the canonical bytes of the [`Program::architecture`], which names its data.
    pub fn digest(&self) -> crate::container::Digest {
        use crate::container::digest_of;
        let public = if self.has_committed() { self.architecture() } else { self.clone() };
        digest_of(&public.named())
    }

    /// Whether some of the fixed columns are a commitment of the model's owner.
    pub fn has_committed(&self) -> bool {
        self.tables.iter().any(|t| t.committed)
    }

    /// Whether this is what is public of a Program with committed columns, and nothing more.
    pub fn is_architecture(&self) -> bool {
        self.has_committed() && self.architecture() == *self
    }

    /// Whether this is `published`: the same Program, or one of this architecture where that is all that was published.
    pub fn is_of(&self, published: &Program) -> bool {
        if published.is_architecture() { self.architecture() == *published } else { self == published }
    }

    /// What is public of the Program: committed columns and the data that only they read are gone (zero, and empty).
    pub fn architecture(&self) -> Program {
        let mut p = self.clone();
        for t in p.tables.iter_mut().filter(|t| t.committed) {
            for c in &mut t.fixed {
                c.values = Values::Seq(Seq::constant(&[0], t.rows as usize));
                c.padding = 0;
            }
        }
        let (mut constants, mut matrices) = (BTreeSet::new(), BTreeSet::new());
        for c in p.tables.iter().flat_map(|t| &t.fixed) {
            match &c.values {
                Values::Seq(_) => {}
                Values::Gather { constant, .. } => constants.extend([*constant as usize]),
                Values::Matrix { matrix, .. } => matrices.extend([*matrix as usize]),
            }
        }
        for (_, m) in p.matrices.iter_mut().enumerate().filter(|(i, _)| !matrices.contains(i)) {
            *m = Matrix::default();
        }
        constants.extend(p.matrices.iter().flat_map(|m| &m.blocks).map(|b| b.constant as usize));
        for (_, c) in p.constants.iter_mut().enumerate().filter(|(i, _)| !constants.contains(i)) {
            *c = Blob::default();
        }
        p
    }

    /// The sections of a file that [`Program::store`] writes.
    pub const SECTIONS: [&str; 2] = ["program", "constants"];

    /// Writes the Program into a file: what it says as `program`, its data as `constants`.
    pub fn store(&self, file: &mut Container) {
        file.put("program", &self.named());
        let padded = |data: &Bytes| {
            let padding = data.len().next_multiple_of(ALIGNMENT) - data.len();
            [data.clone(), Bytes::from_static(&[0; ALIGNMENT][..padding])]
        };
        let parts = self.constants.iter().filter_map(Blob::data).flat_map(padded).collect();
        file.insert("constants", Section::of(parts));
    }

    /// Reads a Program that was stored so. Its data are compared with their digests and used where they lie.
    ///
    /// # Errors
    /// Where a section is missing or damaged, or the data are others than those the Program names.
    pub fn load(file: &Container) -> Result<Program, FileError> {
        let mut program: Program = file.get("program")?;
        let data = file.section("constants")?.body();
        let mut at = 0;
        for c in &mut program.constants {
            let end = stored_len(c).and_then(|n| n.checked_add(at)).filter(|end| *end <= data.len());
            let end = end.ok_or_else(|| FileError::Damaged("section \"constants\" is too short".into()))?;
            let bytes = data.slice(at..end);
            let (own, padding) = bytes.split_at(c.len() * c.width().bytes());
            if padding.iter().any(|b| *b != 0) {
                return Err(FileError::Damaged("there is something between the constants".into()));
            }
            c.fill(data.slice(at..at + own.len()))
                .map_err(|e| FileError::Damaged(format!("section \"constants\": {e}")))?;
            at = end;
        }
        if at != data.len() {
            return Err(FileError::Damaged("section \"constants\" is too long".into()));
        }
        Ok(program)
    }

    /// The values of a fixed column on its active rows. Errs where layout and data disagree, or the data are not at hand.
    pub fn fixed_values(&self, table: &Table, column: &FixedColumn) -> Result<Vec<i64>, ProgramError> {
        let rows = table.rows as usize;
        let constant =
            |i: u32| self.constants.get(i as usize).ok_or_else(|| ProgramError::missing("constant", i));
        match &column.values {
            Values::Seq(s) if s.dim == 1 => Ok(s.expand(rows)?),
            Values::Gather { constant: c, index } if index.dim == 1 => {
                let data = constant(*c)?.numbers()?;
                let mut out = index.expand(rows)?;
                for x in out.iter_mut() {
                    *x = match *x {
                        -1 => 0,
                        i => usize::try_from(i)
                            .ok()
                            .and_then(|i| data.get(i))
                            .ok_or_else(|| ProgramError::missing("constant element", i))?,
                    };
                }
                Ok(out)
            }
            Values::Matrix { matrix, lane } => {
                let m = self
                    .matrices
                    .get(*matrix as usize)
                    .ok_or_else(|| ProgramError::missing("matrix", *matrix))?;
                m.lane(*lane, rows, &self.constants)
            }
            _ => Err(ProgramError::Invalid(format!(
                "column {} has a layout of the wrong dimension",
                column.name
            ))),
        }
    }
}

/// Bytes that a constant takes in a file.
fn stored_len(c: &Blob) -> Option<usize> {
    c.len().checked_mul(c.width().bytes())?.checked_next_multiple_of(ALIGNMENT)
}
