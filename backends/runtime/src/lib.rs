//! Runs a witness plan: from public inputs to filled tables and public outputs, in exact integers.
//!
//! [`Prepared::new`] checks a plan against its Program once: every index, every length, every layout, and how much memory
//! and work it may ask for. [`Prepared::run`] then computes as often as wanted.
//!
//! Invariants:
//! * A plan is not trusted. A bad one is a [`PlanError`], never a panic and never an unbounded allocation.
//! * Arithmetic is exact. What would leave 64 bits, or finds no entry in a lookup table, is a [`RunError`] that names the
//!   step, the row and the value. Nothing wraps silently.
//! * The result does not depend on the number of threads.
mod budget;
mod columns;
mod context;
mod contract;
mod error;
mod execute;
mod greatest;
mod grow;
mod lookup;
mod one_hot;
mod prepare;
mod rows;
mod schedule;
mod step;
mod threshold;
mod vector;

pub use budget::Limits;
pub use error::{PlanError, RunError};
pub use execute::Observer;
pub use grow::Growth;
pub use prepare::Prepared;

use tessera_api::{Program, Trace, WitnessPlan};

/// Prepares `plan` and runs it once. `inputs` holds one flat row-major vector per public input, in the Program's order.
pub fn run(program: &Program, plan: &WitnessPlan, inputs: Vec<Vec<i64>>) -> Result<Trace, RunError> {
    Prepared::new(program, plan)?.run(inputs)
}
