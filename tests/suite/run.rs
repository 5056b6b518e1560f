//! Runs cases of the onnx package through every level: the float interpreter against the package's outputs, then the integers of
//! the quantized model down to the reference checker and a proof.
//!
//! Invariants:
//! - A case passes at the float level when every output agrees within the package's tolerance, and at the lower levels when all
//!   levels give the same integers and these stand for the expected outputs within [`COARSE`] of their range.
//! - A case that is imported and disagrees is wrong, not refused.

use ndarray::{ArrayD, IxDyn};
use ndarray_npy::ReadNpyExt;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tessera_api::{Program, Trace};
use tessera_circuit::ports::{Port, ports};
use tessera_circuit_to_program::{PlaceOptions, place};
use tessera_import_onnx::{ImportError, ImportOptions, import, read_graph};
use tessera_mlir::func::Func;
use tessera_mlir::params;
use tessera_mlir::pipeline::{self, Settings};
use tessera_mlir::types::Elem;
use tessera_nn_to_qnn::{Method, calibrate};
use tessera_plonky3::{Plonky3, SecurityTarget};
use tessera_qnn::interp::{Plan, Tensor};
use zk_opt::pipeline::pipeline_from;

/// How far an output of 8-bit integers may lie from the expected one, as a part of the range of the expected outputs.
const COARSE: f64 = 0.25;

/// A case.
#[derive(Debug)]
pub struct Case {
    /// Its name in the package.
    pub name: String,
    /// What the archive says of it.
    pub about: About,
    model: Vec<u8>,
    inputs: Vec<ArrayD<f64>>,
    outputs: Vec<ArrayD<f64>>,
}

/// What the archive says of a case.
#[derive(Debug, Deserialize)]
pub struct About {
    /// Operators in its graph.
    pub operators: Vec<String>,
    rtol: f64,
    atol: f64,
    inputs: usize,
    outputs: usize,
    /// Names of the inputs.
    names: Vec<String>,
}

/// The levels that a case can reach, in order.
pub const LEVELS: [&str; 4] = ["refused", "float", "checker", "plonky3"];

/// How far a case came, and why not further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// An index of [`LEVELS`].
    pub level: usize,
    /// Why it came no further.
    pub why: String,
    /// The result differs from the expected one.
    pub wrong: bool,
}

/// Reads an archive that `cases.py` wrote.
pub fn read(archive: impl Read + Seek) -> Vec<Case> {
    let mut zip = zip::ZipArchive::new(archive).expect("an archive");
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).expect("a file of the archive");
        let mut bytes = vec![];
        file.read_to_end(&mut bytes).expect("its bytes");
        files.insert(file.name().to_owned(), bytes);
    }
    let names: Vec<String> =
        files.keys().filter_map(|n| n.strip_suffix("/about")).map(str::to_owned).collect();
    let case = |name: String| {
        let about: About = serde_json::from_slice(&files[&format!("{name}/about")]).expect("a description");
        let array = |file: String| ArrayD::<f64>::read_npy(Cursor::new(&files[&file])).expect("an array");
        let inputs = (0..about.inputs).map(|i| array(format!("{name}/in_{i}.npy"))).collect();
        let outputs = (0..about.outputs).map(|i| array(format!("{name}/out_{i}.npy"))).collect();
        let model = files[&format!("{name}/model.onnx")].clone();
        Case { name, about, model, inputs, outputs }
    };
    names.into_iter().map(case).collect()
}

impl Case {
    /// Follows the case as far as it goes, at most to level `most`. A panic is wrong.
    pub fn run(&self, most: usize) -> Reached {
        catch_unwind(AssertUnwindSafe(|| self.follow(most))).unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Reached { level: 0, why: format!("panics: {}", text.unwrap_or_default()), wrong: true }
        })
    }

    fn follow(&self, most: usize) -> Reached {
        let mut reached = Reached { level: 0, why: String::new(), wrong: false };
        let mut step = |why: Result<(), Stop>| match why {
            Ok(()) => {
                reached.level += 1;
                true
            }
            Err(Stop::Refused(why)) => {
                reached.why = why;
                false
            }
            Err(Stop::Wrong(why)) => {
                (reached.why, reached.wrong) = (why, true);
                false
            }
        };
        let context = tessera_passes::context();
        let name = format!("suite-{}.safetensors", self.name);
        let mut options = ImportOptions { weights: Some(name), ..ImportOptions::default() };
        // where the file leaves them open
        options.shapes =
            self.about.names.iter().cloned().zip(self.inputs.iter().map(|x| x.shape().to_vec())).collect();
        let graph = match read_graph((&self.model[..]).into(), &options) {
            Ok(graph) => graph,
            Err(error) => {
                step(Err(refusal(error)));
                return reached;
            }
        };
        // what depends on no input is known when the model is read
        if graph.outputs.iter().all(|(_, v)| graph.constant(*v).is_some()) {
            let found: Vec<ArrayD<f64>> = graph
                .outputs
                .iter()
                .filter_map(|(_, v)| graph.constant(*v))
                .map(|c| c.mapv(f64::from))
                .collect();
            if step(self.agrees(&found)) {
                reached.why = "depends on no input".into();
            }
            return reached;
        }
        let (mut module, params) = match import(&context, (&self.model[..]).into(), &options) {
            Ok(imported) => imported,
            Err(error) => {
                step(Err(refusal(error)));
                return reached;
            }
        };
        let op = module.as_operation();
        let inputs: Vec<ArrayD<f32>> = self.inputs.iter().map(|x| x.mapv(|v| v as f32)).collect();
        let float = tessera_nn::interp::Plan::new(&Func::main(op).expect("@main"), &params).expect("a plan");
        let found = float.run(&inputs).map_err(|e| Stop::Refused(e.to_string()));
        let found = found.map(|found| found.iter().map(|y| y.mapv(f64::from)).collect::<Vec<_>>());
        if !step(found.and_then(|found| self.agrees(&found))) || most < 2 {
            return reached;
        }
        let calibrated =
            calibrate(op, &params, &[inputs], Method::MinMax).map_err(|e| Stop::Refused(e.to_string()));
        if let Err(why) = calibrated {
            step(Err(why));
            return reached;
        }
        let lowered = self.integers(&mut module);
        let (program, trace) = match lowered {
            Ok(lowered) => lowered,
            Err(why) => {
                step(Err(why));
                return reached;
            }
        };
        if !step(Ok(())) || most < 3 {
            return reached;
        }
        step(proven(&program, trace));
        reached
    }

    /// Whether outputs are as expected.
    fn agrees(&self, found: &[ArrayD<f64>]) -> Result<(), Stop> {
        for (i, (found, expected)) in found.iter().zip(&self.outputs).enumerate() {
            if found.shape() != expected.shape() {
                let why =
                    format!("output {i} has shape {:?}, expected {:?}", found.shape(), expected.shape());
                return Err(Stop::Wrong(why));
            }
            // what is left of numbers that cancel is not exact, in the package's outputs neither
            let most = expected.iter().filter(|e| e.is_finite()).fold(0.0, |m: f64, e| m.max(e.abs()));
            let rounding = 4.0 * f64::from(f32::EPSILON) * most;
            for (at, (y, e)) in found.iter().zip(expected).enumerate() {
                let allowed = (self.about.atol + self.about.rtol * e.abs()).max(rounding);
                let close = y == e || (y - e).abs() <= allowed;
                if !close {
                    // the levels compute with finite numbers only
                    if !e.is_finite() || !y.is_finite() && e.abs() > f32::MAX.into() {
                        return Err(Stop::Refused(format!("output {i} is not finite ({e})")));
                    }
                    return Err(Stop::Wrong(format!("element {at} of output {i} is {y}, expected {e}")));
                }
            }
        }
        Ok(())
    }

    /// Through the integer levels to a Program and its trace, which the reference checker accepts.
    fn integers(&self, module: &mut melior::ir::Module) -> Result<(Program, Trace), Stop> {
        let refused = |error: &dyn ToString| Stop::Refused(error.to_string());
        let run = |module: &mut melior::ir::Module, passes: &str| {
            pipeline::run(module, passes, &Settings::default()).map_err(|e| refused(&e))
        };
        let passes = pipeline_from("nn").replace("nn-calibrate,", "");
        let (to_qnn, _) = passes.split_once(",convert-qnn-to-circuit").expect("the pass between the levels");
        run(module, &format!("{to_qnn})"))?;
        let quantized = params::of(module.as_operation()).map_err(|e| refused(&e))?;
        let main = Func::main(module.as_operation()).expect("@main");
        let plan = Plan::new(&main, &quantized).map_err(|e| refused(&e))?;
        let mut integers = vec![];
        for (input, x) in plan.inputs().iter().zip(&self.inputs) {
            let Elem::Quant(quant) = &input.ty.elem else { return Err(Stop::Refused("a real input".into())) };
            let x =
                tessera_qnn::interp::quantize_array(&x.mapv(|v| v as f32), quant).map_err(|e| refused(&e))?;
            integers.push(x);
        }
        let tensors: Vec<Tensor> = integers.iter().cloned().map(Tensor::Int).collect();
        let expected = plan.run_tensors(&tensors, |_, _| {}).map_err(|e| refused(&e))?;
        let expected: Vec<ArrayD<i64>> =
            expected.into_iter().map(|y| y.int().cloned().expect("integers")).collect();
        run(module, &pipeline_from("qnn"))?;
        let params = params::of(module.as_operation()).unwrap_or_default();
        let found = tessera_circuit::interp::run(module.as_operation(), &integers, &params);
        let found = found.map_err(|e| Stop::Wrong(format!("the circuit does not run: {e}")))?;
        if found != expected {
            return Err(Stop::Wrong("the circuit gives other integers than the quantized model".into()));
        }
        let (_, outputs) = ports(module.as_operation()).map_err(|e| refused(&e))?;
        self.stands_for(&found, &outputs)?;
        let placed = place(module, &params, &PlaceOptions::new(tessera_backends::default()))
            .map_err(|e| refused(&e))?;
        let flat = |arrays: &[ArrayD<i64>]| -> Vec<Vec<i64>> {
            arrays.iter().map(|array| array.iter().copied().collect()).collect()
        };
        let trace = tessera_runtime::run(&placed.program, &placed.plan, flat(&integers));
        let trace = trace.map_err(|e| Stop::Wrong(format!("no witness: {e}")))?;
        if trace.publics.tensors[integers.len()..] != flat(&found) {
            return Err(Stop::Wrong("the witness has other outputs than the circuit".into()));
        }
        if let Err(failures) = tessera_checker::check(&placed.program, &trace) {
            return Err(Stop::Wrong(format!("the checker refuses an honest witness: {failures:?}")));
        }
        Ok((placed.program, trace))
    }

    /// Whether integers stand for the expected outputs.
    fn stands_for(&self, found: &[ArrayD<i64>], outputs: &[Port]) -> Result<(), Stop> {
        for ((y, port), expected) in found.iter().zip(outputs).zip(&self.outputs) {
            let scale = port.scaling.as_ref().map_or(1.0, |s| s.scale);
            let least = expected.iter().copied().fold(f64::INFINITY, f64::min);
            let most = expected.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let range = (most - least).max(most.abs()).max(least.abs());
            let expected = ArrayD::from_shape_vec(IxDyn(y.shape()), expected.iter().copied().collect());
            let expected = expected.map_err(|e| Stop::Wrong(e.to_string()))?;
            let off = y.iter().zip(&expected).map(|(y, e)| (*y as f64 * scale - e).abs()).fold(0.0, f64::max);
            if off > COARSE * range + 1e-6 {
                let percent = 100.0 * off / range.max(1e-30);
                return Err(Stop::Refused(format!(
                    "8-bit integers are too coarse: {percent:.0} % of the range off"
                )));
            }
        }
        Ok(())
    }
}

/// Why a case comes no further.
enum Stop {
    Refused(String),
    Wrong(String),
}

fn refusal(error: ImportError) -> Stop {
    match error {
        ImportError::Unsupported(nodes) => {
            let mut reasons: Vec<String> = nodes.iter().map(|n| format!("{}: {}", n.op, n.reason)).collect();
            reasons.dedup();
            Stop::Refused(reasons.join("; "))
        }
        ImportError::Crash { message, .. } => Stop::Wrong(format!("the import panics: {message}")),
        other => Stop::Refused(other.to_string().replace('\n', " ")),
    }
}

/// Proves and verifies; the relation is what is followed here, so few bits of security do.
fn proven(program: &Program, trace: Trace) -> Result<(), Stop> {
    let backend = Plonky3 { target: SecurityTarget { bits: 20, grinding: 2, ..SecurityTarget::default() } };
    let (pk, vk) = backend.setup(program).map_err(|e| Stop::Refused(e.to_string()))?;
    let mut publics = trace.publics.clone();
    let (proof, _) = backend.prove(&pk, trace).map_err(|e| Stop::Wrong(format!("no proof: {e}")))?;
    backend
        .verify(&vk, &publics, &proof)
        .map_err(|e| Stop::Wrong(format!("an honest proof is refused: {e}")))?;
    if let Some(last) = publics.tensors.last_mut().and_then(|tensor| tensor.last_mut()) {
        *last -= 1;
    }
    match backend.verify(&vk, &publics, &proof) {
        Ok(_) => Err(Stop::Wrong("a proof of another output is accepted".into())),
        Err(_) => Ok(()),
    }
}

/// The results of many cases, one line each: name, operators, level, why no further.
pub fn list(results: &[(&Case, Reached)]) -> String {
    let line = |(case, r): &(&Case, Reached)| {
        let why = r.why.replace('\n', " ");
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(": {}", why.chars().take(200).collect::<String>())
        };
        let (name, ops) = (&case.name, case.about.operators.join("+"));
        format!("{name} {ops} {}{why}\n", if r.wrong { "WRONG" } else { LEVELS[r.level] })
    };
    results.iter().map(line).collect()
}
