//! Failures as Python's exceptions, whose classes stand in `tessera._errors`.
use pyo3::prelude::*;
use tessera::failure::Failure;

/// The exception of a failure.
pub fn raised(py: Python<'_>, failure: &Failure) -> PyErr {
    // plain data of ours: serializing cannot fail
    let problems = serde_json::to_string(&failure.problems).unwrap_or_default();
    let exception = py
        .import("tessera._errors")
        .and_then(|m| m.getattr("of"))
        .and_then(|of| of.call1((failure.code, failure.to_string(), problems)));
    exception.map_or_else(|e| e, PyErr::from_value)
}
