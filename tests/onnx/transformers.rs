//! A trained language model: the import agrees with the framework that exported it, and integers predict as floats do.

use crate::{context, here, import};
use ndarray::{Array2, Array3, ArrayD, Axis, IxDyn};
use ndarray_npy::NpzReader;
use std::fs::File;
use tessera_mlir::func::Func;
use tessera_mlir::params;
use tessera_nn::interp::Plan as FloatPlan;
use tessera_nn_to_qnn::Method;
use tessera_qnn::interp::Plan as QuantizedPlan;

/// Characters of Shakespeare's works, what follows each, and the exporter's logits for the first of them.
struct Text {
    ids: Array2<i64>,
    targets: Array2<i64>,
    logits: Array3<f32>,
}

fn text() -> Text {
    let file = File::open(here().join("../models/gpt2_tiny_test.npz")).unwrap();
    let mut data = NpzReader::new(file).unwrap();
    let mut of = |name| data.by_name(name).unwrap();
    let (ids, targets) = (of("ids"), of("targets"));
    Text { ids, targets, logits: data.by_name("logits").unwrap() }
}

/// Windows of 16 characters, and the character after each.
fn windows(text: &Text) -> (Vec<Vec<ArrayD<f32>>>, Vec<Vec<usize>>) {
    let of = |all: &Array2<i64>| -> Vec<Vec<i64>> {
        all.axis_iter(Axis(0))
            .flat_map(|row| row.to_vec().chunks(16).map(<[i64]>::to_vec).collect::<Vec<_>>())
            .collect()
    };
    let sample = |ids: &Vec<i64>| {
        vec![ArrayD::from_shape_vec(IxDyn(&[1, 16]), ids.iter().map(|&id| id as f32).collect()).unwrap()]
    };
    let targets = of(&text.targets).iter().map(|t| t.iter().map(|&t| t as usize).collect()).collect();
    (of(&text.ids).iter().map(sample).collect(), targets)
}

/// Mean cross-entropy of rows of logits, and the most likely class of each.
fn predictions(logits: &[ArrayD<f64>], targets: &[Vec<usize>]) -> (f64, Vec<usize>) {
    let (mut loss, mut classes, mut count) = (0.0, vec![], 0);
    for (logits, targets) in logits.iter().zip(targets) {
        let rows = logits.to_shape((16, 96)).unwrap();
        for (row, &target) in rows.outer_iter().zip(targets) {
            let greatest = row.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
            let sum: f64 = row.iter().map(|v| (v - greatest).exp()).sum();
            loss += greatest + sum.ln() - row[target];
            classes.push(tessera_nn_to_qnn::evaluate::greatest(&row.to_vec()));
            count += 1;
        }
    }
    (loss / f64::from(count), classes)
}

#[test]
fn logits_are_the_exporters() {
    let (context, text) = (context(), text());
    let (module, weights) = import(&context, &here().join("../models/gpt2_tiny.onnx"));
    let plan = FloatPlan::new(&Func::main(module.as_operation()).unwrap(), &weights).unwrap();
    let (samples, _) = windows(&text);
    for (i, expected) in text.logits.axis_iter(Axis(0)).enumerate() {
        // two windows a line
        let found = plan.run(&samples[2 * i]).unwrap();
        for (a, b) in found[0].iter().zip(&expected) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}

#[test]
fn what_the_exporter_took_apart_is_one_op_each() {
    let context = context();
    let (module, _) = import(&context, &here().join("../models/gpt2_tiny.onnx"));
    insta::assert_snapshot!(tessera_mlir::print(&module));
}

#[test]
fn integers_predict_as_floats_do() {
    let (context, text) = (context(), text());
    let (samples, targets) = windows(&text);
    let (module, weights) = import(&context, &here().join("../models/gpt2_tiny.onnx"));
    let float = FloatPlan::new(&Func::main(module.as_operation()).unwrap(), &weights).unwrap();
    tessera_nn_to_qnn::calibrate(module.as_operation(), &weights, &samples[..32], Method::MinMax).unwrap();
    let quantized = tessera_nn_to_qnn::quantize(
        module.as_operation(),
        &weights,
        "gpt2.test.safetensors",
        &tessera_nn_to_qnn::Settings::default(),
    )
    .unwrap();
    tessera_mlir::verify(&module).unwrap();
    params::check(module.as_operation()).unwrap();
    let plan = QuantizedPlan::new(&Func::main(module.as_operation()).unwrap(), &quantized).unwrap();
    let ids: Vec<Vec<ArrayD<i64>>> = samples.iter().map(|s| vec![s[0].mapv(|id| id as i64)]).collect();
    let scale = module_scale(&plan);
    let reals = |runs: Vec<Vec<ArrayD<f32>>>| runs.iter().map(|r| r[0].mapv(f64::from)).collect::<Vec<_>>();
    let stored: Vec<ArrayD<f64>> =
        plan.run_many(&ids).unwrap().iter().map(|r| r[0].mapv(|v| v as f64 * scale)).collect();
    let (float_loss, expected) = predictions(&reals(float.run_many(&samples).unwrap()), &targets);
    let (loss, found) = predictions(&stored, &targets);
    let same = expected.iter().zip(&found).filter(|(a, b)| a == b).count() as f64 / expected.len() as f64;
    println!("loss {float_loss} {loss}, agreement {same} of {}", expected.len());
    assert!((loss / float_loss - 1.0).abs() < 0.005, "{float_loss} {loss}");
    assert!(same >= 0.995, "{same}");
}

/// The scale of the first output.
fn module_scale(plan: &QuantizedPlan) -> f64 {
    plan.steps().last().unwrap().ty.quantization().unwrap().scale_at(0)
}
