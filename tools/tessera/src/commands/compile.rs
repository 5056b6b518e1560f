//! `tessera compile`: import, calibrate, quantize, lower, place; one file comes out. Given IR, it continues from there.
use crate::cli::{
    Bindings, Bits, CalibrationMethod, Compile, Level as EmitLevel, ModelOutput, Named, Visible, Weights,
};
use crate::data::bind::{self, Factor, Inputs, Wanted};
use crate::data::{Array, DataFile, Numbers};
use crate::failure::{Failure, Problem, Result, USE};
use crate::forms::{EGRAPH, Forms};
use crate::ir::Ir;
use crate::limits::{Chosen, Limits};
use crate::measure::{Time, peak_rss_mb, timed};
use crate::model::{Calibration, Level, Metadata, Model, Port};
use crate::pipeline::Quantizing;
use crate::prover::{self, backend};
use crate::screen::Screen;
use crate::show::program::{Prediction, ProgramSummary, summary};
use crate::{files, forms, optimize, pipeline, prices, show};
use melior::{
    Context,
    ir::{Module, OperationRef, operation::OperationLike},
};
use ndarray::ArrayD;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use tessera_api::{Backend, Digest, Prices, TargetSpec, spec};
use tessera_circuit::graph::Circuit;
use tessera_circuit::ops::Visibility;
use tessera_circuit::ports::ports;
use tessera_circuit_to_program::{PlaceError, PlaceOptions, place};
use tessera_import_onnx::{ImportError, ImportOptions, Source, Texts};
use tessera_mlir::types::{self, Elem};
use tessera_mlir::{attrs, context_of, func::Func, params, print_with_locations};
use tessera_nn_to_qnn::{Goal, Outcome, attach_samples, calibrate::SAMPLES};
use zk_opt::pipeline::level_of;

/// Everything that decides what comes out.
pub struct Request<'a> {
    /// For people, and the name of parameter files.
    pub name: String,
    /// The ONNX file's bytes.
    pub onnx: &'a [u8],
    /// Where it was read from; external weights lie beside it.
    pub file: Option<&'a Path>,
    /// Calibration data: the inferences of all of them.
    pub data: &'a [DataFile],
    /// What the user said integers are multiplied by.
    pub factor: Option<Factor>,
    /// How the circuit becomes a Program.
    pub placing: Placing,
    /// How reals become integers.
    pub quantizing: Quantizing,
    /// Inferences looked at, at most.
    pub samples: usize,
    /// Class names.
    pub labels: Vec<String>,
    /// Where the IR after every pass goes.
    pub dump_ir: Option<&'a Path>,
    /// What the user said about shapes.
    pub import: Import,
    /// Is told the name of every pass after it has run; its error ends the work.
    pub watch: Watch<'a>,
}

/// See [`Request::watch`].
pub type Watch<'a> = &'a dyn Fn(&str) -> Result<()>;

/// How a circuit becomes a Program.
#[derive(Clone, Debug)]
pub struct Placing {
    /// Inferences a proof covers.
    pub batch: usize,
    /// What the verifying key will say of weights.
    pub weights: Weights,
    /// Whether inputs are private, and proofs hide them.
    pub zero_knowledge: bool,
    /// Who sees which input or output; of others inputs are private with zero knowledge, and all else is public.
    pub visibility: BTreeMap<String, Visible>,
    /// How many proofs a key of hidden weights serves, at least; 16 where nothing is said.
    pub uses: Option<u32>,
    /// The backend that will prove.
    pub backend: &'static dyn Backend,
    /// Which forms are left out.
    pub forms: Forms,
    /// The most that a proof may take.
    pub limits: Limits,
    /// What decides how it is placed, where that is not what the backend charges.
    pub prices: Option<Prices>,
}

impl Placing {
    /// The prices that decide.
    pub fn prices(&self) -> Prices {
        self.prices.unwrap_or_else(|| self.backend.prices())
    }

    /// Errs where this version cannot do it.
    pub fn checked(self) -> Result<Placing> {
        let hides = self.zero_knowledge || self.visibility.values().any(|v| *v != Visible::Public);
        let hidden = hides && self.weights == Weights::Committed;
        match (self.uses, hidden) {
            (Some(0), true) => {
                Err(Failure::new("a key that serves no proof is none").expected("at least one proof"))
            }
            (Some(uses), false) => Err(Failure::new("only proofs that hide committed weights are counted")
                .expected("a number of proofs with zero knowledge and committed weights")
                .found(format!("{uses} proofs without both"))),
            _ => Ok(self),
        }
    }
}

/// What a user can say about shapes that the file leaves open.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Values of symbolic dimensions.
    pub dims: BTreeMap<String, usize>,
    /// Shapes of inputs.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Values of inputs that are none any more.
    pub set: BTreeMap<String, f64>,
}

impl From<&Bindings> for Import {
    fn from(o: &Bindings) -> Self {
        Self {
            dims: o.dim.iter().map(|n| (n.name.clone(), n.value)).collect(),
            shapes: o.shape.iter().map(|n| (n.name.clone(), n.value.0.clone())).collect(),
            set: o.set.iter().map(|n| (n.name.clone(), n.value)).collect(),
        }
    }
}

/// What came out.
pub struct Compiled {
    /// The model.
    pub model: Model,
    /// What keys and proofs of it take.
    pub prediction: Prediction,
    /// What keys have to be made for to keep to limits, where that is not time.
    pub goal: Option<&'static str>,
    /// Where everything was placed, as text.
    pub placement: String,
    /// What a person should know.
    pub notes: Vec<String>,
    /// What was chosen, where bits were to be chosen.
    pub bits: Option<Outcome>,
}

/// Compiles a model by the default pipeline. Deterministic: the same request gives the same bytes.
pub fn compile(r: &Request) -> Result<Compiled> {
    compile_by(r, &pipeline::default("nn", r.quantizing))
}

/// As [`compile`], by any pipeline from nn to circuit.
pub fn compile_by(r: &Request, pipeline: &str) -> Result<Compiled> {
    let context = tessera_passes::context();
    let start = import(&context, r)?;
    let lowered = lower(start, pipeline, &r.placing, (r.dump_ir, r.watch))?;
    (r.watch)("place")?;
    finish(lowered, &r.labels, &r.placing, r.dump_ir)
}

/// A module that no pass has seen yet, and what is known about it.
struct Start<'c> {
    module: Module<'c>,
    about: About,
}

/// What goes into the metadata beside what the circuit says.
#[derive(Clone)]
struct About {
    name: String,
    source: Digest,
    parameters: u64,
    calibration: Calibration,
    /// What integers in data files are multiplied by, by input.
    factors: Vec<Option<Factor>>,
    texts: Texts,
    notes: Vec<String>,
}

/// A module after a pipeline.
struct Lowered<'c> {
    module: Module<'c>,
    about: About,
    pipeline: String,
    levels: BTreeMap<String, Level>,
}

/// The imported network, with samples to calibrate it.
fn import<'c>(context: &'c Context, r: &Request) -> Result<Start<'c>> {
    let module = imported(context, r)?;
    let declared = Declared::of(r.onnx)?;
    let (inputs, samples) = samples(&module, &r.name, r.data, (r.factor, &declared), r.samples)?;
    let calibration = Calibration {
        method: method_name(r.quantizing.method).into(),
        percentile: percentile(r.quantizing),
        samples,
        data: r.data.first().map(|d| file_name(&d.path)).unwrap_or_default(),
    };
    let about = About {
        name: r.name.clone(),
        source: Digest(*blake3::hash(r.onnx).as_bytes()),
        parameters: parameters(&module)?,
        calibration,
        // remembered for integers only: floats are taken as they are when a model runs
        factors: inputs.factors,
        texts: declared.texts,
        notes: inputs.notes,
    };
    Ok(Start { module, about })
}

/// The network as the file has it, with samples to calibrate it where there are data.
pub(crate) fn module_of<'c>(context: &'c Context, r: &Request) -> Result<Module<'c>> {
    let module = imported(context, r)?;
    if !r.data.is_empty() {
        samples(&module, &r.name, r.data, (r.factor, &Declared::of(r.onnx)?), r.samples)?;
    }
    Ok(module)
}

/// Compiles a module of any level by what is left of the default pipeline. Of a request's fields, those about a model's file are not looked at.
pub fn compile_ir(ir: &Ir, r: &Request) -> Result<Compiled> {
    let context = tessera_passes::context();
    let module = ir.open(&context)?;
    let level = level_of(module.as_operation())?;
    let mut about = about_ir(&module, &r.name, ir.text.as_bytes(), "a module", r.factor)?;
    calibrated_by(&module, &mut about, (r.data, r.factor, r.samples))?;
    let start = Start { module, about };
    let lowered = lower(start, &pipeline::default(level, r.quantizing), &r.placing, (r.dump_ir, r.watch))?;
    (r.watch)("place")?;
    finish(lowered, &r.labels, &r.placing, r.dump_ir)
}

/// The network as the file has it.
fn imported<'c>(context: &'c Context, r: &Request) -> Result<Module<'c>, ImportError> {
    let options = ImportOptions {
        dims: r.import.dims.clone(),
        shapes: r.import.shapes.clone(),
        set: r.import.set.clone(),
        weights: Some(format!("{}.safetensors", r.name)),
        reads: Some(files::remember),
    };
    let source = r.file.map_or(Source::Bytes(r.onnx), |path| Source::File(r.onnx, path));
    Ok(tessera_import_onnx::import(context, source, &options)?.0)
}

/// What a file says of its inputs that the network does not.
#[derive(Default)]
struct Declared {
    /// Inputs that are integers, which a network may take for numbers like others.
    integers: HashSet<String>,
    texts: Texts,
}

impl Declared {
    fn of(onnx: &[u8]) -> Result<Self, ImportError> {
        let integers = tessera_import_onnx::inputs(onnx)?.into_iter().filter(|i| i.integers).map(|i| i.name);
        Ok(Declared { integers: integers.collect(), texts: tessera_import_onnx::texts(onnx)? })
    }
}

/// Data that stand in for calibration data, of the shapes that a network wants: what is predicted of a model depends on its shapes, and little
/// on the ranges of its values.
pub fn stand_ins(r: &Request) -> Result<DataFile, ImportError> {
    const SAMPLES: usize = 2;
    let context = tessera_passes::context();
    let module = imported(&context, r)?;
    let Declared { integers, texts } = Declared::of(r.onnx)?;
    let bad = |e: tessera_mlir::Error| ImportError::Build(e.to_string());
    let main = Func::main(module.as_operation()).map_err(bad)?;
    let mut seed = 1u64;
    // sums of four uniform numbers, near to normal ones of unit variance
    let mut normal = || {
        let one = |seed: &mut u64| {
            *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (*seed >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        (0..4).map(|_| one(&mut seed)).sum::<f32>() * 3f32.sqrt()
    };
    let mut arrays = vec![];
    for (i, value) in main.arguments().into_iter().enumerate() {
        let ty = types::of(value).map_err(bad)?;
        let inner = if ty.shape.first() == Some(&1) { &ty.shape[1..] } else { &ty.shape[..] };
        let shape: Vec<usize> = std::iter::once(SAMPLES).chain(inner.iter().copied()).collect();
        let len = shape.iter().product();
        let numbers = match ty.elem {
            // every table has these rows
            Elem::Int(_) => Numbers::I64(vec![0; len], "int64"),
            _ if texts.inputs.contains(&main.argument_name(i)) => Numbers::I64(vec![0; len], "int64"),
            // truth values, most often
            _ if integers.contains(&main.argument_name(i)) => {
                Numbers::I64((0..len).map(|_| i64::from(normal() > -1.0)).collect(), "int64")
            }
            _ => Numbers::F32((0..len).map(|_| normal()).collect()),
        };
        arrays.push((Some(main.argument_name(i)), Array { shape, numbers }));
    }
    Ok(DataFile { path: "stand-ins".into(), arrays, unreadable: vec![] })
}

/// Runs the passes, and puts a cheaper form in a circuit's place, for a backend and without what is left out.
fn lower<'c>(
    start: Start<'c>,
    pipeline: &str,
    placing: &Placing,
    (dump, watch): (Option<&Path>, Watch),
) -> Result<Lowered<'c>> {
    if placing.forms.network && level_of(start.module.as_operation())? == "nn" {
        return lower_network(start, pipeline, placing, (dump, watch));
    }
    let lowered = run_passes(start, &placing.forms.pipeline(pipeline), placing, (dump, watch))?;
    match placing.forms.has(EGRAPH) && level_of(lowered.module.as_operation())? == "circuit" {
        true => optimized(lowered, placing, dump),
        false => Ok(lowered),
    }
}

/// As [`lower`], of a network or of a form that equals it, whichever is predicted to be proven faster.
fn lower_network<'c>(
    start: Start<'c>,
    pipeline: &str,
    placing: &Placing,
    (dump, watch): (Option<&Path>, Watch),
) -> Result<Lowered<'c>> {
    let (text, samples) =
        (print_with_locations(start.module.as_operation()), samples_name(&start.about.name));
    let context = context_of(start.module.as_operation().location());
    let kept = params::get(&samples).ok();
    let again = || -> Result<Start<'c>> {
        // running passes forgets the samples
        if let Some(kept) = &kept {
            params::put(samples.as_str(), (**kept).clone());
        }
        Ok(Start { module: tessera_mlir::parse(context, &text, "network.mlir")?, about: start.about.clone() })
    };
    let own = Placing { forms: placing.forms.clone().with_network(false), ..placing.clone() };
    let equal = format!("builtin.module(nn-optimize,{}", pipeline.trim_start_matches("builtin.module("));
    let prices = placing.prices();
    let seconds = |lowered: &Lowered| -> Result<f64> {
        let op = lowered.module.as_operation();
        let circuit = Circuit::read(op, &*params::of(op)?)?;
        Ok(prices.seconds(&tessera_circuit_to_program::price(&circuit, &place_options(placing))?))
    };
    let plain = lower(again()?, pipeline, &own, (None, watch))?;
    let other = lower(again()?, &equal, &own, (None, watch))?;
    if level_of(plain.module.as_operation())? != "circuit" {
        return Ok(plain);
    }
    let (before, after) = (seconds(&plain)?, seconds(&other)?);
    let better = after < before * (1.0 - optimize::ERROR);
    if dump.is_some() {
        let pipeline = if better { &equal } else { pipeline };
        return lower(again()?, pipeline, &own, (dump, watch));
    }
    if !better {
        return Ok(plain);
    }
    let mut other = other;
    other.about.notes.push(format!(
        "nn-optimize: predicted {} in place of {}; compare both with tessera eval",
        show::seconds(after),
        show::seconds(before)
    ));
    Ok(other)
}

/// Runs the passes, for a backend and its prices.
fn run_passes<'c>(
    start: Start<'c>,
    pipeline: &str,
    placing: &Placing,
    (dump, watch): (Option<&Path>, Watch),
) -> Result<Lowered<'c>> {
    if let Some(dir) = dump {
        std::fs::create_dir_all(dir).map_err(|e| Failure::io("make the directory", dir, &e))?;
    }
    let Start { mut module, about } = start;
    let target = TargetSpec { capabilities: placing.backend.capabilities(), prices: placing.prices() };
    let op = module.as_operation();
    attrs::set(op, spec::ATTRIBUTE, attrs::string(context_of(op.location()), &target.to_string()));
    let levels = pipeline::run(&mut module, pipeline, dump, watch)?;
    params::forget(&samples_name(&about.name));
    Ok(Lowered { module, about, pipeline: pipeline.to_owned(), levels })
}

/// Puts a circuit in the place of another that computes the same, where its proof is predicted to take less time.
fn optimized<'c>(mut lowered: Lowered<'c>, placing: &Placing, dump: Option<&Path>) -> Result<Lowered<'c>> {
    let found = optimize::choose(&lowered.module, &place_options(placing), &placing.forms)?;
    let Some(pass) = found.pass else { return Ok(lowered) };
    let change = 100.0 * (1.0 - found.after / found.before);
    let (before, after) = (show::seconds(found.before), show::seconds(found.after));
    let levels = pipeline::run(&mut lowered.module, &format!("builtin.module({pass})"), None, &|_| Ok(()))?;
    if let Some(dir) = dump {
        let text = tessera_mlir::print_with_locations(lowered.module.as_operation());
        let step = forms::passes(&lowered.pipeline).len() + 1;
        files::write(&dir.join(format!("{step:02}-optimize.mlir")), text.as_bytes())?;
        files::write(&dir.join("circuit.mlir"), text.as_bytes())?;
    }
    lowered.levels.extend(levels);
    let inner = lowered.pipeline.trim_end().trim_end_matches(')').to_owned();
    lowered.pipeline = format!("{inner},{pass})");
    let rules = found.rules.join(", ");
    lowered
        .about
        .notes
        .push(format!("optimize: predicted {after} in place of {before}, {change:.1} % less, by {rules}"));
    Ok(lowered)
}

fn place_options(placing: &Placing) -> PlaceOptions {
    let Placing { batch, weights, zero_knowledge, ref visibility, uses, backend, ref forms, .. } = *placing;
    let seen = |v: &Visible| match v {
        Visible::Public => Visibility::Public,
        Visible::Private => Visibility::Private,
        Visible::Committed => Visibility::Committed,
    };
    forms.place(PlaceOptions {
        batch,
        committed: weights == Weights::Committed,
        zero_knowledge,
        visibility: visibility.iter().map(|(name, v)| (name.clone(), seen(v))).collect(),
        uses: uses.unwrap_or(USES),
        prices: placing.prices(),
        ..PlaceOptions::new(backend)
    })
}

/// Places the circuit: what comes out is a model.
fn finish(lowered: Lowered, labels: &[String], placing: &Placing, dump: Option<&Path>) -> Result<Compiled> {
    let Placing { batch, backend, .. } = *placing;
    let Lowered { module, about, pipeline, levels } = lowered;
    let level = level_of(module.as_operation())?;
    if level != "circuit" {
        return Err(Failure::new(format!("the pipeline ends at the level {level}, and a model is made from a circuit"))
            .found(pipeline)
            .help(format!(
                "end it as the default pipeline does, which zk-opt --print-default-pipeline prints; --emit {level} prints what there is"
            )));
    }
    let (ins, outs) = ports(module.as_operation())?;
    let texts = &about.texts;
    let spoken = |port: Port, of: &[String]| {
        let texts = if of.contains(&port.name) { texts.all.clone() } else { vec![] };
        Port { texts, ..port }
    };
    let metadata = Metadata {
        name: about.name,
        compiler: env!("CARGO_PKG_VERSION").into(),
        source: about.source,
        parameters: about.parameters,
        batch,
        inputs: ins.iter().zip(about.factors).map(|(p, f)| spoken(port(p, f), &texts.inputs)).collect(),
        outputs: outs.iter().map(|p| spoken(port(p, None), &texts.outputs)).collect(),
        labels: labels.to_vec(),
        calibration: about.calibration,
        pipeline: std::iter::once(pipeline).chain(placing.forms.note()).collect(),
        backend: backend.name().into(),
    };
    let params = params::of(module.as_operation())?;
    let chosen = placing
        .limits
        .place(&place_options(placing), &metadata, |options| place(&module, &params, options))?;
    let mut notes = about.notes;
    notes.extend(placing.limits.note(&chosen));
    let Chosen { placed, prediction, goal } = chosen;
    if let Some(dir) = dump {
        files::write(&dir.join("program.txt"), placed.dump.as_bytes())?;
    }
    metadata.check(&placed.program.publics)?;
    let mut model = Model::new(metadata, placed.program, placed.plan, levels);
    model.prices = placing.prices;
    let bits = Outcome::read(module.as_operation());
    Ok(Compiled { model, prediction, goal, placement: placed.dump, notes, bits })
}

/// Trained parameters of a module.
fn parameters(module: &Module) -> Result<u64> {
    Ok(params::of(module.as_operation())?.0.values().map(|p| p.data.len() as u64).sum())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

fn samples_name(model: &str) -> String {
    format!("{model}.samples.safetensors")
}

/// Binds calibration data to the inputs of a network and attaches at most `limit` inferences of them; says how many.
fn samples(
    module: &Module,
    name: &str,
    data: &[DataFile],
    factor: (Option<Factor>, &Declared),
    limit: usize,
) -> Result<(Inputs, usize)> {
    let op = module.as_operation();
    let inputs = calibration_data(data, factor, op)?;
    let samples = spread(&inputs, limit.max(1), op)?;
    attach_samples(op, &samples_name(name), &samples)?;
    Ok((inputs, samples.len()))
}

/// A port of a circuit as the metadata have it.
pub(crate) fn port(p: &tessera_circuit::ports::Port, factor: Option<Factor>) -> Port {
    let (scale, min, max) = p.scaling.map_or((1.0, p.ty.lo, p.ty.hi), |s| (s.scale, s.min, s.max));
    Port {
        name: p.name.clone(),
        shape: p.ty.shape.clone(),
        scale,
        min,
        max,
        factor,
        exact: p.scaling.is_none(),
        texts: vec![],
    }
}

fn percentile(by: Quantizing) -> Option<f64> {
    (by.method == CalibrationMethod::Percentile).then_some(by.percentile)
}

fn method_name(m: CalibrationMethod) -> &'static str {
    match m {
        CalibrationMethod::MinMax => "min-max",
        CalibrationMethod::Percentile => "percentile",
    }
}

/// The calibration data, bound to the inputs of the imported model; what the file says are integers is taken as it is.
fn calibration_data(
    data: &[DataFile],
    (factor, Declared { integers, texts }): (Option<Factor>, &Declared),
    module: OperationRef,
) -> Result<Inputs> {
    let main = Func::main(module)?;
    let mut named = vec![];
    for (i, value) in main.arguments().into_iter().enumerate() {
        let ty = types::of(value)?;
        // which indices there are rows for, the network knows
        let exact = matches!(ty.elem, Elem::Int(_)).then_some((0, bind::INDICES));
        named.push((main.argument_name(i), ty.shape, exact));
    }
    let wanted: Vec<Wanted> = named
        .iter()
        .map(|(name, shape, exact)| Wanted {
            name,
            shape,
            factor: None,
            integers: integers.contains(name),
            exact: *exact,
            texts: if texts.inputs.contains(name) { &texts.all } else { &[] },
        })
        .collect();
    let mut all = data.iter().map(|d| bind::inputs(d, &wanted, factor));
    let first = all.next().ok_or_else(|| Failure::new("the calibration data are empty"))??;
    all.try_fold(first, |mut first, more| {
        first.append(more?);
        Ok(first)
    })
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
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<&'a Outcome>,
    /// What setup has to be told to keep to the limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    setup_optimize: Option<&'static str>,
    time: Time,
    /// What it went to, and to writing the file after it.
    parts: BTreeMap<&'static str, Time>,
    peak_rss_mb: f64,
}

/// Runs the command.
pub fn run(o: &Compile, screen: &Screen) -> Result<()> {
    let name = o.model.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let labels = labels(o.labels.as_deref())?;
    let placing = placing(o)?;
    let bytes = files::read(&o.model)?;
    let path = o.output.clone().unwrap_or_else(|| files::beside(&o.model, "tess"));
    if o.emit.is_none() {
        files::check_output(&path)?;
    }
    let dump = o.dump_ir.as_deref();
    let bar = screen.progress.phase(&format!("compiling {name}"), None);
    let context = tessera_passes::context();
    let mut parts = vec![];
    let (done, time) = timed(|| {
        let (start, import) = timed(|| match is_ir(&o.model) {
            true => read_ir(&context, o, &name, &bytes),
            false => read_onnx(&context, o, &name, &bytes, placing.clone()),
        });
        let start = start?;
        parts.push(("importing", import));
        let level = level_of(start.module.as_operation())?;
        if o.tokens && level != "nn" {
            return Err(Failure::new(format!(
                "--tokens is for a network, and this IR is of the level {level}"
            ))
            .help("give the ONNX model, or IR of the level nn"));
        }
        let by_default = || {
            let pipeline = pipeline::default(level, quantizing(o));
            if o.tokens { pipeline::saying_tokens(&pipeline, o.shortest_prompt - 1) } else { pipeline }
        };
        let pipeline = o.pass_pipeline.clone().unwrap_or_else(by_default);
        let pipeline = pipeline::taking_inputs(&pipeline, &sources(o)?)?;
        let (lowered, passes) = timed(|| match o.pass_pipeline {
            Some(_) => run_passes(start, &pipeline, &placing, (dump, &|_| Ok(()))),
            None => lower(start, &pipeline, &placing, (dump, &|_| Ok(()))),
        });
        let lowered = lowered?;
        parts.push(("passes", passes));
        match o.emit {
            Some(level) if level != EmitLevel::Program => {
                Ok(Done::Level(emit(level, &lowered)?, lowered.about.notes))
            }
            _ => {
                let (compiled, place) = timed(|| finish(lowered, &labels, &placing, dump));
                parts.push(("placing", place));
                compiled.map(|compiled| Done::Model(Box::new(compiled)))
            }
        }
    });
    bar.finish_and_clear();
    let done = done.map_err(|f: Failure| f.in_file(&o.model))?;
    let say = |notes: &[String]| notes.iter().for_each(|n| screen.note(n));
    let compiled = match done {
        Done::Level(text, notes) => {
            say(&notes);
            return print(o.emit, &text, screen);
        }
        Done::Model(compiled) => compiled,
    };
    say(&compiled.notes);
    if o.emit.is_some() {
        return print(o.emit, &compiled.placement, screen);
    }

    let (written, write) = timed(|| files::write_container(&path, &compiled.model.container()));
    let bytes = written?;
    parts.push(("writing", write));
    let m = &compiled.model.metadata;
    let report = Report {
        model: path.display().to_string(),
        bytes,
        metadata: m,
        program: summary(&compiled.model.program),
        bits: compiled.bits.as_ref(),
        setup_optimize: compiled.goal,
        time,
        parts: parts.iter().copied().collect(),
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
    screen.line(format!("  {}", show::clocks(parts)));
    for (role, p) in m.inputs.iter().map(|p| ("input ", p)).chain(m.outputs.iter().map(|p| ("output", p))) {
        let stored = if p.texts.is_empty() { format!("step {:.6}", p.scale) } else { show::texts(&p.texts) };
        screen.line(format!("  {role} {} {:?}, {stored}", p.name, p.shape));
    }
    report.bits.map(bit_lines).iter().flatten().for_each(|l| screen.line(format!("  {l}")));
    report.program.lines().iter().for_each(|l| screen.line(format!("  {l}")));
    Ok(())
}

/// How reals become integers, as the user said.
fn quantizing(o: &Compile) -> Quantizing {
    let stated = o.target_cosine.is_some() || o.max_accuracy_loss.is_some();
    let auto = o.bits.map_or(stated, |bits| bits == Bits::Auto);
    let Goal { cosine, loss } = Goal::default();
    let goal = auto.then(|| Goal {
        cosine: o.target_cosine.unwrap_or(cosine),
        loss: o.max_accuracy_loss.map_or(loss, |percent| percent / 100.0),
    });
    Quantizing { method: o.calibration_method, percentile: o.percentile, goal }
}

/// What was chosen, and what it is worth.
fn bit_lines(o: &Outcome) -> [String; 2] {
    let list = |of: &[(u32, usize)], one: &str| {
        let bits = |(bits, count): &(u32, usize)| format!("{bits} for {}", show::plural(*count, one));
        of.iter().map(bits).collect::<Vec<_>>().join(", ")
    };
    let (before, after) = (&o.before, &o.after);
    let same = after.agreement * 100.0;
    [
        format!(
            "bits   activations: {}; weights: {}",
            list(&o.activations, "tensor"),
            list(&o.weights, "layer")
        ),
        format!(
            "       cosine {:.5} ({:.5} with the usual bits), the same class on {same:.1} % of {}",
            after.cosine,
            before.cosine,
            show::plural(o.samples, "calibration input")
        ),
    ]
}

/// What the command was asked for.
enum Done {
    /// IR of a level, and notes.
    Level(String, Vec<String>),
    Model(Box<Compiled>),
}

/// Whether a file is IR to continue from, not a model to import.
fn is_ir(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "mlir")
}

/// How many proofs a key of hidden weights serves, where nothing else is said.
const USES: u32 = 16;

/// Inputs that are outputs of other models, as these give them.
fn sources(o: &Compile) -> Result<Vec<(String, Port)>> {
    let source = |n: &Named<ModelOutput>| {
        let ModelOutput { key, output } = &n.value;
        source(&n.name, &prover::verifying_key(key)?.metadata, output).map_err(|f| f.in_file(key))
    };
    o.input_from.iter().map(source).collect()
}

/// An input that is this output of another model, as that gives it.
pub fn source(name: &str, other: &Metadata, output: &str) -> Result<(String, Port)> {
    let port = other.outputs.iter().find(|p| p.name == output).ok_or_else(|| {
        let all: Vec<&str> = other.outputs.iter().map(|p| p.name.as_str()).collect();
        Failure::new(format!("{} has no output {output:?}", other.name)).expected(all.join(", "))
    })?;
    // the name becomes an option in a pipeline
    if name.chars().any(|c| !c.is_ascii_alphanumeric() && !"_.-:/".contains(c)) {
        return Err(Failure::new(format!("the input {name:?} cannot be named in a pipeline")));
    }
    Ok((name.to_owned(), port.clone()))
}

/// How the user wants the circuit placed.
fn placing(o: &Compile) -> Result<Placing> {
    if o.tokens && o.batch > 1 {
        return Err(Failure::new("a proof of a text is of one text").expected("--batch 1 with --tokens"));
    }
    Placing {
        batch: o.batch as usize,
        weights: o.weights,
        zero_knowledge: o.zero_knowledge,
        visibility: o.visibility.iter().map(|n| (n.name.clone(), n.value)).collect(),
        uses: o.uses,
        backend: backend(&o.backend)?,
        forms: Forms::without(o.without.iter().map(String::as_str))?.with_network(o.optimize_network),
        limits: Limits { proof: o.max_proof_size, memory: o.max_memory },
        prices: o.prices.as_deref().map(|path| prices::read(path, &o.backend)).transpose()?,
    }
    .checked()
}

fn read_onnx<'c>(
    context: &'c Context,
    o: &Compile,
    name: &str,
    onnx: &[u8],
    placing: Placing,
) -> Result<Start<'c>> {
    let Some(calibration) = &o.calibration else {
        return Err(Failure::new("an ONNX model is quantized by representative inputs, and none were given")
            .help("add --calibration DATA, a .npy or .npz file"));
    };
    import(
        context,
        &Request {
            name: name.to_owned(),
            onnx,
            file: Some(&o.model),
            data: &[DataFile::read(calibration)?],
            factor: o.data.scale,
            placing,
            quantizing: quantizing(o),
            samples: o.calibration_samples,
            labels: vec![],
            dump_ir: o.dump_ir.as_deref(),
            import: Import::from(&o.bindings),
            watch: &|_| Ok(()),
        },
    )
}

/// IR of any level, such as `--dump-ir` writes; what it names lies beside it.
fn read_ir<'c>(context: &'c Context, o: &Compile, name: &str, bytes: &[u8]) -> Result<Start<'c>> {
    let text = std::str::from_utf8(bytes).map_err(|_| Failure::new("IR has to be UTF-8 text"))?;
    params::look_in(o.model.parent().unwrap_or(Path::new("")));
    let module = tessera_mlir::parse(context, text, &o.model.to_string_lossy())?;
    let op = module.as_operation();
    params::name_of(op).iter().for_each(|name| files::remember(&o.model.with_file_name(name)));
    let level = level_of(op)?;
    let mut about = about_ir(&module, name, bytes, &file_name(&o.model), o.data.scale)?;
    let stated = tessera_mlir::attrs::read_string(op, SAMPLES).ok();
    let data = o.calibration.as_ref().map(|data| DataFile::read(data)).transpose()?;
    calibrated_by(&module, &mut about, (data.as_slice(), o.data.scale, o.calibration_samples))?;
    if level == "nn" && (o.calibration.is_some() || stated.is_some()) && o.pass_pipeline.is_none() {
        about.calibration.method = method_name(o.calibration_method).into();
        about.calibration.percentile = percentile(quantizing(o));
    }
    Ok(Start { module, about })
}

/// What is known of IR, which came from a file or from memory.
fn about_ir(module: &Module, name: &str, bytes: &[u8], from: &str, factor: Option<Factor>) -> Result<About> {
    let op = module.as_operation();
    Ok(About {
        name: name.to_owned(),
        source: Digest(*blake3::hash(bytes).as_bytes()),
        parameters: parameters(module)?,
        calibration: Calibration {
            method: "as in the IR".into(),
            percentile: None,
            samples: 0,
            data: from.into(),
        },
        factors: vec![factor; Func::main(op)?.arguments().len().max(ports(op)?.0.len())],
        texts: Texts::default(),
        notes: vec![],
    })
}

/// Attaches calibration data to IR; where there are none, says of those that it names.
fn calibrated_by(
    module: &Module,
    about: &mut About,
    (data, factor, limit): (&[DataFile], Option<Factor>, usize),
) -> Result<()> {
    if data.is_empty() {
        if let Ok(stated) = tessera_mlir::attrs::read_string(module.as_operation(), SAMPLES) {
            let held = params::get(&stated)?;
            let first = held.0.values().next().and_then(|p| p.shape.first());
            about.calibration.samples = first.copied().unwrap_or(0);
            about.calibration.data = stated;
        }
        return Ok(());
    }
    let level = level_of(module.as_operation())?;
    if level != "nn" {
        return Err(Failure::new(format!("IR of the level {level} is quantized already"))
            .help("leave out --calibration, or give IR of the level nn"));
    }
    let (inputs, count) = samples(module, &about.name, data, (factor, &Declared::default()), limit)?;
    about.calibration.samples = count;
    about.calibration.data = data.first().map(|d| file_name(&d.path)).unwrap_or_default();
    (about.factors, about.notes) = (inputs.factors, inputs.notes);
    Ok(())
}

/// The IR of one level.
fn emit(level: EmitLevel, lowered: &Lowered) -> Result<String> {
    let found = lowered.levels.get(level.name()).map(|l| l.text());
    found.transpose()?.ok_or_else(|| {
        let reached: Vec<&str> = lowered.levels.keys().map(String::as_str).collect();
        Failure::new(format!("there is no IR of the level {}", level.name()))
            .expected(format!("one of {}", reached.join(", ")))
            .found(lowered.pipeline.clone())
    })
}

fn print(level: Option<EmitLevel>, text: &str, screen: &Screen) -> Result<()> {
    screen.json(&serde_json::json!({ "level": level.map(EmitLevel::name), "text": text }));
    screen.text(text);
    Ok(())
}

/// Class names from a list with commas, or from a file with one per line.
fn labels(given: Option<&str>) -> Result<Vec<String>> {
    let Some(given) = given else { return Ok(vec![]) };
    if given.contains(',') {
        return Ok(given.split(',').map(|s| s.trim().to_string()).collect());
    }
    let path = Path::new(given);
    class_names(&files::read(path)?).map_err(|f| f.in_file(path))
}

/// Class names of a file: one per line; empty lines are none.
///
/// # Errors
/// Where it is no UTF-8.
pub fn class_names(bytes: &[u8]) -> Result<Vec<String>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Failure::new("class names have to be UTF-8 text, one per line"))?;
    Ok(text.lines().map(|l| l.trim().to_string()).filter(|l| !l.is_empty()).collect())
}

impl From<ImportError> for Failure {
    fn from(e: ImportError) -> Failure {
        let text = e.to_string();
        match e {
            ImportError::Unsupported(nodes) => {
                let problem = |group: &tessera_import_onnx::Refused| Problem {
                    message: format!("the model cannot be compiled: {}: {}", group.op, group.reason),
                    place: Some(match group.names[..] {
                        [_] => format!("node {}", group.nodes()),
                        _ => format!("{} nodes: {}", group.names.len(), group.nodes()),
                    }),
                    ..Problem::default()
                };
                let mut problems: Vec<Problem> =
                    tessera_import_onnx::refused(&nodes).iter().map(problem).collect();
                if let Some(last) = problems.last_mut() {
                    last.expected =
                        Some("only operators of docs/operators.md, in forms that it lists".into());
                }
                Failure { code: USE, problems, report: None }
            }
            ImportError::Io { path, source } => Failure::io("read", &path, &source),
            ImportError::NotOnnx(_) => {
                Failure::new(text).help("give a file that torch.onnx.export or another exporter wrote")
            }
            ImportError::UnknownShape(_) => {
                Failure::new(text).help("say --dim NAME=VALUE for a dimension, or --shape INPUT=1,3,32,32")
            }
            ImportError::Crash { .. } | ImportError::Threads(_) => Failure::machine(text),
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
                Failure { code: USE, problems: ops.iter().map(problem).collect(), report: None }
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
