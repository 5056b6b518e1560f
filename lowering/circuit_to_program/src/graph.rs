//! A circuit as plain data: what placement works on. `read.rs` makes it from IR; nothing else here sees MLIR.
//!
//! Invariants: operations stand in an order in which operands come first; shapes and intervals are those the circuit
//! dialect's verifier accepted.
use std::collections::BTreeMap;
use std::sync::Arc;
use tessera_circuit::semantics::contract::ContractSpec;
use tessera_circuit::semantics::table::TableFunction;

/// Index into [`Graph::values`].
pub type ValueId = usize;

/// One circuit.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Every value.
    pub values: Vec<Value>,
    /// Every operation, operands first.
    pub ops: Vec<Op>,
    /// Lookup tables by symbol.
    pub tables: BTreeMap<String, TableFunction>,
}

/// An integer tensor with its proven interval.
#[derive(Clone, Debug)]
pub struct Value {
    /// Extents.
    pub shape: Vec<usize>,
    /// Smallest possible value.
    pub lo: i64,
    /// Largest possible value.
    pub hi: i64,
}

impl Value {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An operation with its results and, for messages, the model's node.
#[derive(Clone, Debug)]
pub struct Op {
    /// What it does.
    pub kind: Kind,
    /// Result values.
    pub results: Vec<ValueId>,
    /// The model's operation it stems from.
    pub source: String,
}

/// The circuit dialect's operations, decoded.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A model input.
    Input {
        /// Name.
        name: String,
        /// Whether the verifier knows it.
        public: bool,
    },
    /// Data known at setup.
    Constant(Arc<Vec<i64>>),
    /// Sums of products.
    Contract {
        /// Activations.
        x: ValueId,
        /// Weights.
        w: ValueId,
        /// Index maps.
        spec: ContractSpec,
    },
    /// Σ c·x + k.
    Affine {
        /// Summands.
        terms: Vec<(i64, ValueId)>,
        /// Constant.
        constant: i64,
    },
    /// Elementwise product.
    Mul {
        /// Factor.
        a: ValueId,
        /// Factor.
        b: ValueId,
    },
    /// Elementwise maximum.
    Max {
        /// At least two.
        xs: Vec<ValueId>,
    },
    /// x = hi·2^shift + lo; results are hi, lo.
    Split {
        /// What is split.
        x: ValueId,
        /// Bits of lo.
        shift: u32,
    },
    /// y = table(x).
    Lookup {
        /// Key.
        x: ValueId,
        /// Symbol.
        table: String,
    },
    /// Re-indexing: a flat source index per element, −1 for zero.
    View {
        /// What is viewed.
        x: ValueId,
        /// One per element of the result.
        sources: Vec<i64>,
    },
    /// Concatenation along an axis.
    Concat {
        /// Parts.
        xs: Vec<ValueId>,
        /// Axis.
        axis: usize,
    },
    /// A model output.
    Output {
        /// What is claimed.
        x: ValueId,
        /// Name.
        name: String,
        /// Whether the verifier knows it.
        public: bool,
    },
    /// x is zero everywhere.
    AssertZero {
        /// What vanishes.
        x: ValueId,
    },
}

impl Kind {
    /// Whether a row of a table computes it element by element.
    pub fn is_elementwise(&self) -> bool {
        matches!(
            self,
            Kind::Affine { .. }
                | Kind::Mul { .. }
                | Kind::Max { .. }
                | Kind::Split { .. }
                | Kind::Lookup { .. }
                | Kind::AssertZero { .. }
        )
    }

    /// Operands in order.
    pub fn operands(&self) -> Vec<ValueId> {
        match self {
            Kind::Input { .. } | Kind::Constant(_) => vec![],
            Kind::Contract { x, w, .. } => vec![*x, *w],
            Kind::Affine { terms, .. } => terms.iter().map(|t| t.1).collect(),
            Kind::Mul { a, b } => vec![*a, *b],
            Kind::Split { x, .. } | Kind::Lookup { x, .. } | Kind::View { x, .. } => vec![*x],
            Kind::Output { x, .. } | Kind::AssertZero { x } => vec![*x],
            Kind::Concat { xs, .. } | Kind::Max { xs } => xs.clone(),
        }
    }
}

impl Graph {
    /// The operation that defines each value.
    pub fn definers(&self) -> Vec<usize> {
        let mut d = vec![usize::MAX; self.values.len()];
        for (i, op) in self.ops.iter().enumerate() {
            op.results.iter().for_each(|r| d[*r] = i);
        }
        d
    }
}
