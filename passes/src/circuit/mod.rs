//! Passes over the circuit dialect.
//!
//! Invariants: each keeps what the circuit computes, bit for bit; each leaves IR that the verifier accepts, whose declared
//! intervals are proven.

mod absorb_scale;
mod annotate_cost;
mod compose_lookups;
mod hoist_views;
mod intervals;
mod narrow_splits;
mod print_intervals;
mod sink_lookups;
mod views;

pub use absorb_scale::AbsorbScale;
pub use annotate_cost::AnnotateCost;
pub use compose_lookups::ComposeLookups;
pub use hoist_views::HoistViews;
pub use intervals::Intervals;
pub use narrow_splits::NarrowSplits;
pub use print_intervals::PrintIntervals;
pub use sink_lookups::SinkLookups;

/// The passes of this folder.
pub const PASSES: &[&dyn tessera_mlir::pass::Pass] = &[
    &AbsorbScale,
    &HoistViews,
    &Intervals,
    &NarrowSplits,
    &SinkLookups,
    &ComposeLookups,
    &PrintIntervals,
    &AnnotateCost,
];
