//! Modules of IR.
use crate::arrays::{Given, data, flat};
use crate::model::{Model, Options, factor, request};
use crate::work::work;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tessera::commands;
use tessera::ir::{self, Numbers};
use tessera::{files, pipeline};

/// A module, with the parameters that it names.
#[pyclass(frozen, module = "tessera._tessera")]
pub struct Ir(Arc<ir::Ir>);

/// Operation, shape, scale, and an array of float32 or int64.
type Value<'py> = (usize, Vec<usize>, Option<f64>, Bound<'py, PyAny>);

impl From<ir::Ir> for Ir {
    fn from(ir: ir::Ir) -> Ir {
        Ir(Arc::new(ir))
    }
}

#[pymethods]
impl Ir {
    /// Parses a text, which messages call `place`; parameters lie in the folder, or are those of another module.
    #[staticmethod]
    fn parse(
        py: Python<'_>,
        text: String,
        place: String,
        folder: Option<PathBuf>,
        like: Option<&Ir>,
    ) -> PyResult<Ir> {
        let like = like.map(|ir| Arc::clone(&ir.0));
        work(py, None, move |_| Ok(ir::Ir::parse(&text, &place, folder.as_deref(), like.as_deref())?.into()))
    }

    /// The module of a level of a compiled model.
    #[staticmethod]
    fn of_model(py: Python<'_>, model: &Model, level: String) -> PyResult<Ir> {
        let model = Arc::clone(&model.0);
        work(py, None, move |_| Ok(model.with(|model| ir::Ir::of_level(model, &level))?.into()))
    }

    /// The module that the import makes of the bytes of an ONNX file, with the calibration data.
    #[staticmethod]
    #[pyo3(name = "import_")]
    fn import(
        py: Python<'_>,
        onnx: Vec<u8>,
        calibration: Vec<Vec<Given<'_>>>,
        options: Options,
    ) -> PyResult<Ir> {
        let data =
            calibration.iter().map(|c| data("the calibration data", c)).collect::<PyResult<Vec<_>>>()?;
        work(py, None, move |_| Ok(ir::Ir::import(&request(&onnx, &data, &options, &|_| Ok(()))?)?.into()))
    }

    /// The text, with locations.
    fn text(&self) -> &str {
        &self.0.text
    }

    /// The level.
    fn level(&self, py: Python<'_>) -> PyResult<&'static str> {
        let ir = Arc::clone(&self.0);
        work(py, None, move |_| ir.level())
    }

    /// The operations, as JSON.
    fn ops(&self, py: Python<'_>) -> PyResult<String> {
        let ir = Arc::clone(&self.0);
        work(py, None, move |_| Ok(serde_json::to_string(&ir.ops()?).unwrap_or_default()))
    }

    /// Writes the text and, beside it, the files of parameters that it names.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let ir = Arc::clone(&self.0);
        work(py, None, move |_| {
            for (name, bytes) in ir.files()? {
                files::write(&path.with_file_name(name), &bytes)?;
            }
            files::write(&path, ir.text.as_bytes())
        })
    }

    /// The module after every pass, with the pass's name.
    fn run(
        &self,
        py: Python<'_>,
        pipeline: String,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Vec<(String, Ir)>> {
        let ir = Arc::clone(&self.0);
        work(py, progress.as_ref(), move |steps| {
            let all = ir.run(&pipeline, &|pass| steps.done(pass))?;
            Ok(all.into_iter().map(|(pass, ir)| (pass, ir.into())).collect())
        })
    }

    /// The module with operations, given as text, in the places of some.
    fn replace(&self, py: Python<'_>, texts: BTreeMap<usize, String>) -> PyResult<Ir> {
        let ir = Arc::clone(&self.0);
        work(py, None, move |_| Ok(ir.replace(&texts)?.into()))
    }

    /// What the operations compute of one inference.
    fn values<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Given<'py>>,
        scale: Option<String>,
    ) -> PyResult<Vec<Value<'py>>> {
        let (ir, given) = (Arc::clone(&self.0), data("the input", &inputs)?);
        let values = work(py, None, move |_| ir.values(&given, factor(scale.as_deref())?))?;
        let one = |v: ir::Value| {
            let array = match v.data {
                Numbers::Real(x) => flat(py, x).into_any(),
                Numbers::Integer(x) => flat(py, x).into_any(),
            };
            (v.op, v.shape, v.scale, array)
        };
        Ok(values.into_iter().map(one).collect())
    }

    /// Compiles the module by what is left of the default pipeline. Returns notes beside the model.
    fn compile(
        &self,
        py: Python<'_>,
        calibration: Vec<Vec<Given<'_>>>,
        options: Options,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(Model, Vec<String>)> {
        let data =
            calibration.iter().map(|c| data("the calibration data", c)).collect::<PyResult<Vec<_>>>()?;
        let ir = Arc::clone(&self.0);
        work(py, progress.as_ref(), move |steps| {
            let watch = |pass: &str| steps.done(pass);
            let compiled = commands::compile::compile_ir(&ir, &request(&[], &data, &options, &watch)?)?;
            Ok((Model::from(compiled.model), compiled.notes))
        })
    }
}

/// The passes of the default pipeline that are left for a module of a level.
#[pyfunction]
pub fn default_pipeline(level: &str) -> String {
    pipeline::default(level, pipeline::Quantizing::default())
}
