//! The compiled relation: what a verifier needs of a Program, and nothing whose size grows with the number of rows.
//!
//! Tables of equal height are laid side by side into a [`Group`]: one matrix per round and group. Active row r of a table
//! stands at physical row `height − rows + r`, so that padding comes first. Folds become Horner columns
//! X(next) = ratio·X + Σ lanes, sums over segments become running sums, lookups become LogUp (Haböck, ePrint 2022/1530);
//! every constraint is cyclic in the rows and of degree at most 3.
//!
//! # Correctness
//! * A Horner column is reset (ratio 0) at the first active row and at the first row of each segment, so neither padding
//!   nor the cyclic step from the last row to the first carries anything into it.
//! * A running sum is reset at the first segment end that counts; it adds nothing on padding.
//! * The value of a column at physical row 0 is bound by a [`Node::Terminal`]; a LogUp sum spreads its terminal over all
//!   rows, so that the cyclic sum closes exactly if the terminal is the sum of all fractions.
//! * Two tables that join carry the same list of segment values: a copy column in one of them, bound by equal η-folds.
//!
//! Where a group has mask rows ([`Group::masks`], a hiding proof), constraints are of two classes. Those on rows hold outside the
//! mask rows alone; those at one row ([`Node::at_one_row`]) hold everywhere, so that what they say of row 0, a mask row, is asked for.
//! LogUp sums then count the rows after the masks: they are zero on the first of those, and the total stands on row 0. What the
//! mask rows would have looked up, as rows of padding do, a verifier adds itself ([`Air::void`]).
pub mod basis;
pub mod compile;
pub mod fixed;
pub mod measure;
pub mod nodes;
pub mod plan;
pub mod reshape;
pub mod rows;
pub mod symbol;
pub mod validate;
pub mod write;

use self::symbol::{Exponents, Poly};
use crate::arithmetic::Extension;
use crate::arithmetic::lanes::Weights;
use crate::budget::Budget;
use serde::{Deserialize, Serialize};
use tessera_api::{Public, Seq};

/// Challenge variables beyond the Program's own: LogUp's α and β, and η that binds copied segment values.
pub const EXTRA_VARIABLES: u32 = 3;

/// A whole compiled relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Air {
    /// Degree of the extension that challenges are drawn from: base columns of an extension column.
    pub degree: u8,
    /// Values of the Program's fold variables, none for those that are drawn; α, β, η follow.
    pub variables: Vec<Option<i64>>,
    /// All monomials, exponents over `variables` and [`EXTRA_VARIABLES`].
    pub monomials: Vec<Exponents>,
    /// Groups of tables, tallest first, heights distinct.
    pub groups: Vec<Group>,
    /// Number of exposed values.
    pub terminals: u32,
    /// Exposed LogUp sums; together they are zero.
    pub lookup_terminals: Vec<u32>,
    /// Pairs of exposed η-folds that are equal.
    pub links: Vec<(u32, u32)>,
    /// Identities at the challenge point.
    pub equations: Vec<Equation>,
    /// The statement.
    pub publics: Vec<Public>,
    /// Numerators and denominators of the fractions that mask rows would have had as padding.
    pub void: Vec<(i64, Poly)>,
}

/// Tables of one height, side by side.
///
/// A row's base cells are the committed fixed columns, then the model's, then the sparse ones, then the witness columns, then the
/// coordinates of sums; its extension cells are those of round 2, then those of round 3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Height as a power of two.
    pub log_height: u8,
    /// For people.
    pub tables: Vec<String>,
    /// Mask rows: the first physical rows, of which constraints on rows say nothing. None where nothing is hidden.
    pub masks: u32,
    /// Fixed columns committed in the key.
    pub fixed: u32,
    /// Fixed columns in the commitment of the model's owner.
    pub model: u32,
    /// Fixed columns that are 1 on the few physical rows listed and 0 elsewhere: never committed, the verifier evaluates them.
    pub sparse: Vec<Vec<u32>>,
    /// Columns of the witness.
    pub witness: u32,
    /// Fixed columns committed in the key that constraints read through `sums` alone.
    pub summed: u32,
    /// Weighted sums of the summed columns, without a constant; each is some base cells of a row, its coordinates.
    pub sums: Vec<Dot>,
    /// Extension columns committed after the fold challenges.
    pub round2: u32,
    /// Extension columns committed after η.
    pub round3: u32,
    /// All constraints.
    pub nodes: Vec<Node>,
}

impl Group {
    /// Base cells of a row, challenges being of this degree.
    pub fn base_width(&self, degree: usize) -> usize {
        self.sums_at() + degree * self.sums.len()
    }
    /// For each sum the weight of every summed column that it reads, given the monomials' values.
    pub fn sum_weights<E: Extension>(&self, monomials: &[E]) -> Vec<Vec<(u32, E)>> {
        let weights = |d: &Dot| d.cells.iter().map(|(c, p)| (*c, p.value(monomials))).collect();
        self.sums.iter().map(weights).collect()
    }
    /// The first base cell that is a coordinate of a sum.
    pub fn sums_at(&self) -> usize {
        self.witness_at() + self.witness as usize
    }
    /// The first base cell of the witness.
    pub fn witness_at(&self) -> usize {
        self.fixed as usize + self.model as usize + self.sparse.len()
    }
    /// Number of rows.
    pub fn height(&self) -> usize {
        1 << self.log_height
    }
    /// Whether constraints are of two classes, because some rows are masks.
    pub fn hiding(&self) -> bool {
        self.masks > 0
    }
}

impl Air {
    /// log₂ of the tallest matrix that is committed.
    pub fn log_height(&self) -> usize {
        let shared = self.budget().map(Budget::log_last);
        self.groups.iter().map(|g| g.log_height).chain(shared).max().unwrap_or(0).into()
    }
    /// How much is masked; none where nothing is hidden.
    pub fn budget(&self) -> Option<Budget> {
        let masks = self.groups.first().map_or(0, |g| g.masks);
        Budget::of_rows(masks as usize, self.degree.into())
    }
}

impl Node {
    /// Number of constraints of (extension, base) kind.
    pub fn constraints(&self) -> (usize, usize) {
        match self {
            Node::Base { .. } => (0, 1),
            Node::Horner { .. } | Node::Sum { .. } | Node::Terminal { .. } | Node::Start { .. } => (1, 0),
            Node::Lookups { pairs, .. } => (pairs.len(), 0),
        }
    }

    /// Whether it speaks of one row, a mask row perhaps, and says nothing of others.
    pub fn at_one_row(&self) -> bool {
        match self {
            Node::Terminal { .. } | Node::Start { .. } => true,
            Node::Base { .. } | Node::Horner { .. } | Node::Sum { .. } | Node::Lookups { .. } => false,
        }
    }
}

/// constant + Σ weight · base cell, with weights that depend on the challenges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dot {
    /// Added.
    pub constant: Poly,
    /// (column, weight), columns strictly increasing.
    pub cells: Vec<(u32, Poly)>,
}

impl Dot {
    /// Its weights, given the monomials' values.
    pub fn weights<E: Extension>(&self, monomials: &[E]) -> Weights<E> {
        let columns = self.cells.iter().map(|c| c.0).collect();
        Weights::new(
            self.constant.value(monomials),
            columns,
            self.cells.iter().map(|c| c.1.value(monomials)).collect(),
        )
    }
}

/// A product of base cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Balanced residue.
    pub coefficient: i64,
    /// Columns, at most 3.
    pub factors: Vec<u32>,
}

/// Something of an extension column that is added to a running sum at a segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Factor {
    /// The column on this row.
    Current(u32),
    /// The column on the next row: the value of a Horner column after this row.
    Next(u32),
}

/// One half of a LogUp pair: numerator over denominator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fraction {
    /// The column whose negation is the numerator (a multiplicity); 1 if none.
    pub multiplicity: Option<u32>,
    /// α + Σ βⁱ·entryᵢ + β^W·(relation + 1).
    pub denominator: Dot,
}

/// What is added to a Horner column on a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it is multiplied by: a combination of selectors.
    pub gate: Dot,
    /// Of base cells.
    pub dot: Dot,
    /// Index of one of the group's sums.
    pub sum: Option<u32>,
}

/// A constraint, or several that belong together. All hold on every row, the row after the last being the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Node {
    /// A base polynomial vanishes.
    Base {
        /// Balanced residue.
        constant: i64,
        /// The monomials.
        products: Vec<Product>,
    },
    /// column(next) = ratio · column + Σ gate · (dot + sum).
    Horner {
        /// Extension column.
        column: u32,
        /// A combination of selectors.
        ratio: Dot,
        /// What is added.
        parts: Vec<Part>,
    },
    /// column(next) = ratio · column + end · Π factors.
    Sum {
        /// Extension column.
        column: u32,
        /// A combination of selectors.
        ratio: Dot,
        /// 1 where a segment that counts ends, 0 elsewhere.
        end: Dot,
        /// One or two.
        factors: Vec<Factor>,
    },
    /// first · (column + blind − terminal) = 0.
    Terminal {
        /// Extension column.
        column: u32,
        /// Base column that is 1 on physical row 0 alone.
        first: u32,
        /// Index of the exposed value.
        terminal: u32,
        /// What hides the column's value.
        blind: Option<Blind>,
    },
    /// here · column = 0: where a LogUp sum starts, if that is not row 0.
    Start {
        /// Extension column.
        column: u32,
        /// Base column that is 1 on the first row after the masks alone.
        here: u32,
    },
    /// LogUp: with φᵢ the columns after `column`, φᵢ·dᵢ·dᵢ′ = nᵢ·dᵢ′ + nᵢ′·dᵢ for all pairs but the last; the last pair takes
    /// column(next) − column + terminal/height − Σ φᵢ for its φ. Where there are mask rows, nothing is spread: terminal/height
    /// is left out.
    Lookups {
        /// The running sum; the fractions' columns follow.
        column: u32,
        /// Index of the exposed total.
        terminal: u32,
        /// One or two fractions each.
        pairs: Vec<Vec<Fraction>>,
    },
}

/// What is added to an exposed value, so that it tells nothing of what it exposes: weight · (an element of the mask rows).
///
/// # Correctness
/// Blinds are committed before the challenge that stands in their weight is drawn, alone among what it multiplies. So what
/// binds exposed values, an equation or two that are equal, binds the sum of the blinds in it to zero, and what is
/// exposed to the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    /// Index of a monomial.
    pub weight: u32,
    /// The element.
    pub mask: Mask,
}

/// An element of the mask rows that blinds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mask {
    /// Coordinates on row 0: base columns, as many as the challenges have coordinates.
    Cells(Vec<u32>),
    /// This extension column on row 1.
    Next(u32),
}

/// Where the values of a segment end are copied to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Group and extension column (round 2) of the copy.
    pub to: (u32, u32),
    /// 1 on the rows that hold the copied values.
    pub to_end: Dot,
    /// Group and Horner column copied.
    pub from: (u32, u32),
    /// 1 on the rows after which the Horner column holds the values.
    pub from_end: Dot,
}

/// Σ coefficient · monomial · operand = 0 at the challenge point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Equation {
    /// For people.
    pub name: String,
    /// The summands.
    pub terms: Vec<EquationTerm>,
}

/// A summand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquationTerm {
    /// Balanced residue.
    pub coefficient: i64,
    /// Index of a monomial.
    pub monomial: u32,
    /// What is multiplied.
    pub operand: Operand,
}

/// What a summand speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operand {
    /// A product of exposed values, one or two.
    Terminals(Vec<u32>),
    /// A fold of public values, computed by the verifier.
    Public {
        /// Index of the public tensor.
        public: u32,
        /// (flag, exponents) of each element, over the Program's variables.
        monomials: Seq,
    },
    /// The sum of these monomials, in the same form: every flag 1, no step negative.
    Ones {
        /// The monomials.
        monomials: Seq,
    },
}
