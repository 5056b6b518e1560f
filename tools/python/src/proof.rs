//! Verifying keys and proofs.
use crate::arrays::{Given, data, flat};
use crate::failure::raised;
use crate::held::Held;
use crate::work::work;
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tessera::commands::commit;
use tessera::failure::{Failure, Result};
use tessera::files::{self, Mapped};
use tessera::infer;
use tessera::model::{Metadata, Port};
use tessera::prover::{self, ProofFile};
use tessera_api::commitment::Root;
use tessera_api::{Digest, FileKind, Public, Regime};
use tessera_verify::claim::Claim;
use tessera_verify::key::{Policy, VERIFYING_KEY_AT_MOST};
use tessera_verify::report::Report;
use tessera_verify::text;

/// Bytes of an opening: one of a batch of large images has some millions of values.
const OPENING_AT_MOST: u64 = 1 << 30;

/// What a verifying key's file holds.
#[pyclass(frozen, module = "tessera._tessera")]
pub struct VerifyingKey {
    /// None of a key that was told by a proving key, or by certificates of another.
    bytes: Option<Arc<Vec<u8>>>,
    key: Arc<prover::VerifyingKey>,
}

impl VerifyingKey {
    /// Reads a file's bytes.
    pub fn new(bytes: Vec<u8>) -> Result<VerifyingKey> {
        let key = Arc::new(prover::VerifyingKey::from_bytes(&bytes)?);
        Ok(VerifyingKey { bytes: Some(Arc::new(bytes)), key })
    }

    /// A key that has no file of its own.
    pub fn without_file(key: prover::VerifyingKey) -> VerifyingKey {
        VerifyingKey { bytes: None, key: Arc::new(key) }
    }

    fn file(&self) -> Result<Arc<Vec<u8>>> {
        self.bytes.clone().ok_or_else(|| {
            Failure::new("this verifying key was not read from a file, and has none")
                .help("give others the .vk file that setup made; where this is a further key, the first one's, and the certificate for certificates=[path]")
        })
    }

    /// What it says of its model.
    pub fn about_model(&self) -> &Metadata {
        &self.key.metadata
    }

    /// Its own digest.
    pub fn digest_of(&self) -> Digest {
        self.key.digest()
    }
}

#[pymethods]
impl VerifyingKey {
    /// Reads a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<VerifyingKey> {
        work(py, None, move |_| {
            let bytes = files::read_ours(&path, FileKind::VerifyingKey, VERIFYING_KEY_AT_MOST)?;
            VerifyingKey::new(bytes).map_err(|f| f.in_file(&path))
        })
    }

    /// Reads a file's bytes.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: Vec<u8>) -> PyResult<VerifyingKey> {
        work(py, None, move |_| VerifyingKey::new(bytes))
    }

    /// The file's bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.file().map_err(|f| raised(py, &f))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Writes a file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let bytes = self.file().map_err(|f| raised(py, &f))?;
        work(py, None, move |_| files::write(&path, &bytes))
    }

    /// The key that the file of a certificate leads to, of the same weights, where this one is worth enough and the one of the digest.
    ///
    /// # Correctness
    /// A digest pins the key from which certificates lead on: [`VerifyingKey::verify`] of the key that they lead to is asked for none.
    fn next(
        &self,
        py: Python<'_>,
        certificate: PathBuf,
        least: (u32, String),
        digest: Option<&str>,
    ) -> PyResult<VerifyingKey> {
        let (key, key_digest, (min_security, regime)) = (Arc::clone(&self.key), parsed(py, digest)?, least);
        work(py, None, move |_| {
            Policy { min_security, regime: known(&regime)?, key_digest }.check(&key)?;
            Ok(VerifyingKey::without_file(prover::certificate(&certificate, &key)?))
        })
    }

    /// What it is of and worth, as JSON.
    fn about(&self) -> String {
        // plain data of ours: serializing cannot fail
        serde_json::to_string(&self.key.about()).unwrap_or_default()
    }

    /// Errs unless the key is what setup makes of this model, or of a model of this architecture.
    fn audit(&self, py: Python<'_>, model: PathBuf) -> PyResult<()> {
        let key = Arc::clone(&self.key);
        work(py, None, move |_| {
            let read = |file: &Mapped| tessera::model::Model::from_shared(file.bytes());
            let model = Held::in_file(Mapped::open(&model)?, read)?;
            model.with(|model| Ok(key.audit(&model.program, model.digest(), &model.metadata)?))
        })
    }

    /// Commits to an input of its model: that of this name, or the only one that is committed to.
    fn commit(
        &self,
        py: Python<'_>,
        name: Option<String>,
        input: Vec<Given<'_>>,
        scale: Option<String>,
    ) -> PyResult<Opening> {
        let (given, key) = (data("the input", &input)?, Arc::clone(&self.key));
        work(py, None, move |_| {
            let m = &key.metadata;
            let (_, port) = committed_input(m, key.statement(), name.as_deref())?;
            let only = Metadata { inputs: vec![port.clone()], ..m.clone() };
            let inputs = infer::bind(&only, &given, crate::model::factor(scale.as_deref())?, None)?;
            let batch = infer::single(&only, &inputs, Path::new("the input"))?;
            Ok(Opening(Arc::new(commit::opening(m, port, batch)?)))
        })
    }

    /// Checks a proof, and that the key is worth enough and the one of the digest; that the proof is about an input, if one is given; that it
    /// commits to tensors as these roots; and that an input is an output of each of the other proofs. Returns what is proven: as JSON, and for people.
    ///
    /// # Correctness
    /// Whoever gets a return value holds a proof that `tessera verify` accepts: the same calls in the same order.
    #[allow(clippy::too_many_arguments)]
    fn verify(
        &self,
        py: Python<'_>,
        proof: Vec<u8>,
        least: (u32, String),
        digest: Option<&str>,
        input: Option<(Vec<Given<'_>>, Option<String>)>,
        roots: BTreeMap<String, String>,
        after: Vec<(Py<VerifyingKey>, PyBackedBytes)>,
    ) -> PyResult<(String, String)> {
        let (key_digest, (min_security, regime)) = (parsed(py, digest)?, least);
        let given =
            input.map(|(arrays, scale)| Ok::<_, PyErr>((data("the input", &arrays)?, scale))).transpose()?;
        let key = Arc::clone(&self.key);
        work(py, None, move |_| {
            let regime = known(&regime)?;
            Policy { min_security, regime, key_digest }.check(&key)?;
            let proof = ProofFile::from_bytes(&proof, &key)?;
            let mut report = Report::new(&key, &proof)?;
            for (name, root) in roots {
                let root = root.parse::<Root>().map_err(|e| {
                    Failure::new(format!("this is no root: {e}"))
                        .help("copy it whole, as Opening.root has it")
                })?;
                report = report.of_root(&name, root)?;
            }
            for (first, proof) in after {
                // a digest pins one key
                let key = &first.get().key;
                Policy { min_security, regime, key_digest: None }.check(key)?;
                report = report.after(&Report::new(key, &ProofFile::from_bytes(&proof, key)?)?)?;
            }
            if let Some((given, scale)) = given {
                let factor = crate::model::factor(scale.as_deref())?;
                let inputs = infer::bind(&key.metadata, &given, factor, None)?;
                let batch = infer::single(&key.metadata, &inputs, Path::new("the input"))?;
                report = report.of_input(&key, &proof, &batch.inputs, batch.used)?;
            }
            let lines: Vec<String> = report.lines().iter().map(|line| text::plain(line)).collect();
            Ok((serde_json::to_string(&report).unwrap_or_default(), lines.join("\n")))
        })
    }
}

fn known(regime: &str) -> Result<Regime> {
    regime.parse().map_err(|e: String| Failure::new(e))
}

fn parsed(py: Python<'_>, digest: Option<&str>) -> PyResult<Option<Digest>> {
    digest.map(str::parse::<Digest>).transpose().map_err(|e| {
        raised(
            py,
            &Failure::new(format!("this is no digest: {e}"))
                .help("copy it whole, as VerifyingKey.digest has it"),
        )
    })
}

/// The committed input of this name, or the only one, and its place.
pub fn committed_input<'m>(
    m: &'m Metadata,
    statement: &'m [Public],
    name: Option<&str>,
) -> Result<(usize, &'m Port)> {
    let port = commit::port(m, statement, name)?;
    let at = m.inputs.iter().position(|p| p.name == port.name).unwrap_or_default();
    Ok((at, port))
}

/// What a root was made of.
#[pyclass(frozen, module = "tessera._tessera")]
pub struct Opening(pub Arc<tessera::opening::Opening>);

#[pymethods]
impl Opening {
    /// Reads a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Opening> {
        work(py, None, move |_| {
            let bytes = files::read_ours(&path, FileKind::Opening, OPENING_AT_MOST)?;
            let opening = tessera::opening::Opening::from_bytes(&bytes).map_err(|f| f.in_file(&path))?;
            Ok(Opening(Arc::new(opening)))
        })
    }

    /// Writes a file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let opening = Arc::clone(&self.0);
        work(py, None, move |_| opening.write(&path))
    }

    /// By which others know it.
    fn root(&self) -> String {
        self.0.root().to_string()
    }

    /// Shape of one inference, and inferences that count.
    fn shape(&self) -> (Vec<usize>, usize) {
        (self.0.tensor.shape.clone(), self.0.used)
    }
}

/// What a proof's file holds: read, and not verified.
#[pyclass(frozen, module = "tessera._tessera")]
pub struct Proof {
    bytes: Arc<Vec<u8>>,
    metadata: Metadata,
    /// Public tensors in the model's order, of the inferences that were asked for; a hidden one has no values.
    tensors: Vec<Vec<i64>>,
    used: usize,
    claim: Option<Claim>,
}

impl Proof {
    /// A proof and its bytes.
    pub fn new(bytes: Vec<u8>, proof: ProofFile, key: &prover::VerifyingKey) -> Proof {
        let metadata = key.metadata.clone();
        let ports = metadata.inputs.iter().chain(&metadata.outputs);
        let mut tensors = proof.publics.tensors;
        // a root is no value of a tensor
        let committed = key.statement().iter().zip(&mut tensors).filter(|(p, _)| p.role.is_committed());
        committed.for_each(|(_, t)| t.clear());
        // the rest only fills the batch
        ports.zip(&mut tensors).for_each(|(p, t)| t.truncate(proof.used * p.len()));
        Proof { bytes: Arc::new(bytes), metadata, tensors, used: proof.used, claim: proof.claim }
    }

    fn some<'py>(&self, py: Python<'py>, ports: &[Port], tensors: &[Vec<i64>]) -> Vec<Tensor<'py>> {
        let one = |(p, t): (&Port, &Vec<i64>)| {
            let reals = t.iter().map(|q| p.real(*q)).collect();
            (p.name.clone(), p.shape.clone(), flat(py, t.clone()), flat(py, reals))
        };
        ports.iter().zip(tensors).map(one).collect()
    }
}

/// Name, shape of one inference, integers, reals.
type Tensor<'py> = (String, Vec<usize>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>);

#[pymethods]
impl Proof {
    /// Reads a file for a key, which names shapes and scales. Reading is not verifying.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf, key: &VerifyingKey) -> PyResult<Proof> {
        let key = Arc::clone(&key.key);
        work(py, None, move |_| {
            let proof = prover::proof(&path, &key)?;
            Ok(Proof::new(proof.to_bytes(&key), proof, &key))
        })
    }

    /// Reads a file's bytes for a key.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: Vec<u8>, key: &VerifyingKey) -> PyResult<Proof> {
        let key = Arc::clone(&key.key);
        work(py, None, move |_| {
            let proof = ProofFile::from_bytes(&bytes, &key)?;
            Ok(Proof::new(bytes, proof, &key))
        })
    }

    /// The file's bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes)
    }

    /// Writes a file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let bytes = Arc::clone(&self.bytes);
        work(py, None, move |_| files::write(&path, &bytes))
    }

    /// Inferences that were asked for.
    fn used(&self) -> usize {
        self.used
    }

    /// The tokens of the prompt and those after it that it claims, if it claims a text. Nothing is verified.
    fn claim(&self) -> Option<(u64, u64)> {
        self.claim.map(|c| (c.prompt, c.generated))
    }

    /// About the model, as JSON.
    fn metadata(&self) -> String {
        serde_json::to_string(&self.metadata).unwrap_or_default()
    }

    /// Its inputs; a hidden one has no values.
    fn inputs<'py>(&self, py: Python<'py>) -> Vec<Tensor<'py>> {
        self.some(py, &self.metadata.inputs, &self.tensors)
    }

    /// Its outputs, but for those that are committed to.
    fn outputs<'py>(&self, py: Python<'py>) -> Vec<Tensor<'py>> {
        let rest = self.tensors.get(self.metadata.inputs.len()..).unwrap_or_default();
        let all = self.metadata.outputs.iter().zip(rest).filter(|(_, values)| !values.is_empty());
        let (ports, tensors): (Vec<Port>, Vec<Vec<i64>>) = all.map(|(p, t)| (p.clone(), t.clone())).unzip();
        self.some(py, &ports, &tensors)
    }
}
