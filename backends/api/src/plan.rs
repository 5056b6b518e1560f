//! How an honest prover computes the witness: integer steps over flat tensors, then rows of the tables.
//!
//! Invariants: steps run in order and read only what earlier steps wrote; all arithmetic is exact in `i64` by the compiler's
//! intervals; an interpreter of a plan never panics on a bad one, it errs. Soundness never depends on a plan.
use crate::seq::Seq;
use serde::{Deserialize, Serialize};

/// Index of a tensor of the plan.
pub type TensorId = u32;
/// A register of a row program: one `i64` per row of the step.
pub type Reg = u32;

/// Steps from public inputs to filled tables and public outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessPlan {
    /// Flat tensors, zero at first: name and number of elements.
    pub tensors: Vec<(String, u64)>,
    /// In order.
    pub steps: Vec<Step>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// tensor = the public input's values.
    Load {
        /// Index into `Program::publics`, an input.
        public: u32,
        /// Where to.
        tensor: TensorId,
    },
    /// `dst[i] = src[j]` for every (i, j) of `places`; other elements are kept (several gathers may fill one tensor).
    Gather {
        /// From.
        src: TensorId,
        /// To.
        dst: TensorId,
        /// Flat indices into both (dimension 2).
        places: Seq,
    },
    /// `dst[i] = constants[constant][j]` for every (i, j) of `places`; other elements are kept.
    Fill {
        /// Index into `Program::constants`.
        constant: u32,
        /// To.
        dst: TensorId,
        /// Flat indices into both (dimension 2).
        places: Seq,
    },
    /// y[Σ i·y] += x[Σ i·x] · w[Σ i·w] over all loop indices.
    Contract {
        /// One factor.
        x: TensorId,
        /// The other.
        w: Factor,
        /// Result.
        y: TensorId,
        /// The loop nest; the order is free.
        loops: Vec<ContractLoop>,
    },
    /// For each run of `columns` elements of x the smallest integer c with Σ T(c − x) ≤ limit: one element of y.
    Threshold {
        /// From.
        x: TensorId,
        /// Where T is: a relation, as a function of its first entry, whose keys are consecutive. T does not increase. Below the first key it
        /// is beyond any limit, above the last one it stays.
        relation: u32,
        /// Which entry of the tuple, from 1 on.
        entry: u32,
        /// At least 0.
        limit: i64,
        /// Elements of a run.
        columns: u32,
        /// Where runs are the rows of matrices of so many, row i of r sums over elements 0 ..= i + columns − r alone; else 0.
        causal_rows: u32,
        /// To.
        y: TensorId,
    },
    /// Of each run of `columns` elements of x the greatest, and the position in the run where it stands first.
    Greatest {
        /// From.
        x: TensorId,
        /// Elements of a run.
        columns: u32,
        /// The greatest: an element for each run.
        greatest: TensorId,
        /// Its position, from 0 on: an element for each run.
        at: TensorId,
    },
    /// For each element of x a run of `columns` elements of y: 1 at the position that it says, 0 elsewhere.
    OneHot {
        /// From.
        x: TensorId,
        /// Elements of a run.
        columns: u32,
        /// To.
        y: TensorId,
    },
    /// The cells of a [`commitment`](crate::commitment) to x, whose root is the statement's.
    Commit {
        /// From.
        x: TensorId,
        /// Index into `Program::publics`, a committed tensor; the run is given its salt.
        public: u32,
        /// To: the cells of all permutations, one after the other.
        cells: TensorId,
    },
    /// The same row program for consecutive rows of one table.
    Rows(RowStep),
    /// The output's values = tensor.
    Publish {
        /// From.
        tensor: TensorId,
        /// Index into `Program::publics`, an output.
        public: u32,
    },
}

/// The second factor of a contraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Factor {
    /// Weights.
    Constant {
        /// An index into `Program::constants`.
        constant: u32,
        /// Element of that constant where these weights begin.
        offset: u64,
    },
    /// What other steps computed.
    Tensor(TensorId),
}

/// A loop of a contraction: how far each operand moves per turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractLoop {
    /// Turns.
    pub extent: u32,
    /// Element step in x.
    pub x: i64,
    /// Element step in w.
    pub w: i64,
    /// Element step in y.
    pub y: i64,
}

/// A row program over rows `first_row .. first_row + rows` of a table. Cells of witness columns that no step stores, and
/// padding rows, keep the column's padding value. Multiplicity columns are computed last, by counting lookups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowStep {
    /// Index of the table.
    pub table: u32,
    /// First row.
    pub first_row: u32,
    /// Number of rows.
    pub rows: u32,
    /// Number of registers used.
    pub registers: u32,
    /// In order; every register is written before it is read.
    pub ops: Vec<RowOp>,
    /// The model's operation, for messages.
    pub source: String,
}

/// One operation on whole registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowOp {
    /// dst = tensor[index(row)], or `default` where the index is −1.
    Gather {
        /// From.
        tensor: TensorId,
        /// One flat index per row (dimension 1).
        index: Seq,
        /// For absent elements.
        default: i64,
        /// To.
        dst: Reg,
    },
    /// dst = the table's fixed column on this row.
    Fixed {
        /// Column index.
        column: u32,
        /// To.
        dst: Reg,
    },
    /// dst = constant + Σ coefficient·register.
    Affine {
        /// (coefficient, register).
        terms: Vec<(i64, Reg)>,
        /// Added.
        constant: i64,
        /// To.
        dst: Reg,
    },
    /// dst = a·b.
    Mul {
        /// Factor.
        a: Reg,
        /// Factor.
        b: Reg,
        /// To.
        dst: Reg,
    },
    /// src = hi·2^shift + lo with 0 ≤ lo < 2^shift.
    Split {
        /// From.
        src: Reg,
        /// Bits of lo.
        shift: u32,
        /// Upper part (arithmetic shift).
        hi: Reg,
        /// Lower part.
        lo: Reg,
    },
    /// dst = an entry of the tuple in `relation` whose first entry is the key; an error where there is none.
    Lookup {
        /// Relation index.
        relation: u32,
        /// The first entry.
        key: Reg,
        /// Which entry, from 1 on.
        entry: u32,
        /// To.
        dst: Reg,
    },
    /// dst = ⌊src / divisor⌋.
    Quotient {
        /// From.
        src: Reg,
        /// At least 1.
        divisor: i64,
        /// To.
        dst: Reg,
    },
    /// The exponent e is the smallest in first ..= last with src >> step·e < 2^bits, or the last; the mantissa is src >> step·e.
    Mantissa {
        /// From.
        src: Reg,
        /// Bits by which one exponent differs from the next.
        step: u32,
        /// Bits of the mantissa.
        bits: u32,
        /// The first exponent.
        first: u32,
        /// The last one; step·last is 62 at most.
        last: u32,
        /// To.
        mantissa: Reg,
        /// To.
        exponent: Reg,
    },
    /// Witness column = src.
    Store {
        /// From.
        src: Reg,
        /// Column index.
        column: u32,
    },
    /// tensor[index(row)] = src, nothing where the index is −1.
    Scatter {
        /// From.
        src: Reg,
        /// To.
        tensor: TensorId,
        /// One flat index per row (dimension 1).
        index: Seq,
    },
    /// dst = max(a, b).
    Max {
        /// One side.
        a: Reg,
        /// The other.
        b: Reg,
        /// To.
        dst: Reg,
    },
}
