//! The compiled half of the Python package `tessera`: models, keys and proofs as objects, and the work that is done with them.
//!
//! Invariants: the work is that of the command, called as a library; it runs on a thread of its own while the interpreter is free, and
//! Python's signals are looked at all the while; large files are used where they lie, as by the command, and looked at before and after each
//! call ([`held`]); every failure is raised with all its problems.
mod arrays;
mod failure;
mod held;
mod ir;
mod memory;
mod model;
mod proof;
mod work;

use pyo3::prelude::*;

#[global_allocator]
static MEMORY: memory::Memory = memory::Memory;

#[pymodule]
mod _tessera {
    #[pymodule_export]
    use super::ir::{Ir, default_pipeline};
    #[pymodule_export]
    use super::model::{Model, ProvingKey, check, compile, onnx_inputs};
    #[pymodule_export]
    use super::proof::{Opening, Proof, VerifyingKey};
    #[pymodule_export]
    use super::work::{abandon, wait};
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
