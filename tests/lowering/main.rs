//! The passes over qnn, the lowering from qnn to circuit and the circuit passes, against the qnn interpreter.
//!
//! Invariant: outputs are compared bit for bit, and the circuit's interpreter checks every declared interval, every table's
//! domain and every split on the way; so an interval that does not hold is a failure too.

mod attention;
mod claims;
mod random;
mod shapes;
mod strategy;

use melior::ir::Module;
use ndarray::ArrayD;
use proptest::prelude::*;
use random::{SCALE, Tape};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tessera_circuit::interp;
use tessera_mlir::params::{self, Params};
use tessera_mlir::pipeline::{self, Settings};
use tessera_mlir::{func::Func, pass};
use tessera_qnn::interp::{Plan, Tensor};
use tessera_qnn_to_circuit::convolution;

/// What the driver runs before the lowering, one stage at a time.
const QNN_STAGES: &[&str] = &["canonicalize,cse", "qnn-absorb-pads"];

/// What the driver runs after the lowering, one stage at a time.
const STAGES: &[&str] = &[
    "canonicalize,cse",
    "circuit-absorb-scale",
    "canonicalize,cse",
    "circuit-hoist-views",
    "circuit-intervals",
    "circuit-narrow-splits",
    "circuit-sink-lookups",
    "circuit-compose-lookups",
    "optimize",
    "canonicalize,cse",
    "circuit-intervals",
];

fn register() {
    tessera_passes::register_all();
    pass::register(tessera_qnn_to_circuit::PASSES);
    pass::register(tessera_egraph::PASSES);
}

/// Gives a module its parameters, under a name of their own.
pub fn attach(module: &Module, params: Params, name: &str) {
    params::put(name, params);
    params::attach(module.as_operation(), name);
}

/// Integer outputs of the quantized model, also where it returns real numbers.
fn reference(plan: &Plan, inputs: &[ArrayD<i64>], real: &[bool]) -> Vec<ArrayD<i64>> {
    let tensor = |(x, &real): (&ArrayD<i64>, &bool)| match real {
        true => Tensor::Real(x.mapv(|v| (v as f64 * SCALE) as f32)),
        false => Tensor::Int(x.clone()),
    };
    let inputs: Vec<Tensor> = inputs.iter().zip(real).map(tensor).collect();
    let outputs = plan.run_tensors(&inputs, |_, _| {}).expect("the model runs");
    outputs
        .into_iter()
        .map(|y| match y {
            Tensor::Int(y) => y,
            Tensor::Real(y) => y.mapv(|v| (f64::from(v) / SCALE) as i64),
        })
        .collect()
}

fn check(tape: &[u16], seen: &Mutex<BTreeMap<&'static str, usize>>) {
    register();
    let context = tessera_passes::context();
    let mut tape = Tape::new(tape);
    let Ok(model) = random::model(&context, &mut tape) else { return };
    let mut module = model.module;
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("random{}.safetensors", COUNT.fetch_add(1, Ordering::Relaxed));
    attach(&module, model.params, &name);
    tessera_mlir::verify(&module).expect("the generated model is valid");
    let original = tessera_mlir::print(&module);

    let extremes = [127, -127, 0];
    let inputs: Vec<Vec<ArrayD<i64>>> = (0..5)
        .map(|run| {
            let array = |shape: &Vec<usize>| {
                let n = shape.iter().product();
                let values = match extremes.get(run) {
                    Some(&v) => vec![v; n],
                    None => tape.integers(n, 127),
                };
                ArrayD::from_shape_vec(shape.clone(), values).expect("as many values as elements")
            };
            model.inputs.iter().map(array).collect()
        })
        .collect();
    let evaluate = |module: &Module| -> Vec<Vec<ArrayD<i64>>> {
        let main = Func::main(module.as_operation()).expect("a function");
        let plan = Plan::new(&main, &params::of(module.as_operation()).expect("parameters"));
        let plan = plan.expect("the model decodes");
        inputs.iter().map(|x| reference(&plan, x, &model.real)).collect()
    };
    let expected = evaluate(&module);
    let run = |module: &mut Module, stage: &str| {
        let before = tessera_mlir::print(module);
        let run = pipeline::run(module, &format!("builtin.module({stage})"), &Settings::default());
        run.unwrap_or_else(|error| panic!("{stage}: {error}\n{original}\n{before}"));
    };
    // Without them half of the time: the lowering takes what they remove.
    for stage in QNN_STAGES.iter().filter(|_| tape.below(2) == 0) {
        run(&mut module, stage);
        assert_eq!(evaluate(&module), expected, "{stage}\n{original}\n{}", tessera_mlir::print(&module));
    }
    // a real input that nothing reads is none of the circuit's
    let used: Vec<bool> = Func::main(module.as_operation())
        .expect("a function")
        .arguments()
        .into_iter()
        .zip(&model.real)
        .map(|(argument, real)| !real || !tessera_mlir::rewrite::users(argument).is_empty())
        .collect();

    // Half of the time the driver's order, else any.
    let order: Vec<&str> = match tape.below(2) {
        0 => STAGES.to_vec(),
        _ => (0..7).map(|_| STAGES[tape.below(STAGES.len())]).collect(),
    };
    // each way of checking convolutions, whatever costs less
    let way = convolution::NAMES[tape.below(convolution::NAMES.len())];
    let lowering = format!("convert-qnn-to-circuit{{convolution={way}}}");
    for stage in [lowering.as_str()].into_iter().chain(order) {
        run(&mut module, stage);
        let params = params::of(module.as_operation()).expect("parameters");
        for (x, expected) in inputs.iter().zip(&expected) {
            let x: Vec<ArrayD<i64>> =
                x.iter().zip(&used).filter(|(_, used)| **used).map(|(x, _)| x.clone()).collect();
            let found = interp::run(module.as_operation(), &x, &params).unwrap_or_else(|error| {
                panic!("{stage}: {error}\n{original}\n{}", tessera_mlir::print(&module))
            });
            assert_eq!(&found, expected, "{stage}\n{original}\n{}", tessera_mlir::print(&module));
        }
    }
    params::forget(&name);
    let mut seen = seen.lock().expect("no panic while counting");
    for op in model.ops.into_iter().chain(["models"]) {
        *seen.entry(op).or_default() += 1;
    }
}

#[test]
fn lowered_and_optimized_circuits_equal_the_quantized_model() {
    let seen = Mutex::new(BTreeMap::new());
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&proptest::collection::vec(any::<u16>(), 20..160), |tape| {
            check(&tape, &seen);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    let seen = seen.into_inner().expect("no panic while counting");
    let all = [
        "add",
        "concat",
        "conv",
        "linear",
        "lookup",
        "matmul",
        "max_pool",
        "mul",
        "pad",
        "pooled",
        "relu",
        "reshape",
        "slice",
        "sum_pool",
        "transpose",
    ];
    assert!(seen["models"] > 300, "too few tapes make a model: {seen:?}");
    for name in ["absorbed", "narrowed", "tableless", "sunk", "composed", "changed"] {
        let count = pass::statistics().into_iter().find(|count| count.name == name);
        assert!(count.as_ref().is_some_and(|count| count.count > 10), "hardly ever {name}: {count:?}");
    }
    for op in all {
        assert!(seen.get(op).is_some_and(|&n| n > 10), "{op} hardly occurs: {seen:?}");
    }
}
