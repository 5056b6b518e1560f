//! Quantization of the trained models: the accuracy that is promised, and errors that say what to do.

use crate::{context, here, import};
use melior::{Context, ir::Module};
use ndarray::{Array1, Array2, Array3, ArrayD, IxDyn};
use ndarray_npy::NpzReader;
use std::fs::File;
use tessera_mlir::func::Func;
use tessera_mlir::params;
use tessera_nn::interp::Plan as FloatPlan;
use tessera_nn_to_qnn::evaluate::Truth;
use tessera_nn_to_qnn::{Evaluation, Goal, Method, Outcome, Settings, choose_bits};
use tessera_qnn::interp::Plan as QuantizedPlan;

type Samples = Vec<Vec<ArrayD<f32>>>;

fn fashion() -> (Samples, Vec<usize>, Array2<f32>) {
    let mut data =
        NpzReader::new(File::open(here().join("../models/fmnist_lenet_test1000.npz")).unwrap()).unwrap();
    let images: Array3<u8> = data.by_name("images_u8").unwrap();
    let labels: Array1<u8> = data.by_name("labels").unwrap();
    let sample = |image: ndarray::ArrayView2<u8>| {
        let pixels = image.iter().map(|&p| f32::from(p) / 255.0).collect();
        vec![ArrayD::from_shape_vec(IxDyn(&[1, 1, 28, 28]), pixels).unwrap()]
    };
    let samples = images.outer_iter().map(sample).collect();
    (samples, labels.iter().map(|&l| l.into()).collect(), data.by_name("logits_f32").unwrap())
}

fn truth(labels: &[usize]) -> Truth {
    Truth::Classes(labels.iter().map(|&label| label as i64).collect())
}

/// Calibrates on the first samples, quantizes, and compares on all of them.
fn quantize<'c>(
    context: &'c Context,
    model: &str,
    samples: &Samples,
    labels: &[usize],
    method: Method,
) -> (Module<'c>, QuantizedPlan, Evaluation) {
    let (module, weights) = import(context, &here().join("../models").join(model));
    let float = FloatPlan::new(&Func::main(module.as_operation()).unwrap(), &weights).unwrap();
    tessera_nn_to_qnn::calibrate(module.as_operation(), &weights, &samples[..100], method).unwrap();
    let name = format!("{model}.{method:?}.test.safetensors");
    let quantized = tessera_nn_to_qnn::quantize(
        module.as_operation(),
        &weights,
        &name,
        &tessera_nn_to_qnn::Settings::default(),
    )
    .unwrap();
    tessera_mlir::verify(&module).unwrap();
    params::check(module.as_operation()).unwrap();
    let plan = QuantizedPlan::new(&Func::main(module.as_operation()).unwrap(), &quantized).unwrap();
    let evaluation = tessera_nn_to_qnn::evaluate(&float, &plan, samples, Some(&truth(labels))).unwrap();
    (module, plan, evaluation)
}

#[test]
fn lenet_keeps_its_accuracy_from_both_exporters() {
    let (samples, labels, logits) = fashion();
    let context = context();
    let (module, weights) = import(&context, &here().join("../models/fmnist_lenet.onnx"));
    let float = FloatPlan::new(&Func::main(module.as_operation()).unwrap(), &weights).unwrap();
    for (found, expected) in float.run_many(&samples).unwrap().iter().zip(logits.outer_iter()) {
        for (a, b) in found[0].iter().zip(&expected) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
    for model in ["fmnist_lenet.onnx", "fmnist_lenet.dynamo.onnx"] {
        for method in [Method::default(), Method::MinMax] {
            let (_, _, evaluation) = quantize(&context, model, &samples, &labels, method);
            assert_eq!(evaluation.float.accuracy, Some(0.902), "{model}");
            assert!(evaluation.quantized.accuracy >= Some(0.900), "{model} {method:?}: {evaluation:?}");
            assert!(evaluation.agreement >= 0.98, "{model} {method:?}: {evaluation:?}");
            assert!(evaluation.cosine.worst > 0.95, "{model} {method:?}: {evaluation:?}");
        }
    }
}

/// Bits are added until the goal holds on the calibration data, and it holds on other data, nearly.
#[test]
fn bits_are_chosen_until_the_goal_holds() {
    let (samples, labels, _) = fashion();
    let context = context();
    let mut noise = vec![];
    for cosine in [0.999, 0.99999, 0.999999] {
        let (module, weights) = import(&context, &here().join("../models/fmnist_lenet.onnx"));
        let op = module.as_operation();
        let float = FloatPlan::new(&Func::main(op).unwrap(), &weights).unwrap();
        tessera_nn_to_qnn::calibrate(op, &weights, &samples[..100], Method::MinMax).unwrap();
        let (settings, goal) = (Settings::default(), Goal { cosine, loss: 1.0 });
        let outcome = choose_bits(op, &weights, &samples[..100], &settings, &goal).unwrap();
        assert!(outcome.after.cosine >= cosine, "{cosine} {outcome:?}");
        assert_eq!(Outcome::read(op).unwrap().weights, outcome.weights);
        let chosen = tessera_mlir::print(&module).contains("nn.bits");
        assert_eq!(chosen, outcome.before.cosine < cosine, "{outcome:?}");
        let stored = tessera_nn_to_qnn::quantize(op, &weights, "bits.test.safetensors", &settings).unwrap();
        let plan = QuantizedPlan::new(&Func::main(op).unwrap(), &stored).unwrap();
        let evaluation = tessera_nn_to_qnn::evaluate(&float, &plan, &samples, Some(&truth(&labels))).unwrap();
        assert!(1.0 - evaluation.cosine.mean < 4.0 * (1.0 - cosine), "{cosine} {evaluation:?}");
        noise.push(1.0 - evaluation.cosine.mean);
    }
    assert!(noise.is_sorted_by(|a, b| a > b), "{noise:?}");
}

/// Features of a table, some a million times as large as others: comparisons are those of the float model, one by one, and a layer and a
/// scaler are close to it.
#[test]
fn features_of_any_reach_are_compared_exactly() {
    let context = context();
    let source = std::fs::read_to_string(here().join("../levels/features.mlir")).unwrap();
    let module = tessera_mlir::parse(&context, &source, "features.mlir").unwrap();
    let op = module.as_operation();
    let bytes = std::fs::read(here().join("../levels/features.safetensors")).unwrap();
    let weights = params::Params::from_bytes(&bytes).unwrap();
    let float = FloatPlan::new(&Func::main(op).unwrap(), &weights).unwrap();
    // whole multiples of a four hundredth of each reach, half of them a step beside a threshold
    let reach = [1000.0, 30.0, 1.0, 0.01];
    let sample = |i: u32| {
        let at = |j: usize| f64::from((i * 7 + 13 * j as u32 * i + j as u32) % 401) / 400.0 * reach[j];
        vec![ArrayD::from_shape_fn(IxDyn(&[1, 4]), |at_| at(at_[1]) as f32)]
    };
    let samples: Samples = (0..500).map(sample).collect();
    tessera_nn_to_qnn::calibrate(op, &weights, &samples, Method::MinMax).unwrap();
    assert!(tessera_mlir::print(&module).contains("nn.reach"));
    let stored =
        tessera_nn_to_qnn::quantize(op, &weights, "features.test.safetensors", &Settings::default()).unwrap();
    let plan = QuantizedPlan::new(&Func::main(op).unwrap(), &stored).unwrap();
    let types = tessera_nn_to_qnn::evaluate::input_types(&plan).unwrap();
    let outputs = Func::main(op).unwrap().returns().unwrap();
    let scales: Vec<f64> = outputs
        .iter()
        .map(|&value| match tessera_mlir::types::of(value).unwrap().elem {
            tessera_mlir::types::Elem::Quant(quant) => quant.scales[0],
            _ => 1.0,
        })
        .collect();
    for sample in &samples {
        let expected = float.run(sample).unwrap();
        let x = tessera_qnn::interp::quantize_array(&sample[0], &types[0]).unwrap();
        let found = plan.run(&[x]).unwrap();
        for (port, (expected, found)) in expected.iter().zip(&found).enumerate() {
            for (&e, &f) in expected.iter().zip(found) {
                let f = f as f64 * scales[port];
                let most = if port == 0 { 0.01 } else { 0.03 };
                assert!((f64::from(e) - f).abs() < most, "output {port}: {e} {f}, {sample:?}");
            }
        }
    }
}

/// Two layers and a comparison of their scores: what stands about a ten-thousandth of the scores' range from the jump is decided as the float
/// network does.
#[test]
fn small_networks_decide_as_the_float_network_does() {
    const SOURCE: &str = r#"
module {
  ml_program.global private @w(#ml_program.extern<tensor<16x8xf32>>) : tensor<16x8xf32>
  ml_program.global private @b(#ml_program.extern<tensor<16xf32>>) : tensor<16xf32>
  ml_program.global private @v(#ml_program.extern<tensor<4x16xf32>>) : tensor<4x16xf32>
  func.func @main(%x: tensor<1x8xf32> {nn.name = "x"}) -> (tensor<1x4xf32> {nn.name = "decision"}) {
    %w = ml_program.global_load_const @w : tensor<16x8xf32>
    %b = ml_program.global_load_const @b : tensor<16xf32>
    %v = ml_program.global_load_const @v : tensor<4x16xf32>
    %0 = nn.linear %x, %w bias %b : (tensor<1x8xf32>, tensor<16x8xf32>, tensor<16xf32>) -> tensor<1x16xf32>
    %1 = nn.relu %0 : tensor<1x16xf32>
    %2 = nn.linear %1, %v : (tensor<1x16xf32>, tensor<4x16xf32>) -> tensor<1x4xf32>
    %3 = nn.map "step" %2 : tensor<1x4xf32>
    return %3 : tensor<1x4xf32>
  }
}"#;
    let mut seed = 1u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 40) as f32 / 8_388_608.0 - 1.0
    };
    let mut weights = params::Params::default();
    // one neuron dominates the first layer
    let mut w: Vec<f32> = (0..128).map(|_| next()).collect();
    w[..8].iter_mut().for_each(|w| *w *= 30.0);
    for (name, shape, data) in [
        ("w", vec![16, 8], w),
        ("b", vec![16], (0..16).map(|_| next()).collect()),
        ("v", vec![4, 16], (0..64).map(|i| next() / if i % 16 == 0 { 30.0 } else { 1.0 }).collect()),
    ] {
        weights.insert(name, params::Param::new(shape, params::ParamData::F32(data.into())).unwrap());
    }
    let samples: Samples =
        (0..1000).map(|_| vec![ArrayD::from_shape_fn(IxDyn(&[1, 8]), |_| next())]).collect();
    let context = context();
    let module = tessera_mlir::parse(&context, SOURCE, "decision.mlir").unwrap();
    let op = module.as_operation();
    let float = FloatPlan::new(&Func::main(op).unwrap(), &weights).unwrap();
    tessera_nn_to_qnn::calibrate(op, &weights, &samples[..200], Method::MinMax).unwrap();
    let stored =
        tessera_nn_to_qnn::quantize(op, &weights, "decision.test.safetensors", &Settings::default()).unwrap();
    let plan = QuantizedPlan::new(&Func::main(op).unwrap(), &stored).unwrap();
    let types = tessera_nn_to_qnn::evaluate::input_types(&plan).unwrap();
    let mut others = 0;
    for sample in &samples {
        let expected = float.run(sample).unwrap();
        let found = plan.run(&[tessera_qnn::interp::quantize_array(&sample[0], &types[0]).unwrap()]).unwrap();
        others += expected[0].iter().zip(&found[0]).filter(|&(&e, &f)| (e > 0.5) != (f > 0)).count();
    }
    assert!(others <= 2, "{others} of 4000 decisions differ");
}

#[test]
fn the_quantized_module_survives_being_printed() {
    let (samples, labels, _) = fashion();
    let context = context();
    let (module, plan, _) =
        quantize(&context, "fmnist_lenet.onnx", &samples, &labels, Method::Percentile(99.9));
    let text = tessera_mlir::print_with_locations(module.as_operation());
    let read = tessera_mlir::parse(&context, &text, "lenet.mlir").unwrap();
    assert_eq!(tessera_mlir::print(&read), tessera_mlir::print(&module));
    let weights = params::of(read.as_operation()).unwrap();
    let again = QuantizedPlan::new(&Func::main(read.as_operation()).unwrap(), &weights).unwrap();
    let types = tessera_nn_to_qnn::evaluate::input_types(&again).unwrap();
    for sample in &samples[..10] {
        let x = vec![tessera_qnn::interp::quantize_array(&sample[0], &types[0]).unwrap()];
        assert_eq!(plan.run(&x).unwrap(), again.run(&x).unwrap());
    }
}

/// Networks that ONNX Runtime quantized have its own integers: what they give is its quantized network's, in the same steps, but for what lies
/// between two of them.
#[test]
fn quantized_networks_keep_their_integers() {
    let mut expected =
        NpzReader::new(File::open(here().join("../models/quantized/expected.npz")).unwrap()).unwrap();
    let (fashion, ..) = fashion();
    let mut digits = NpzReader::new(File::open(here().join("../models/digits_test.npz")).unwrap()).unwrap();
    let digits: Array2<u8> = digits.by_name("images_u8").unwrap();
    let digit = |image: ndarray::ArrayView1<u8>| {
        let pixels = image.iter().map(|&p| f32::from(p) / 16.0).collect();
        vec![ArrayD::from_shape_vec(IxDyn(&[1, 64]), pixels).unwrap()]
    };
    let digits: Samples = digits.outer_iter().map(digit).collect();
    let context = context();
    for name in ["lenet_qdq", "lenet_operators", "digits_qdq", "digits_operators"] {
        let samples = if name.starts_with("lenet") { &fashion } else { &digits };
        let (module, weights) = import(&context, &here().join(format!("../models/quantized/{name}.onnx")));
        let op = module.as_operation();
        tessera_nn_to_qnn::calibrate(op, &weights, &samples[..8], Method::MinMax).unwrap();
        let file = format!("{name}.test.safetensors");
        let stored = tessera_nn_to_qnn::quantize(op, &weights, &file, &Settings::default()).unwrap();
        let plan = QuantizedPlan::new(&Func::main(op).unwrap(), &stored).unwrap();
        let types = tessera_nn_to_qnn::evaluate::input_types(&plan).unwrap();
        let returned = Func::main(op).unwrap().returns().unwrap()[0];
        let tessera_mlir::types::Elem::Quant(quant) = tessera_mlir::types::of(returned).unwrap().elem else {
            panic!("{name}: the output is not quantized")
        };
        let wanted: Array2<f32> = expected.by_name(name).unwrap();
        let (mut equal, mut count) = (0, 0);
        for (sample, wanted) in samples[64..264].iter().zip(wanted.outer_iter()) {
            let x = tessera_qnn::interp::quantize_array(&sample[0], &types[0]).unwrap();
            for (found, wanted) in plan.run(&[x]).unwrap()[0].iter().zip(wanted) {
                let apart = (*found as f64 - f64::from(*wanted) / quant.scales[0]).abs();
                assert!(apart < 1.01, "{name}: {found} steps of {}, not {wanted}", quant.scales[0]);
                equal += usize::from(apart < 0.01);
                count += 1;
            }
        }
        assert!(equal * 1000 >= count * 995, "{name}: {equal} of {count} are equal");
    }
}

#[test]
fn digits_keep_their_accuracy() {
    let mut data = NpzReader::new(File::open(here().join("../models/digits_test.npz")).unwrap()).unwrap();
    let images: Array2<u8> = data.by_name("images_u8").unwrap();
    let labels: Array1<u8> = data.by_name("labels").unwrap();
    let sample = |image: ndarray::ArrayView1<u8>| {
        let pixels = image.iter().map(|&p| f32::from(p) / 16.0).collect();
        vec![ArrayD::from_shape_vec(IxDyn(&[1, 64]), pixels).unwrap()]
    };
    let images: Samples = images.outer_iter().map(sample).collect();
    let labels: Vec<usize> = labels.iter().map(|&l| l.into()).collect();
    let context = context();
    let (_, _, evaluation) = quantize(&context, "digits_mlp.onnx", &images, &labels, Method::default());
    assert!(evaluation.float.accuracy >= Some(0.98), "{evaluation:?}");
    assert!(evaluation.quantized.accuracy >= evaluation.float.accuracy.map(|a| a - 0.005), "{evaluation:?}");
}

#[test]
fn what_cannot_be_quantized_is_listed_before_anything_changes() {
    let context = context();
    let source = r#"
      func.func @main(%x: tensor<1x3x4x4xf32> {nn.name = "x"}, %w: tensor<2x4xf32> {nn.name = "w"}) -> (tensor<1x3x2x2xf32> {nn.name = "y"}) {
        %p = nn.pad %x low [0, 0, 0, 0] high [0, 0, 0, 0] value 1.000000e+00 : tensor<1x3x4x4xf32> -> tensor<1x3x4x4xf32> loc("pad")
        %a = nn.avg_pool %p kernel [2, 2] strides [2, 1] pads [1, 0, 0, 1] : tensor<1x3x4x4xf32> -> tensor<1x3x2x4xf32> loc("pool")
        %y = nn.linear %a, %w : (tensor<1x3x2x4xf32>, tensor<2x4xf32>) -> tensor<1x3x2x2xf32> loc("linear")
        return %y : tensor<1x3x2x2xf32>
      }"#;
    let module = tessera_mlir::parse(&context, source, "test.mlir").unwrap_or_else(|e| panic!("{e}"));
    let before = tessera_mlir::print(&module);
    let error = tessera_nn_to_qnn::quantize(
        module.as_operation(),
        &params::Params::default(),
        "none",
        &tessera_nn_to_qnn::Settings::default(),
    )
    .unwrap_err();
    assert_eq!(tessera_mlir::print(&module), before);
    insta::assert_snapshot!(error);
}

/// One output of one real number: its distance from what is right, and how much of the variance it explains.
#[test]
fn regressions_are_judged_by_their_numbers() {
    let context = context();
    let source = r#"
module {
  ml_program.global private @w(#ml_program.extern<tensor<1x4xf32>>) : tensor<1x4xf32>
  func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x1xf32> {nn.name = "y"}) {
    %w = ml_program.global_load_const @w : tensor<1x4xf32>
    %0 = nn.linear %x, %w : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x1xf32> loc("score")
    return %0 : tensor<1x1xf32>
  }
}"#;
    let mut weights = params::Params::default();
    let w = params::ParamData::F32(vec![0.5, -1.0, 0.25, 2.0].into());
    weights.insert("w", params::Param::new(vec![1, 4], w).unwrap());
    let module = tessera_mlir::parse(&context, source, "regression.mlir").unwrap();
    let op = module.as_operation();
    let float = FloatPlan::new(&Func::main(op).unwrap(), &weights).unwrap();
    let sample = |i: usize| {
        vec![ArrayD::from_shape_fn(IxDyn(&[1, 4]), |at| ((i * 7 + at[1] * 5) % 23) as f32 / 11.5 - 1.0)]
    };
    let samples: Samples = (0..100).map(sample).collect();
    tessera_nn_to_qnn::calibrate(op, &weights, &samples, Method::MinMax).unwrap();
    let stored =
        tessera_nn_to_qnn::quantize(op, &weights, "regression.test.safetensors", &Settings::default())
            .unwrap();
    let plan = QuantizedPlan::new(&Func::main(op).unwrap(), &stored).unwrap();
    // one too much, always
    let truth = Truth::Numbers(
        samples.iter().map(|sample| vec![f64::from(float.run(sample).unwrap()[0][[0, 0]]) - 1.0]).collect(),
    );
    let found = tessera_nn_to_qnn::evaluate(&float, &plan, &samples, Some(&truth)).unwrap();
    assert_eq!((found.task, found.float.accuracy), (tessera_nn_to_qnn::evaluate::Task::Numbers, None));
    let error = [&found.float, &found.quantized].map(|quality| quality.error.unwrap());
    assert!((error[0] - 1.0).abs() < 1e-6 && (error[1] - 1.0).abs() < 0.05, "{error:?}");
    assert!(found.float.r2.unwrap() < 0.9 && found.cosine.mean > 0.999, "{found:?}");
    // what the last layer does to the output is its own noise
    let few = tessera_nn_to_qnn::evaluate(&float, &plan, &samples[..4], None).unwrap();
    let last = few.layers.last().unwrap();
    assert!((last.reaches_output_db.unwrap() - last.snr_db).abs() < 0.01 && last.snr_db < 100.0, "{last:?}");
    let wrong = Truth::Numbers(vec![vec![0.0; 2]; 100]);
    assert!(tessera_nn_to_qnn::evaluate(&float, &plan, &samples, Some(&wrong)).is_err());
}

/// What a layer's values do to the output is computed from there on, and is what a run with them gives.
#[test]
fn a_run_goes_on_from_the_values_of_a_layer() {
    let context = context();
    let source = r#"
module {
  func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x4xf32> {nn.name = "y"}) {
    %0 = nn.relu %x : tensor<1x4xf32>
    %1 = nn.add %0, %0 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
    %2 = nn.add %0, %1 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
    return %2 : tensor<1x4xf32>
  }
}"#;
    let module = tessera_mlir::parse(&context, source, "branches.mlir").unwrap();
    let plan =
        FloatPlan::new(&Func::main(module.as_operation()).unwrap(), &params::Params::default()).unwrap();
    let sample = [ArrayD::from_shape_fn(IxDyn(&[1, 4]), |at| at[1] as f32 - 1.0)];
    let mut known = vec![];
    let exact = plan.run_observed(&sample, |_, value| known.push(value.clone())).unwrap();
    let ten = ArrayD::from_elem(IxDyn(&[1, 4]), 10.0);
    let relu = &known[0];
    for (step, expected) in [(0, &ten * 3.0), (1, relu + &ten), (2, ten.clone())] {
        assert_eq!(plan.run_with(&sample, &known, (step, &known[step])).unwrap(), exact);
        assert_eq!(plan.run_with(&sample, &known, (step, &ten)).unwrap(), [expected]);
        // what is known is not computed again
        let mut other = known.clone();
        other[0].fill(0.0);
        let reached = plan.run_with(&sample, &other, (step, &ten)).unwrap();
        assert_eq!(reached == [ten.clone()], step > 0, "{step}");
    }
}
