//! Compiled models and proving keys.
use crate::arrays::{Given, data, flat};
use crate::failure::raised;
use crate::held::Held;
use crate::proof::{self, Opening, Proof, VerifyingKey};
use crate::work::{Steps, work};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tessera::cli::{CalibrationMethod, Level, Weights, When};
use tessera::commands::compile::{Import, Placing, Request, Watch};
use tessera::commands::explain::Explained;
use tessera::commands::generate::{self, Said};
use tessera::commands::{self, eval, prove, run};
use tessera::data::DataFile;
use tessera::data::bind::{Factor, Inputs};
use tessera::failure::{Failure, Result};
use tessera::files::{self, Mapped};
use tessera::infer::Batch;
use tessera::measure::timed;
use tessera::model::Metadata;
use tessera::pipeline::{self, Goal, Quantizing};
use tessera::show::program::summary;
use tessera::{infer, levels, prover};
use tessera_api::{Container, FileKind, Regime, Security};
use tessera_verify::claim::Claim;
use tessera_verify::commitments::Tensor;

/// Options of compiling, as the Python half has them in a dataclass.
#[derive(FromPyObject)]
pub struct Options {
    name: String,
    file: Option<PathBuf>,
    scale: Option<String>,
    batch: usize,
    committed: bool,
    zero_knowledge: bool,
    uses: Option<u32>,
    backend: Option<String>,
    percentile: Option<f64>,
    target_cosine: Option<f64>,
    max_accuracy_loss: Option<f64>,
    samples: usize,
    labels: Vec<String>,
    dims: BTreeMap<String, usize>,
    shapes: BTreeMap<String, Vec<usize>>,
    dump_ir: Option<PathBuf>,
    tokens: bool,
    shortest_prompt: u32,
    visibility: BTreeMap<String, String>,
    /// Inputs that are outputs of other models: the input, the key of the other, and its output.
    input_from: Vec<(String, Py<VerifyingKey>, String)>,
}

impl Options {
    fn placing(&self) -> Result<Placing> {
        if !(1..=65536).contains(&self.batch) {
            return Err(Failure::new("a proof cannot cover so many inputs")
                .expected("a batch of 1 to 65536")
                .found(self.batch.to_string()));
        }
        if self.tokens && self.batch > 1 {
            return Err(Failure::new("a proof of a text is of one text").expected("a batch of 1 with tokens"));
        }
        let visible = |(name, who): (&String, &String)| {
            let who = who.parse().map_err(|e: String| Failure::new(format!("visibility of {name:?}: {e}")));
            Ok((name.clone(), who?))
        };
        Placing {
            batch: self.batch,
            weights: if self.committed { Weights::Committed } else { Weights::Public },
            zero_knowledge: self.zero_knowledge,
            visibility: self.visibility.iter().map(visible).collect::<Result<_>>()?,
            uses: self.uses,
            backend: match &self.backend {
                Some(name) => prover::backend(name)?,
                None => tessera_backends::default(),
            },
            forms: Default::default(),
            limits: Default::default(),
            prices: None,
        }
        .checked()
    }

    fn sources(&self) -> Result<Vec<(String, tessera::model::Port)>> {
        let source = |(name, key, output): &(String, Py<VerifyingKey>, String)| {
            commands::compile::source(name, key.get().about_model(), output)
        };
        self.input_from.iter().map(source).collect()
    }

    fn quantizing(&self) -> Quantizing {
        let stated = self.target_cosine.is_some() || self.max_accuracy_loss.is_some();
        let usual = Goal::default();
        Quantizing {
            method: self.percentile.map_or(CalibrationMethod::MinMax, |_| CalibrationMethod::Percentile),
            percentile: self.percentile.unwrap_or(100.0),
            goal: stated.then(|| Goal {
                cosine: self.target_cosine.unwrap_or(usual.cosine),
                loss: self.max_accuracy_loss.map_or(usual.loss, |percent| percent / 100.0),
            }),
        }
    }
}

/// What integers are multiplied by.
pub fn factor(text: Option<&str>) -> Result<Option<Factor>> {
    let parsed = text.map(|t| t.parse().map_err(|e: String| Failure::new(format!("scale {t:?}: {e}"))));
    parsed.transpose()
}

/// What is asked of the compiler.
pub fn request<'a>(
    onnx: &'a [u8],
    data: &'a [DataFile],
    options: &'a Options,
    watch: Watch<'a>,
) -> Result<Request<'a>> {
    Ok(Request {
        name: options.name.clone(),
        onnx,
        file: options.file.as_deref(),
        data,
        factor: factor(options.scale.as_deref())?,
        placing: options.placing()?,
        quantizing: options.quantizing(),
        samples: options.samples,
        labels: options.labels.clone(),
        dump_ir: options.dump_ir.as_deref(),
        import: Import { dims: options.dims.clone(), shapes: options.shapes.clone(), ..Import::default() },
        watch,
    })
}

/// Compiles the bytes of an ONNX file. Of `calibration`, every element is some inferences. Returns notes beside the model.
#[pyfunction]
pub fn compile(
    py: Python<'_>,
    onnx: PyBackedBytes,
    calibration: Vec<Vec<Given<'_>>>,
    options: Options,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<(Model, Vec<String>)> {
    let data = calibration.iter().map(|c| data("the calibration data", c)).collect::<PyResult<Vec<_>>>()?;
    work(py, progress.as_ref(), move |steps| {
        let watch = |pass: &str| steps.done(pass);
        let request = request(&onnx, &data, &options, &watch)?;
        let pipeline = pipeline::default("nn", request.quantizing);
        let pipeline = match options.tokens {
            true => pipeline::saying_tokens(&pipeline, options.shortest_prompt.saturating_sub(1)),
            false => pipeline,
        };
        let pipeline = pipeline::taking_inputs(&pipeline, &options.sources()?)?;
        let compiled = commands::compile::compile_by(&request, &pipeline)?;
        Ok((Model::from(compiled.model), compiled.notes))
    })
}

/// Whether the model of an ONNX file can be proven and what it takes: as JSON, and for people.
#[pyfunction]
pub fn check(
    py: Python<'_>,
    onnx: PyBackedBytes,
    options: Options,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<(String, Vec<String>)> {
    work(py, progress.as_ref(), move |steps| {
        let watch = |pass: &str| steps.done(pass);
        let report = commands::check::report(&Request {
            // stand-ins may be integers
            factor: factor(Some("1"))?,
            samples: 2,
            ..request(&onnx, &[], &options, &watch)?
        })?;
        Ok((report.json(), report.lines()))
    })
}

/// Name and rank, where it is stated, of every input of the bytes of an ONNX file.
#[pyfunction]
pub fn onnx_inputs(
    py: Python<'_>,
    onnx: PyBackedBytes,
    place: String,
) -> PyResult<Vec<(String, Option<usize>)>> {
    work(py, None, move |_| {
        let inputs = tessera_import_onnx::inputs(&onnx).map_err(|e| Failure::from(e).at(place))?;
        Ok(inputs.into_iter().map(|i| (i.name, i.rank)).collect())
    })
}

/// What a model file holds.
#[pyclass(frozen, module = "tessera._tessera")]
pub struct Model(pub(crate) Arc<Held<tessera::model::Model>>);

impl From<tessera::model::Model> for Model {
    fn from(model: tessera::model::Model) -> Model {
        Model(Arc::new(model.into()))
    }
}

/// One output of some inferences: its name, the shape of one inference, integers, reals.
type Output<'py> = (String, Vec<usize>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>);

#[pymethods]
impl Model {
    /// Reads a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Model> {
        work(py, None, move |_| {
            let read = |file: &Mapped| {
                tessera::model::Model::from_shared(file.bytes()).map_err(|f| {
                    f.in_file(&path).help("write it with CompiledModel.save, or with: tessera compile")
                })
            };
            Ok(Model(Arc::new(Held::in_file(Mapped::open(&path)?, read)?)))
        })
    }

    /// Writes a file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let model = Arc::clone(&self.0);
        let write = move |model: &tessera::model::Model| files::write_container(&path, &model.container());
        work(py, None, move |_| model.with(write).map(drop))
    }

    /// About the model, as JSON.
    fn metadata(&self) -> String {
        serde_json::to_string(&self.0.known().metadata).unwrap_or_default()
    }

    /// Digest of the Program, which keys name.
    fn digest(&self) -> String {
        format!("{:#}", self.0.known().digest())
    }

    /// Tables, and what a proof is expected to cost, as JSON.
    fn summary(&self, py: Python<'_>) -> PyResult<String> {
        let predict = |model: &tessera::model::Model| {
            Ok((prover::predict(model, prover::SECURITY)?, summary(&model.program)))
        };
        let (prediction, program) = self.0.with(predict).map_err(|f| raised(py, &f))?;
        Ok(serde_json::json!({ "program": program, "prediction": prediction }).to_string())
    }

    /// What a proof is expected to cost, and whose that is: as JSON, as lines of a table and as a page.
    fn explain(&self, py: Python<'_>) -> PyResult<(String, Vec<String>, String)> {
        let model = Arc::clone(&self.0);
        work(py, None, move |_| {
            let explained = model.with(Explained::of)?;
            let lines = explained.lines();
            let page = explained.page(&lines);
            Ok((explained.json(), lines.into_iter().chain(explained.table(true)).collect(), page))
        })
    }

    /// The operations of the quantized network, as JSON.
    fn layers(&self, py: Python<'_>) -> PyResult<String> {
        let model = Arc::clone(&self.0);
        work(py, None, move |_| Ok(serde_json::to_string(&model.with(levels::layers)?).unwrap_or_default()))
    }

    /// The IR of a level, as text.
    fn ir(&self, py: Python<'_>, level: &str) -> PyResult<String> {
        let text = |model: &tessera::model::Model| {
            let found = model.levels.get(level).ok_or_else(|| {
                let names: Vec<&str> = model.levels.keys().map(String::as_str).collect();
                Failure::new(format!("the model has no IR of the level {level:?}"))
                    .expected(format!("one of {}", names.join(", ")))
            })?;
            Ok(found.text()?)
        };
        self.0.with(text).map_err(|f| raised(py, &f))
    }

    /// Both keys.
    fn setup(
        &self,
        py: Python<'_>,
        security: u32,
        conjectured: bool,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(ProvingKey, VerifyingKey)> {
        let model = Arc::clone(&self.0);
        let regime = if conjectured { Regime::Conjectured } else { Regime::Proven };
        let security = Security { bits: security, regime, goal: tessera_api::Goal::Time };
        let make = move |model: &tessera::model::Model, steps: &Steps| {
            let compact = prover::compact(model, security, false, None)?;
            let keys = prover::keys(model, security, compact)?;
            steps.done("keys made")?;
            let proving = ProvingKey::new(keys.proving, model)?;
            let verifying = VerifyingKey::new(keys.verifying.to_bytes())?;
            steps.done("keys read")?;
            Ok((proving, verifying))
        };
        work(py, progress.as_ref(), move |steps| model.with(|model| make(model, steps)))
    }

    /// Runs inferences at a level. Returns their number, the outputs and notes; the float level has no integers.
    fn run<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Given<'py>>,
        scale: Option<String>,
        level: &str,
    ) -> PyResult<(usize, Vec<Output<'py>>, Vec<String>)> {
        let level = match level {
            "program" => Level::Program,
            "circuit" => Level::Circuit,
            "qnn" => Level::Qnn,
            "nn" => Level::Nn,
            other => {
                let failure = Failure::new(format!("there is no level {other:?}"))
                    .expected("one of program, circuit, qnn, nn");
                return Err(raised(py, &failure));
            }
        };
        let (given, model) = (data("the input", &inputs)?, Arc::clone(&self.0));
        let compute = move |model: &tessera::model::Model| {
            let inputs = bound(model, &given, scale)?;
            Ok((inputs.count, run::outputs(model, &inputs, level)?, inputs.notes))
        };
        let (count, outputs, notes) = work(py, None, move |_| model.with(compute))?;
        let mut integers = outputs.integers.into_iter();
        let one = |(p, values): (&tessera::model::Port, Vec<f64>)| {
            let integers = integers.next().unwrap_or_default();
            (p.name.clone(), p.shape.clone(), flat(py, integers), flat(py, values))
        };
        Ok((count, self.0.known().metadata.outputs.iter().zip(outputs.values).map(one).collect(), notes))
    }

    /// Runs one batch and proves its outputs; inputs that openings give, by name, are not among the others. `check` is "auto", "always" or
    /// "never". Returns notes beside the proof, and openings of what it commits to with new salts.
    #[allow(clippy::too_many_arguments)]
    fn prove(
        &self,
        py: Python<'_>,
        key: &ProvingKey,
        inputs: Vec<Given<'_>>,
        openings: BTreeMap<String, Py<Opening>>,
        scale: Option<String>,
        check: &str,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(Proof, Vec<String>, Vec<(String, Opening)>)> {
        let (given, when) = (data("the input", &inputs)?, when(check));
        let (model, key) = (Arc::clone(&self.0), Arc::clone(&key.0));
        let prove = move |model: &tessera::model::Model, steps: &Steps| {
            let m = &model.metadata;
            let mut opened = BTreeMap::new();
            for (name, opening) in openings {
                let (at, port) = proof::committed_input(m, &model.program.publics, Some(&name))?;
                opening.get().0.fits(port, &Tensor::of(m, port))?;
                opened.insert(at, opening.get().0.as_ref().clone());
            }
            let others = Metadata { inputs: prove::unopened(m, &opened), ..m.clone() };
            let (batch, notes) = if others.inputs.is_empty() {
                (Batch { inputs: vec![], used: 0, salts: vec![] }, vec![])
            } else {
                let inputs = infer::bind(&others, &given, factor(scale.as_deref())?, None)?;
                (infer::single(&others, &inputs, Path::new("the input"))?, inputs.notes)
            };
            let batch = prove::joined(model, &opened, batch)?;
            let (proof, openings) = key.with(|key| key.proof(model, (batch, None), when, steps))?;
            Ok((proof, notes, openings))
        };
        work(py, progress.as_ref(), move |steps| model.with(|model| prove(model, steps)))
    }

    /// What a model of tokens says after a prompt, the number of its runs, and with a key the proof of it.
    fn generate(
        &self,
        py: Python<'_>,
        key: Option<&ProvingKey>,
        prompt: Vec<i64>,
        tokens: Option<usize>,
        check: &str,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(Vec<i64>, usize, Option<Proof>)> {
        let (model, key, when) = (Arc::clone(&self.0), key.map(|key| Arc::clone(&key.0)), when(check));
        let say = move |model: &tessera::model::Model, steps: &Steps| {
            let prepared;
            let plan = match &key {
                Some(key) => key.known().plan(model)?,
                None => {
                    prepared = prove::prepare(model)?;
                    &prepared
                }
            };
            let watch = |run: &str| steps.done(run);
            let Said { ids, generated, runs } = generate::generate(model, plan, &prompt, tokens, &watch)?;
            let claim = Claim { prompt: prompt.len() as u64, generated: generated.len() as u64 };
            let batch = Batch { inputs: vec![ids], used: 1, salts: vec![] };
            let proof = key
                .map(|key| key.with(|key| key.proof(model, (batch, Some(claim)), when, steps)))
                .transpose()?
                .map(|(proof, _)| proof);
            Ok((generated, runs, proof))
        };
        work(py, progress.as_ref(), move |steps| model.with(|model| say(model, steps)))
    }

    /// Compares the float and the quantized network, as JSON. Returns notes beside it, and the first outputs of both in real numbers.
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Given<'py>>,
        scale: Option<String>,
        labels: Option<Given<'py>>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(String, Vec<String>, [Bound<'py, PyArray1<f32>>; 2])> {
        let given = data("the input", &inputs)?;
        let labels = labels.map(|l| data("the labels", &[l])).transpose()?;
        let model = Arc::clone(&self.0);
        let compare = move |model: &tessera::model::Model, steps: &Steps| {
            let inputs = bound(model, &given, scale)?;
            let truth = labels.map(|l| eval::truth(&model.metadata, &l, inputs.count)).transpose()?;
            let compared = || steps.tell("input compared");
            let (evaluation, time) = timed(|| eval::evaluation(model, &inputs, truth.as_ref(), &compared));
            let mut evaluation = evaluation?;
            let [float, quantized] = std::mem::take(&mut evaluation.outputs);
            Ok((eval::report(&model.metadata, &evaluation, time).json(), inputs.notes, [float, quantized]))
        };
        let (report, notes, [float, quantized]) =
            work(py, progress.as_ref(), move |steps| model.with(|model| compare(model, steps)))?;
        Ok((report, notes, [flat(py, float), flat(py, quantized)]))
    }
}

fn bound(model: &tessera::model::Model, given: &DataFile, scale: Option<String>) -> Result<Inputs> {
    infer::bind(&model.metadata, given, factor(scale.as_deref())?, None)
}

fn when(check: &str) -> When {
    match check {
        "always" => When::Always,
        "never" => When::Never,
        _ => When::Auto,
    }
}

/// What a proving key's file holds.
#[pyclass(frozen, module = "tessera._tessera")]
pub struct ProvingKey(Arc<Held<Kept>>);

struct Kept {
    container: Container,
    key: prover::ProvingKey,
    /// The witness plan, once it was checked.
    plan: OnceLock<tessera_runtime::Prepared>,
}

impl Kept {
    fn plan(&self, model: &tessera::model::Model) -> Result<&tessera_runtime::Prepared> {
        if let Some(plan) = self.plan.get() {
            return Ok(plan);
        }
        let prepared = prove::prepare(model)?;
        Ok(self.plan.get_or_init(|| prepared))
    }

    /// Proves a batch, with what the proof claims of it, and verifies the proof where that is wanted; with openings of what it commits to with new
    /// salts.
    fn proof(
        &self,
        model: &tessera::model::Model,
        (batch, claim): (Batch, Option<Claim>),
        when: When,
        steps: &Steps,
    ) -> Result<(Proof, Vec<(String, Opening)>)> {
        let (used, salts) = (batch.used, batch.salts.clone());
        let (trace, values) = prove::fill(self.plan(model)?, batch)?;
        let openings = prove::new_openings(model, (&values, used), &salts);
        let openings =
            openings.into_iter().map(|(port, o)| (port.name.clone(), Opening(Arc::new(o)))).collect();
        steps.done("witness")?;
        let (mut proof, _) = self.key.prove(trace, used)?;
        proof.claim = claim;
        steps.done("proof")?;
        let verifying = self.key.verifying();
        let bytes = proof.to_bytes(&verifying);
        let backend = prover::backend(&model.metadata.backend)?;
        let takes = backend.prices().verify_seconds(bytes.len() as u64);
        if prove::wanted(when, takes, prover::seconds(model)?, self.key.is_large()) {
            prove::verifies(&bytes, &verifying)?;
        }
        Ok((Proof::new(bytes, proof, &verifying), openings))
    }
}

impl ProvingKey {
    fn new(container: Container, model: &tessera::model::Model) -> Result<ProvingKey> {
        let mut key = prover::ProvingKey::from_container(container.clone(), model)?;
        key.fit(model, None)?;
        Ok(ProvingKey(Arc::new(Kept { container, key, plan: OnceLock::new() }.into())))
    }
}

#[pymethods]
impl ProvingKey {
    /// Reads the key of a model.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf, model: &Model) -> PyResult<ProvingKey> {
        let model = Arc::clone(&model.0);
        // a session may change its folder, and the count stays where it is
        let path = std::path::absolute(&path).unwrap_or(path);
        work(py, None, move |_| {
            let read = |file: &Mapped, model: &tessera::model::Model| {
                let container = Container::from_shared(file.bytes(), FileKind::ProvingKey);
                let container = container.map_err(|e| Failure::from(e).in_file(&path))?;
                let mut key = prover::ProvingKey::of_file(container.clone(), &path, model)?;
                key.fit(model, None)?;
                Ok(Kept { container, key, plan: OnceLock::new() })
            };
            let file = Mapped::open(&path)?;
            let kept = Held::in_file(file, |file| model.with(|model| read(file, model)))?;
            Ok(ProvingKey(Arc::new(kept)))
        })
    }

    /// Writes a file, whole or not at all; beside it the count of its proofs, where it hides weights.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let kept = Arc::clone(&self.0);
        let path = std::path::absolute(&path).unwrap_or(path);
        work(py, None, move |_| kept.with(|kept| kept.key.write(&kept.container, &path)))
    }

    /// Proofs that it has served, and serves, and what a certificate of a further key takes of it; none where nobody has to count.
    fn status(&self, py: Python<'_>) -> PyResult<Option<(u64, u64, Option<u64>)>> {
        let key = &self.0.known().key;
        let used = key.used().map_err(|f| raised(py, &f))?;
        Ok(used.map(|(used, of)| (used, of, key.certificate_turns())))
    }

    /// Makes a further key of the same weights in a file, with its count and the certificate beside it.
    fn next_epoch(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let kept = Arc::clone(&self.0);
        work(py, None, move |_| {
            let certificate = commands::model::certificate(&path)?;
            kept.with(|kept| kept.key.epoch(&path, &certificate)).map(drop)
        })
    }

    /// The key that its proofs are checked with, which has no file.
    fn verifying(&self) -> VerifyingKey {
        VerifyingKey::without_file(self.0.known().key.verifying())
    }

    /// Whether this is that key.
    fn same_as(&self, key: &VerifyingKey) -> bool {
        self.0.known().key.verifying().digest() == key.digest_of()
    }
}
