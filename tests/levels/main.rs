//! Every op, followed from its level down to a proof: each ONNX form that the import tests know, and the IR in this folder, go
//! through the default pipeline, and every level must give the integers of the one above.
//!
//! What was seen is a snapshot, from which the page on coverage is rendered: for each op, in how many inputs it stands, and how
//! many of these came through the interpreters, the reference checker, and the prover and the verifier.
//!
//! What is placed is proven to be a function of its inputs, so that what the lowering of an op asks is enough.
//!
//! Invariant: an op that no input proves fails.

use melior::ir::Module;
use ndarray::{ArrayD, IxDyn};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};
use tessera_api::{Program, Trace};
use tessera_circuit::ports::{Port, ports};
use tessera_circuit_to_program::{PlaceOptions, place};
use tessera_import_onnx::{ImportOptions, import};
use tessera_mlir::func::Func;
use tessera_mlir::op::all_ops;
use tessera_mlir::op::op_name;
use tessera_mlir::params::{self, Params};
use tessera_mlir::pipeline::{self, Settings};
use tessera_mlir::types::Elem;
use tessera_nn_to_qnn::{Method, calibrate};
use tessera_plonky3::{Plonky3, SecurityTarget};
use tessera_qnn::interp::{Plan, Tensor};
use zk_opt::pipeline::{level_of, pipeline_from};

/// How far an op was followed, from the first step to the last.
const STEPS: [&str; 4] = ["inputs", "interpreted", "checked", "proven"];
const WORDS: [&str; 4] = ["read", "lowered", "placed", "proven"];

fn name(path: &Path) -> String {
    path.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

/// Per op, how many inputs came how far.
type Seen = BTreeMap<String, [usize; STEPS.len()]>;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("levels")
}

/// The files of a folder with an extension, sorted.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a readable folder").flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    assert!(!files.is_empty(), "{}: expected .{extension} files, found none", folder.display());
    files
}

/// Numbers from a linear congruential generator, in -1..1.
fn noise(shape: &[usize], seed: u64) -> ArrayD<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    ArrayD::from_shape_fn(IxDyn(shape), |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    })
}

/// The ops of Tessera's dialects in a module.
fn ops(module: &Module) -> BTreeSet<String> {
    let names = all_ops(module.as_operation()).into_iter().map(op_name);
    names.filter(|name| DIALECTS.iter().any(|dialect| name.starts_with(&format!("{dialect}.")))).collect()
}

const DIALECTS: [&str; 3] = ["nn", "qnn", "circuit"];

/// How far an input came.
struct Followed {
    /// The ops of each level.
    ops: BTreeSet<String>,
    /// Steps of [`STEPS`] that were reached.
    steps: usize,
    /// Why not all of them.
    stopped: Option<String>,
}

fn run(module: &mut Module, passes: &str) -> Result<(), String> {
    pipeline::run(module, passes, &Settings::default()).map_err(|error| error.to_string())
}

/// Follows an ONNX model through all levels, calibrated on noise.
fn model(path: &Path) -> Followed {
    let context = tessera_passes::context();
    let name = name(path);
    let options =
        ImportOptions { weights: Some(format!("levels-{name}.safetensors")), ..ImportOptions::default() };
    let (module, params) =
        import(&context, path.into(), &options).unwrap_or_else(|error| panic!("{name}: {error}"));
    let op = module.as_operation();
    let float = tessera_nn::interp::Plan::new(&Func::main(op).expect("@main"), &params).expect("a plan");
    let sample = |seed| float.inputs().iter().map(|input| noise(&input.ty.shape, seed)).collect::<Vec<_>>();
    calibrate(op, &params, &(0..16).map(sample).collect::<Vec<_>>(), Method::MinMax).expect("samples");
    follow(module)
}

/// Follows a file of IR, of any level: what no ONNX form needs, or none proves.
fn by_hand(path: &Path) -> Followed {
    let context = tessera_passes::context();
    let source = fs::read_to_string(path).expect("a text");
    let module =
        tessera_mlir::parse(&context, &source, &name(path)).unwrap_or_else(|error| panic!("{error}"));
    follow(module)
}

/// Follows a module from its level to a proof.
fn follow(module: Module) -> Followed {
    follow_by(module, pipeline_from)
}

/// As [`follow`], by other pipelines from each level.
fn follow_by(mut module: Module, pipeline_from: impl Fn(&str) -> String) -> Followed {
    let mut followed = Followed { ops: ops(&module), steps: 1, stopped: None };
    let level = |module: &Module| level_of(module.as_operation()).expect("@main");
    if level(&module) == "nn" {
        // up to the circuit, without calibration: the ranges are there
        let passes = pipeline_from("nn").replace("nn-calibrate,", "");
        let (to_qnn, _) = passes.split_once(",convert-qnn-to-circuit").expect("the pass between the levels");
        if let Err(why) = run(&mut module, &format!("{to_qnn})")) {
            return Followed { stopped: Some(why), ..followed };
        }
        followed.ops.extend(ops(&module));
    }
    let plan = (level(&module) != "circuit").then(|| {
        let params = params::of(module.as_operation()).expect("parameters");
        Plan::new(&Func::main(module.as_operation()).expect("@main"), &params).expect("a plan")
    });
    let rest = pipeline_from(level(&module));
    if let Err(why) = run(&mut module, &rest) {
        // what has no circuit has integers all the same
        if let Some(plan) = &plan {
            let inputs = plan.inputs().iter().map(|input| match input.ty.elem {
                Elem::F32 => Tensor::Real(noise(&input.ty.shape, 1)),
                _ => Tensor::Int(noise(&input.ty.shape, 1).mapv(|v| (v * 100.0) as i64)),
            });
            plan.run_tensors(&inputs.collect::<Vec<_>>(), |_, _| {}).expect("the quantized model runs");
            followed.steps = 2;
        }
        return Followed { stopped: Some(why), ..followed };
    }
    // of a circuit, what there is in the end
    followed.ops.retain(|op| !op.starts_with("circuit."));
    followed.ops.extend(ops(&module));

    let (inputs, outputs) = ports(module.as_operation()).expect("ports");
    let integers = |(seed, port): (usize, &Port)| {
        let span = (port.ty.hi - port.ty.lo) as f32;
        noise(&port.ty.shape, seed as u64).mapv(|v| port.ty.lo + ((v + 1.0) / 2.0 * span) as i64)
    };
    let input = inputs.iter().enumerate().map(integers).collect::<Vec<_>>();
    let expected = plan.map(|plan| quantized(&plan, &input, &inputs, &outputs));
    circuit(&module, input, expected, &mut followed);
    followed
}

/// The integers that the quantized model gives. Where it takes or gives reals, they are stored integers by their scale.
fn quantized(plan: &Plan, input: &[ArrayD<i64>], inputs: &[Port], outputs: &[Port]) -> Vec<ArrayD<i64>> {
    let scale = |port: &Port| port.scaling.as_ref().map_or(1.0, |scaling| scaling.scale);
    let tensors = plan.inputs().iter().zip(input.iter().zip(inputs));
    let tensors = tensors.map(|(taken, (x, port))| match taken.ty.elem {
        Elem::F32 => Tensor::Real(x.mapv(|v| (v as f64 * scale(port)) as f32)),
        _ => Tensor::Int(x.clone()),
    });
    let given = plan.run_tensors(&tensors.collect::<Vec<_>>(), |_, _| {}).expect("the quantized model runs");
    let given = given.into_iter().zip(outputs).map(|(y, port)| match y {
        Tensor::Int(y) => y,
        Tensor::Real(y) => y.mapv(|v| (f64::from(v) / scale(port)).round() as i64),
    });
    given.collect()
}

/// Interprets a circuit, places it, and proves it. Without expectations, the interpreter says what is right.
fn circuit(
    module: &Module,
    input: Vec<ArrayD<i64>>,
    expected: Option<Vec<ArrayD<i64>>>,
    followed: &mut Followed,
) {
    let params = params::of(module.as_operation()).unwrap_or_else(|_| Params::default().into());
    let found =
        tessera_circuit::interp::run(module.as_operation(), &input, &params).expect("a circuit that runs");
    assert_eq!(&found, expected.as_ref().unwrap_or(&found));
    followed.steps = 2;
    let placed = match place(module, &params, &PlaceOptions::new(tessera_backends::default())) {
        Ok(placed) => placed,
        Err(why) => return followed.stopped = Some(why.to_string()),
    };
    let flat = |arrays: &[ArrayD<i64>]| -> Vec<Vec<i64>> {
        arrays.iter().map(|array| array.iter().copied().collect()).collect()
    };
    let trace = tessera_runtime::run(&placed.program, &placed.plan, flat(&input)).expect("a witness");
    assert_eq!(trace.publics.tensors[input.len()..], flat(&found));
    tessera_checker::check(&placed.program, &trace).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    use tessera_checker::testing::{hints, is_a_function};
    is_a_function(&placed.program, &trace, &hints(&placed.plan)).unwrap_or_else(|why| panic!("{why}"));
    followed.steps = 3;
    match proven(&placed.program, trace) {
        Ok(()) => followed.steps = 4,
        Err(why) => followed.stopped = Some(why),
    }
}

#[test]
fn rows_by_index_are_a_product_too() {
    zk_opt::register_all();
    let context = tessera_passes::context();
    let source = fs::read_to_string(here().join("embedding.mlir")).unwrap();
    let module = tessera_mlir::parse(&context, &source, "embedding").unwrap();
    let to_circuit = "convert-qnn-to-circuit";
    let followed = follow_by(module, |level| {
        pipeline_from(level).replace(to_circuit, &format!("{to_circuit}{{looked-up=0}}"))
    });
    assert_eq!((followed.steps, followed.stopped), (STEPS.len(), None));
    assert!(followed.ops.contains("circuit.contract"));
}

/// A trained language model, from ONNX to a proof: every level gives the integers of the one above.
#[test]
fn a_small_gpt2_is_proven() {
    zk_opt::register_all();
    let context = tessera_passes::context();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let options =
        ImportOptions { weights: Some("levels-gpt2.safetensors".into()), ..ImportOptions::default() };
    let (mut module, params) =
        import(&context, models.join("gpt2_tiny.onnx").as_path().into(), &options).unwrap();
    let file = fs::File::open(models.join("gpt2_tiny_test.npz")).unwrap();
    let ids: ndarray::Array2<i64> = ndarray_npy::NpzReader::new(file).unwrap().by_name("ids").unwrap();
    let lines: Vec<Vec<ArrayD<f32>>> = ids
        .outer_iter()
        .map(|line| vec![ArrayD::from_shape_fn(IxDyn(&[1, 16]), |at| line[at[1]] as f32)])
        .collect();
    calibrate(module.as_operation(), &params, &lines, Method::MinMax).unwrap();
    let passes = pipeline_from("nn").replace("nn-calibrate,", "");
    let (to_qnn, _) = passes.split_once(",convert-qnn-to-circuit").expect("the pass between the levels");
    run(&mut module, &format!("{to_qnn})")).unwrap();
    let plan = {
        let params = params::of(module.as_operation()).unwrap();
        Plan::new(&Func::main(module.as_operation()).unwrap(), &params).unwrap()
    };
    run(&mut module, &pipeline_from("qnn")).unwrap();
    let params = params::of(module.as_operation()).unwrap();
    let input = vec![lines[0][0].mapv(|id| id as i64)];
    let expected = plan.run(&input).unwrap();
    let found = tessera_circuit::interp::run(module.as_operation(), &input, &params).unwrap();
    assert_eq!(found, expected);
    let placed = place(&module, &params, &PlaceOptions::new(tessera_backends::default())).unwrap();
    let flat = |a: &ArrayD<i64>| a.iter().copied().collect::<Vec<i64>>();
    let trace = tessera_runtime::run(&placed.program, &placed.plan, vec![flat(&input[0])]).unwrap();
    assert_eq!(trace.publics.tensors[1], flat(&found[0]));
    tessera_checker::check(&placed.program, &trace).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    proven(&placed.program, trace).unwrap();
}

/// Proves and verifies; the relation is what is followed here, so few bits of security do. A Program may be too small.
fn proven(program: &Program, trace: Trace) -> Result<(), String> {
    let backend = Plonky3 { target: SecurityTarget { bits: 20, grinding: 2, ..SecurityTarget::default() } };
    let (pk, vk) = backend.setup(program).map_err(|error| error.to_string())?;
    let mut publics = trace.publics.clone();
    let (proof, _) = backend.prove(&pk, trace).expect("an honest proof");
    backend.verify(&vk, &publics, &proof).expect("an honest proof is accepted");
    let last = publics.tensors.last_mut().and_then(|tensor| tensor.last_mut()).expect("an output");
    *last -= 1;
    assert!(backend.verify(&vk, &publics, &proof).is_err(), "a proof of another statement is accepted");
    Ok(())
}

/// The ops that a dialect defines.
fn defined() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root");
    let mut defined = BTreeSet::new();
    for dialect in DIALECTS {
        let td = root.join(format!("dialects/{dialect}/{dialect}.td"));
        let definitions = fs::read_to_string(td).expect("a definition");
        defined.extend(
            tessera_reference::coverage::ops(&definitions).iter().map(|op| format!("{dialect}.{op}")),
        );
    }
    defined
}

#[test]
fn every_op_is_followed_down_to_a_proof() {
    zk_opt::register_all();
    let forms = Path::new(env!("CARGO_MANIFEST_DIR")).join("onnx/models");
    let (mut seen, mut stopped) = (Seen::new(), String::new());
    let models = files(&forms, "onnx").into_iter().map(|path| (model(&path), path));
    let written = files(&here(), "mlir").into_iter().map(|path| (by_hand(&path), path));
    for (followed, path) in models.chain(written) {
        for op in followed.ops {
            seen.entry(op).or_default().iter_mut().take(followed.steps).for_each(|count| *count += 1);
        }
        if let Some(why) = followed.stopped {
            let _ = writeln!(stopped, "{} is {}, no further: {why}", name(&path), WORDS[followed.steps - 1]);
        }
    }
    let mut text = format!("op {}\n", STEPS.join(" "));
    for op in defined() {
        let counts = seen.get(&op).copied().unwrap_or_default();
        assert!(
            counts[STEPS.len() - 1] > 0,
            "no input of tests/onnx/models or tests/levels proves {op}; add one: {counts:?}\n{stopped}"
        );
        let _ = writeln!(text, "{op} {}", counts.map(|count| count.to_string()).join(" "));
    }
    insta::assert_snapshot!(text + "\n" + &stopped);
}
