//! What a user reads when a model is refused: complete, and the same every time.

use crate::{context, here, onnx_files};
use tessera_import_onnx::{ImportError, ImportOptions, Source};
use tessera_mlir::types::TensorType;

#[test]
fn refusals_list_everything() {
    let mut text = String::new();
    let context = context();
    for path in onnx_files("refused") {
        let error = tessera_import_onnx::import(&context, path.as_path().into(), &ImportOptions::default());
        let error = error.err().unwrap_or_else(|| panic!("{} was accepted", path.display()));
        assert!(!matches!(error, ImportError::Crash { .. }), "{}: {error}", path.display());
        let lines: Vec<String> = error.to_string().lines().map(|line| format!("  {line}\n")).collect();
        text += &format!("{}\n{}", path.file_name().unwrap().to_str().unwrap(), lines.concat());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_symbolic_dimension_can_be_given() {
    let path = here().join("refused/symbolic_width.onnx");
    let mut options = ImportOptions::default();
    options.dims.insert("width".into(), 7);
    let graph = tessera_import_onnx::read_graph(path.as_path().into(), &options).unwrap();
    assert_eq!(graph.inputs, [("x".to_owned(), TensorType::f32([1, 7]))]);
    let mut options = ImportOptions::default();
    options.shapes.insert("x".into(), vec![2, 9]);
    let graph = tessera_import_onnx::read_graph(path.as_path().into(), &options).unwrap();
    assert_eq!(graph.inputs, [("x".to_owned(), TensorType::f32([2, 9]))]);
}

#[test]
fn files_that_are_no_models_are_errors() {
    let missing = here().join("no such file.onnx");
    let read = |source: Source| tessera_import_onnx::read_graph(source, &ImportOptions::default());
    assert!(matches!(read(missing.as_path().into()), Err(ImportError::Io { .. })));
    assert!(matches!(read(Source::Bytes(b"")), Err(ImportError::NotOnnx(_))));
    assert!(matches!(read(Source::Bytes(b"hello, this is no model")), Err(ImportError::NotOnnx(_))));
}
