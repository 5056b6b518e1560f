//! The nn interpreter on imported models against tract's own run, and against the onnx package's evaluator.

use crate::{context, here, import, noise, onnx_files};
use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use std::fs::File;
use std::path::Path;
use tessera_import_onnx::{ImportOptions, reference};
use tessera_mlir::func::Func;
use tessera_nn::interp::Plan;

fn assert_close(what: &str, found: &ArrayD<f32>, expected: &ArrayD<f32>) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let scale = expected.iter().fold(1f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 2e-5 * scale, "{what}: element {i} is {a}, expected {b}");
    }
}

fn agrees_with_tract(path: &Path) {
    let context = context();
    let (module, params) = import(&context, path);
    let plan = Plan::new(&Func::main(module.as_operation()).unwrap(), &params).unwrap();
    let inputs: Vec<Vec<ArrayD<f32>>> =
        (0..3).map(|seed| plan.inputs().iter().map(|i| noise(&i.ty.shape, seed) * 2.0).collect()).collect();
    let expected = reference::run(path.into(), &ImportOptions::default(), &inputs).unwrap();
    for (input, expected) in inputs.iter().zip(&expected) {
        let found = plan.run(input).unwrap();
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert_close(&path.display().to_string(), f, e);
        }
    }
}

#[test]
fn every_supported_form_agrees_with_tract() {
    onnx_files("models").iter().for_each(|path| agrees_with_tract(path));
}

#[test]
fn the_trained_models_agree_with_tract() {
    for name in ["fmnist_lenet.onnx", "fmnist_lenet.dynamo.onnx", "digits_mlp.onnx"] {
        agrees_with_tract(&here().join("../models").join(name));
    }
}

/// Every model of a folder, against the inputs and outputs that are kept beside it.
pub(crate) fn agrees_with(folder: &str, expected: &str) {
    let mut expected = NpzReader::new(File::open(here().join(expected)).unwrap()).unwrap();
    let names = expected.names().unwrap();
    let context = context();
    for path in onnx_files(folder) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (module, params) = import(&context, &path);
        let plan = Plan::new(&Func::main(module.as_operation()).unwrap(), &params).unwrap();
        let inputs: Vec<ArrayD<f32>> = (0..plan.inputs().len())
            .map(|i| expected.by_name::<ndarray::OwnedRepr<f32>, _>(&format!("{name}.in{i}")).unwrap())
            .collect();
        for (i, found) in plan.run(&inputs).unwrap().iter().enumerate() {
            let key = format!("{name}.out{i}");
            assert!(names.iter().any(|n| n.trim_end_matches(".npy") == key), "{key} is not in {folder}");
            let array: ArrayD<f32> = expected.by_name(&key).unwrap();
            assert_close(&key, found, &array);
        }
    }
}

#[test]
fn every_supported_form_agrees_with_the_onnx_package() {
    agrees_with("models", "expected.npz");
}

#[test]
fn imported_modules_say_where_everything_came_from() {
    let context = context();
    let (module, params) = import(&context, &here().join("../models/fmnist_lenet.onnx"));
    let mut text = String::new();
    for (name, param) in &params.0 {
        text += &format!("// {name}: {:?}\n", param.shape);
    }
    text += &tessera_mlir::print_with_locations(module.as_operation());
    insta::assert_snapshot!(text);
}

/// What each form becomes: exporters and the reader take operators apart, and the import puts them together again.
#[test]
fn forms_become_few_operators() {
    let mut text = String::new();
    for path in onnx_files("models") {
        let graph =
            tessera_import_onnx::read_graph(path.as_path().into(), &ImportOptions::default()).unwrap();
        let ops: Vec<String> = graph
            .nodes
            .iter()
            .map(|node| {
                let name = node.op.name();
                format!("{}{:?}", name.strip_prefix("nn.").unwrap_or(name), node.shape)
            })
            .collect();
        text += &format!("{}: {}\n", path.file_stem().unwrap().to_str().unwrap(), ops.join(" "));
    }
    insta::assert_snapshot!(text);
}
