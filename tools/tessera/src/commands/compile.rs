//! `tessera compile`: import, calibrate, quantize, lower, place; one file comes out.
use crate::cli::{CalibrationMethod, Compile, Level as EmitLevel};
use crate::data::DataFile;
use crate::data::bind::{self, Factor, Inputs, Wanted};
use crate::failure::{Failure, Problem, Result};
use crate::measure::{Time, peak_rss_mb, timed};
use crate::model::{Calibration, Level, Metadata, Model, Port};
use crate::pipeline::{STAGES, Stage};
use crate::screen::Screen;
use crate::show::program::{ProgramSummary, summary};
use crate::{files, show};
use melior::ir::OperationRef;
use ndarray::ArrayD;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use tessera_api::{Backend, Digest};
use tessera_circuit::ports::ports;
use tessera_circuit_to_program::{PlaceError, PlaceOptions, place};
use tessera_import_onnx::{ImportError, ImportOptions, Source};
use tessera_mlir::{func::Func, params, types};
use tessera_nn_to_qnn::{Method, calibrate};

/// Everything that decides what comes out.
pub struct Request<'a> {
    /// For people, and the name of parameter files.
    pub name: String,
    /// The ONNX file's bytes.
    pub onnx: &'a [u8],
    /// Where it was read from; external weights lie beside it.
    pub file: Option<&'a Path>,
    /// Calibration data.
    pub data: &'a DataFile,
    /// What the user said integers are multiplied by.
    pub factor: Option<Factor>,
    /// Inferences a proof covers.
    pub batch: usize,
    /// How ranges are found.
    pub method: CalibrationMethod,
    /// For the method of that name.
    pub percentile: f64,
    /// Inferences looked at, at most.
    pub samples: usize,
    /// Class names.
    pub labels: Vec<String>,
    /// Where the IR after every pass goes.
    pub dump_ir: Option<&'a Path>,
    /// What the user said about shapes.
    pub import: Import,
}

/// What a user can say about shapes that the file leaves open.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Values of symbolic dimensions.
    pub dims: BTreeMap<String, usize>,
    /// Shapes of inputs.
    pub shapes: BTreeMap<String, Vec<usize>>,
}

/// What came out.
pub struct Compiled {
    /// The model.
    pub model: Model,
    /// Where everything was placed, as text.
    pub placement: String,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Compiles a model. Deterministic: the same request gives the same bytes.
pub fn compile(r: &Request) -> Result<Compiled> {
    if let Some(dir) = r.dump_ir {
        std::fs::create_dir_all(dir).map_err(|e| Failure::io("make the directory", dir, &e))?;
    }
    let context = tessera_passes::context();
    let weights = format!("{}.safetensors", r.name);
    let options = ImportOptions {
        dims: r.import.dims.clone(),
        shapes: r.import.shapes.clone(),
        weights: Some(weights),
    };
    let source = r.file.map_or(Source::Bytes(r.onnx), Source::Path);
    let (mut module, _) = tessera_import_onnx::import(&context, source, &options)?;
    let mut levels = BTreeMap::new();
    let mut reach = |stage: &Stage, level: Level| levels.insert(stage.level.to_string(), level);

    let [nn, qnn, circuit] = &STAGES;
    nn.run(&mut module, r.dump_ir)?;
    let inputs = calibration_data(r, module.as_operation())?;
    let samples = spread(&inputs, r.samples.max(1), module.as_operation())?;
    let float = params::of(module.as_operation())?;
    calibrate(module.as_operation(), &float, &samples, method(r))?;
    reach(nn, nn.snapshot(&module, r.dump_ir)?);

    qnn.run(&mut module, r.dump_ir)?;
    reach(qnn, qnn.snapshot(&module, r.dump_ir)?);

    circuit.run(&mut module, r.dump_ir)?;
    reach(circuit, circuit.snapshot(&module, r.dump_ir)?);

    let (ins, outs) = ports(module.as_operation())?;
    let prices = tessera_plonky3::Plonky3::default().prices();
    let options = PlaceOptions { batch: r.batch, prices, ..PlaceOptions::default() };
    let placed = place(&module, &*params::of(module.as_operation())?, &options)?;
    if let Some(dir) = r.dump_ir {
        files::write(&dir.join("program.txt"), placed.dump.as_bytes())?;
    }
    // remembered for integers only: floats are taken as they are when a model runs
    let factors = inputs.factors.iter().copied();
    let metadata = Metadata {
        name: r.name.clone(),
        compiler: env!("CARGO_PKG_VERSION").into(),
        source: Digest(*blake3::hash(r.onnx).as_bytes()),
        parameters: float.0.values().map(|p| p.data.len() as u64).sum(),
        batch: r.batch,
        inputs: ins.iter().zip(factors).map(|(p, f)| port(p, f)).collect(),
        outputs: outs.iter().map(|p| port(p, None)).collect(),
        labels: r.labels.clone(),
        calibration: Calibration {
            method: method_name(r.method).into(),
            percentile: (r.method == CalibrationMethod::Percentile).then_some(r.percentile),
            samples: samples.len(),
            data: r.data.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        },
        pipeline: STAGES.iter().map(Stage::pipeline).collect(),
    };
    metadata.check(&placed.program.publics)?;
    let model = Model { metadata, program: placed.program, plan: placed.plan, levels };
    Ok(Compiled { model, placement: placed.dump, notes: inputs.notes })
}

fn port(p: &tessera_circuit::ports::Port, factor: Option<Factor>) -> Port {
    let (scale, min, max) = p.scaling.map_or((1.0, p.ty.lo, p.ty.hi), |s| (s.scale, s.min, s.max));
    Port { name: p.name.clone(), shape: p.ty.shape.clone(), scale, min, max, factor }
}

fn method(r: &Request) -> Method {
    match r.method {
        CalibrationMethod::MinMax => Method::MinMax,
        CalibrationMethod::Percentile => Method::Percentile(r.percentile),
    }
}

fn method_name(m: CalibrationMethod) -> &'static str {
    match m {
        CalibrationMethod::MinMax => "min-max",
        CalibrationMethod::Percentile => "percentile",
    }
}

/// The calibration data, bound to the inputs of the imported model.
fn calibration_data(r: &Request, module: OperationRef) -> Result<Inputs> {
    let main = Func::main(module)?;
    let mut named = vec![];
    for (i, value) in main.arguments().into_iter().enumerate() {
        named.push((main.argument_name(i), types::of(value)?.shape));
    }
    let wanted: Vec<Wanted> =
        named.iter().map(|(name, shape)| Wanted { name, shape, factor: None }).collect();
    bind::inputs(r.data, &wanted, r.factor)
}

/// At most `limit` inferences, evenly spread over all of them, as arrays.
fn spread(inputs: &Inputs, limit: usize, module: OperationRef) -> Result<Vec<Vec<ArrayD<f32>>>> {
    let main = Func::main(module)?;
    let shapes: Vec<Vec<usize>> =
        main.arguments().into_iter().map(|v| types::of(v).map(|t| t.shape)).collect::<Result<_, _>>()?;
    let n = inputs.count.min(limit);
    let sample = |k: usize| {
        let i = k * inputs.count / n;
        let array = |(t, s): (usize, &Vec<usize>)| {
            ArrayD::from_shape_vec(s.clone(), inputs.one(t, i).to_vec())
                .map_err(|e| Failure::new(format!("calibration data: {e}")))
        };
        shapes.iter().enumerate().map(array).collect()
    };
    (0..n).map(sample).collect()
}

#[derive(Serialize)]
struct Report<'a> {
    model: String,
    bytes: u64,
    metadata: &'a Metadata,
    program: ProgramSummary,
    time: Time,
    peak_rss_mb: f64,
}

/// Runs the command.
pub fn run(o: &Compile, screen: &Screen) -> Result<()> {
    let onnx = files::read(&o.model)?;
    let data = DataFile::read(&o.calibration)?;
    let name = o.model.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let request = Request {
        name,
        onnx: &onnx,
        file: Some(&o.model),
        data: &data,
        factor: o.data.scale,
        batch: o.batch as usize,
        method: o.calibration_method,
        percentile: o.percentile,
        samples: o.calibration_samples,
        labels: labels(o.labels.as_deref())?,
        dump_ir: o.dump_ir.as_deref(),
        import: Import {
            dims: pairs(&o.dim),
            shapes: pairs(&o.shape).into_iter().map(|(n, s)| (n, s.0)).collect(),
        },
    };
    let bar = screen.progress.phase(&format!("compiling {}", request.name), None);
    let (compiled, time) = timed(|| compile(&request));
    bar.finish_and_clear();
    let compiled = compiled.map_err(|f| f.in_file(&o.model))?;
    compiled.notes.iter().for_each(|n| screen.note(n));
    if let Some(level) = o.emit {
        return emit(level, &compiled, screen);
    }

    let path = o.output.clone().unwrap_or_else(|| files::beside(&o.model, "tess"));
    let bytes = compiled.model.to_bytes();
    files::write(&path, &bytes)?;
    let m = &compiled.model.metadata;
    let report = Report {
        model: path.display().to_string(),
        bytes: bytes.len() as u64,
        metadata: m,
        program: summary(&compiled.model.program),
        time,
        peak_rss_mb: peak_rss_mb(),
    };
    screen.json(&report);
    screen.line(format!(
        "compiled {} ({} parameters, {} per proof) in {}: {}, {}",
        m.name,
        show::count(m.parameters),
        show::plural(m.batch, "inference"),
        show::seconds(time.wall_s),
        report.model,
        show::bytes(report.bytes)
    ));
    for p in &m.inputs {
        screen.line(format!("  input  {} {:?}, step {:.6}", p.name, p.shape, p.scale));
    }
    for p in &m.outputs {
        screen.line(format!("  output {} {:?}, step {:.6}", p.name, p.shape, p.scale));
    }
    report.program.lines().iter().for_each(|l| screen.line(format!("  {l}")));
    Ok(())
}

/// Prints one level.
fn emit(level: EmitLevel, compiled: &Compiled, screen: &Screen) -> Result<()> {
    let text = match level {
        EmitLevel::Program => &compiled.placement,
        level => match compiled.model.levels.get(level.name()) {
            Some(l) => &l.text,
            None => return Err(Failure::new(format!("there is no level {:?}", level.name()))),
        },
    };
    screen.json(&serde_json::json!({ "level": level.name(), "text": text }));
    screen.line(text.trim_end());
    Ok(())
}

/// Class names from a list with commas, or from a file with one per line.
fn labels(given: Option<&str>) -> Result<Vec<String>> {
    let Some(given) = given else { return Ok(vec![]) };
    let trim = |s: &str| s.trim().to_string();
    if given.contains(',') {
        return Ok(given.split(',').map(trim).collect());
    }
    let path = Path::new(given);
    let text = String::from_utf8(files::read(path)?)
        .map_err(|_| Failure::new("class names have to be UTF-8 text, one per line").in_file(path))?;
    Ok(text.lines().map(trim).filter(|l| !l.is_empty()).collect())
}

fn pairs<T: Clone>(list: &[crate::cli::Named<T>]) -> BTreeMap<String, T> {
    list.iter().map(|n| (n.name.clone(), n.value.clone())).collect()
}

impl From<ImportError> for Failure {
    fn from(e: ImportError) -> Failure {
        let text = e.to_string();
        match e {
            ImportError::Unsupported(nodes) => {
                let problem = |n: &tessera_import_onnx::UnsupportedNode| Problem {
                    message: format!("the model has a node that cannot be compiled: {} ({})", n.reason, n.op),
                    place: Some(format!("node {:?}", n.name)),
                    ..Problem::default()
                };
                let mut problems: Vec<Problem> = nodes.iter().map(problem).collect();
                if let Some(last) = problems.last_mut() {
                    let known = tessera_import_onnx::accept::SUPPORTED.join(", ");
                    last.expected = Some(format!("only these operators: {known}"));
                }
                Failure { code: 2, problems }
            }
            ImportError::Io { path, source } => Failure::io("read", &path, &source),
            ImportError::NotOnnx(_) => {
                Failure::new(text).help("give a file that torch.onnx.export or another exporter wrote")
            }
            ImportError::UnknownShape(_) => {
                Failure::new(text).help("say --dim NAME=VALUE for a dimension, or --shape INPUT=1,3,32,32")
            }
            _ => Failure::new(text),
        }
    }
}

impl From<PlaceError> for Failure {
    fn from(e: PlaceError) -> Failure {
        match e {
            PlaceError::Ir(e) => e.into(),
            PlaceError::Unsupported(ops) => {
                let problem = |(source, what): &(String, String)| Problem {
                    message: format!("an operation cannot be proven by this version: {what}"),
                    place: Some(source.clone()),
                    ..Problem::default()
                };
                Failure { code: 2, problems: ops.iter().map(problem).collect() }
            }
            other => Failure::new(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_come_from_a_list_or_a_file() {
        assert_eq!(labels(Some("cat, dog")).unwrap(), ["cat", "dog"]);
        assert!(labels(None).unwrap().is_empty());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("names.txt");
        std::fs::write(&path, "cat\r\n\ndog \n").unwrap();
        assert_eq!(labels(path.to_str()).unwrap(), ["cat", "dog"]);
        assert!(labels(Some("no such file")).is_err());
    }
}
