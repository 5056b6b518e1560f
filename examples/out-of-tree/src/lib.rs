//! A crate outside Tessera's folders with everything that can be plugged in: a dialect ([`dialect`]), a pass ([`expand`]), a
//! driver with both (`example-opt`), and a backend ([`sealed`]).
//!
//! The guide that goes with it is `docs/tutorials/out-of-tree.md`.

pub mod dialect;
pub mod expand;
pub mod sealed;

use melior::{Context, dialect::DialectRegistry};
use tessera_mlir::pass::{self, Pass};

/// The passes of this crate.
pub const PASSES: &[&dyn Pass] = &[&expand::ExpandPow];

/// Tessera's dialects and this crate's.
pub fn registry() -> DialectRegistry {
    pass::register(PASSES);
    let [nn, qnn, circuit] = tessera_passes::registry::dialects();
    tessera_mlir::registry(&[nn, qnn, circuit, dialect::handle()])
}

/// A context with all of them.
pub fn context() -> Context {
    let context = Context::new_with_registry(&registry(), false);
    context.load_all_available_dialects();
    context
}
