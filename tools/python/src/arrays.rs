//! NumPy's arrays in and out. The Python half hands over flat arrays of float32, float64, int64 or texts in row-major order, each with its
//! name, its shape and the dtype that it had.
use crate::failure::raised;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use tessera::data::npy::{self, DTYPES};
use tessera::data::{Array, DataFile, Numbers};
use tessera::failure::Failure;

/// An array as the Python half gives it.
#[derive(FromPyObject)]
pub struct Given<'py> {
    name: Option<String>,
    shape: Vec<usize>,
    dtype: String,
    flat: Bound<'py, PyAny>,
}

impl Given<'_> {
    fn array(&self) -> PyResult<Array> {
        let numbers = match (&self.dtype[..], npy::integer(&self.dtype)) {
            ("float16" | "float32", _) => {
                Numbers::F32(self.flat.extract::<PyReadonlyArray1<'_, f32>>()?.as_slice()?.to_vec())
            }
            ("text", _) => Numbers::Text(self.flat.call_method0("tolist")?.extract()?),
            ("float64", _) => {
                Numbers::F64(self.flat.extract::<PyReadonlyArray1<'_, f64>>()?.as_slice()?.to_vec())
            }
            (_, Some(name)) => {
                Numbers::I64(self.flat.extract::<PyReadonlyArray1<'_, i64>>()?.as_slice()?.to_vec(), name)
            }
            _ => {
                let failure = Failure::new("the array has a dtype that no model eats")
                    .expected(DTYPES)
                    .found(self.dtype.clone())
                    .help("convert it first, for example array.astype(numpy.float32)");
                return Err(raised(self.flat.py(), &failure));
            }
        };
        Ok(Array { shape: self.shape.clone(), numbers })
    }
}

/// Arrays as a file would hold them; `what` stands for its name in messages.
pub fn data(what: &str, given: &[Given<'_>]) -> PyResult<DataFile> {
    let arrays = given.iter().map(|g| Ok((g.name.clone(), g.array()?))).collect::<PyResult<_>>()?;
    Ok(DataFile { path: what.into(), arrays, unreadable: vec![] })
}

/// A flat array for Python.
pub fn flat<T: numpy::Element>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyArray1<T>> {
    PyArray1::from_vec(py, values)
}
