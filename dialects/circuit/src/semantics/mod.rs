//! What each circuit op means, in plain Rust without MLIR: intervals, views, contracts and lookup tables.
//!
//! The interpreter, the verifiers, the passes and the lowerings into and out of the dialect all call these functions, so
//! that an op's meaning is written once.
//!
//! Invariants: nothing here reads IR; nothing here panics on data a caller has validated with the constructors; all
//! tensors are dense and row-major; integer results are exact or an error, never wrapped.

pub mod contract;
pub mod interval;
pub mod named;
pub mod range;
pub mod ranges;
pub mod table;
pub mod view;

pub use contract::{ContractSpec, ResultIndex};
pub use interval::{FIELD_LIMIT, Interval};
pub use ranges::Ranges;
pub use table::TableFunction;
pub use view::View;

/// Tensors of more elements are not followed element by element: no model has them, but a file may ask for them.
pub const LARGE: usize = 1 << 28;

/// Row-major strides of a dense tensor of `shape`, in elements.
pub fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d];
    }
    strides
}

/// Visits every index of `shape` in row-major order (once, with the empty index, for a scalar).
pub fn for_each_index(shape: &[usize], mut visit: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; shape.len()];
    loop {
        visit(&index);
        let mut d = shape.len();
        loop {
            if d == 0 {
                return;
            }
            d -= 1;
            index[d] += 1;
            if index[d] < shape[d] {
                break;
            }
            index[d] = 0;
        }
    }
}
