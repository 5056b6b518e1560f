//! Classical machine learning, for which the onnx package has few cases.

use crate::{context, here, import, numerics, onnx_files};
use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use std::fs::File;
use tessera_mlir::func::Func;
use tessera_mlir::types::Elem;
use tessera_nn::interp::Plan as FloatPlan;
use tessera_nn_to_qnn::{Method, Settings};
use tessera_qnn::interp::{Plan, Tensor, dequantize_array, quantize_array};

#[test]
fn learned_models_agree_with_the_onnx_package() {
    numerics::agrees_with("learned", "learned/expected.npz");
}

/// A class is the whole number that the float model says, where its scores are not so close that 8 bits do not tell them apart.
/// Features lie between the thresholds of trees.
#[test]
fn labels_of_quantized_models_are_labels() {
    let mut data = NpzReader::new(File::open(here().join("learned/expected.npz")).unwrap()).unwrap();
    let context = context();
    let mut tried = 0;
    for path in onnx_files("learned") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if !name.starts_with("svm") && name != "trees_classes" {
            continue;
        }
        let input: ArrayD<f32> = data.by_name(&format!("{name}.in0")).unwrap();
        let input = if name == "trees_classes" { input + 0.2 } else { input };
        let (module, weights) = import(&context, &path);
        let float = FloatPlan::new(&Func::main(module.as_operation()).unwrap(), &weights).unwrap();
        let labels = float.run(std::slice::from_ref(&input)).unwrap().swap_remove(0);
        let samples = [vec![input.clone()]];
        tessera_nn_to_qnn::calibrate(module.as_operation(), &weights, &samples, Method::MinMax).unwrap();
        let file = format!("{name}.safetensors");
        let params =
            tessera_nn_to_qnn::quantize(module.as_operation(), &weights, &file, &Settings::default())
                .unwrap();
        let plan = Plan::new(&Func::main(module.as_operation()).unwrap(), &params).unwrap();
        let types = tessera_nn_to_qnn::evaluate::input_types(&plan).unwrap();
        let x = Tensor::Int(quantize_array(&input, &types[0]).unwrap());
        let mut scales = vec![];
        let outputs = plan
            .run_tensors(&[x], |step, value| {
                if let (Elem::Quant(q), Tensor::Int(y)) = (&step.ty.elem, value) {
                    scales.push((y.clone(), q.clone()));
                }
            })
            .unwrap();
        let found = outputs[0].int().unwrap();
        let (_, scale) = scales.iter().rfind(|(y, _)| y == found).unwrap();
        let found = dequantize_array(found, scale);
        let right = found.iter().zip(&labels).filter(|(a, b)| (*a - *b).abs() < 0.1).count();
        println!("{name}: {right} of {}", labels.len());
        assert!(right * 6 >= labels.len() * 5, "{name}: {found} instead of {labels}");
        tried += 1;
    }
    assert_eq!(tried, 8);
}
