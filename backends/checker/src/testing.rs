//! Random small Programs with plans that satisfy them, for the tests of every backend.
//!
//! [`case`] is a function of its arguments alone. Each [`Family`] exercises one part of a Program's semantics; `Mixed` is a
//! small quantized network that uses all of them.
//!
//! Invariant: every witness cell of a case matters. Changing any one of them, any multiplicity or any public value makes
//! the trace wrong, so a backend that accepts such a change has a hole.
mod build;
pub mod conformance;
mod families;
mod functional;
pub mod numbers;
mod second;
pub mod system;

pub use functional::{hints, is_a_function, undetermined};
pub use second::second;

use build::Build;
use tessera_api::{Program, WitnessPlan};

/// What a case exercises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Row constraints of degree 2 and 3 with fixed selectors.
    Constraints,
    /// Lookups of one and two entries, with ramps and with scattered keys.
    Lookups,
    /// One tensor in several layouts, bound by folds: absent cells, offsets that differ between rows, several variables.
    Layouts,
    /// A product of matrices, joined per contraction index.
    Matmul,
    /// A one-dimensional convolution with several channels, joined per channel, over a batch.
    Convolution,
    /// Convolution, requantization by lookups, matrix product.
    Mixed,
}

impl Family {
    /// All families.
    pub const ALL: [Family; 6] = [
        Family::Constraints,
        Family::Lookups,
        Family::Layouts,
        Family::Matmul,
        Family::Convolution,
        Family::Mixed,
    ];
}

/// A Program, how to compute its witness, and inputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// The relation.
    pub program: Program,
    /// How an honest prover fills it.
    pub plan: WitnessPlan,
    /// One vector per public input.
    pub inputs: Vec<Vec<i64>>,
}

/// A random case; the same for the same arguments.
pub fn case(family: Family, seed: u64) -> Case {
    let mut b = Build::new(seed);
    match family {
        Family::Constraints => families::constraints(&mut b),
        Family::Lookups => families::lookups(&mut b),
        Family::Layouts => families::layouts(&mut b),
        Family::Matmul => families::matmul(&mut b),
        Family::Convolution => families::convolution(&mut b),
        Family::Mixed => families::mixed(&mut b),
    }
    Case { program: b.program, plan: b.plan, inputs: b.inputs }
}
