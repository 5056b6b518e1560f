//! The reference backend: checks every row of every constraint, every lookup and every equation, and names what fails.
//!
//! It is what the other backends are compared with, and what a person runs to learn why a proof is rejected. Its proof
//! is the whole trace and its key the whole Program: nothing is succinct and nothing is hidden.
//!
//! Invariants:
//! * A trace that [`check`] accepts satisfies the Program in the sense of [`tessera_api::program`]; only the equations are
//!   checked at random points, with an error of at most (degree / 2⁶⁴)³.
//! * The verdict is a function of Program and trace: points are derived from both.
//! * Neither a hostile Program nor a hostile trace makes it panic.
mod backend;
mod failure;
mod folds;
mod localise;
mod lookups;
mod rows;
mod table;
#[cfg(feature = "testing")]
pub mod testing;

pub use backend::{BACKEND, Checker, shape, verify};
pub use failure::{Contribution, Failure, FailureKind, Mismatch, Origin, Row};

use tessera_api::{Program, Trace};

/// Failures kept of each kind; the rest is counted.
pub const MOST_FAILURES: usize = 20;

/// Checks an assignment against a Program. Errs with what fails, at most [`MOST_FAILURES`] of each kind.
pub fn check(program: &Program, trace: &Trace) -> Result<(), Vec<Failure>> {
    let views = table::views(program, trace).map_err(|f| vec![f])?;
    let mut failures = vec![];
    rows::check(&views, &mut failures);
    lookups::check(program, &views, &mut failures);
    folds::check(program, trace, &views, &mut failures);
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}
