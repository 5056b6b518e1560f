//! A pipeline of scikit-learn on a table with texts: what the library says, and a proof of a row with a text that it never saw.
use crate::support::*;

#[test]
fn rows_of_a_table_with_texts_get_the_librarys_classes_and_a_proof() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    let file = |name: &str| models().join("table").join(name).to_string_lossy().into_owned();
    let (onnx, rows) = (file("table.onnx"), file("table.npz"));
    ok(d, &["compile", &onnx, "--calibration", &rows, "-o", "table.tess"]);
    let said = ok(d, &["run", "table.tess", "--input", &rows, "--level", "qnn"]);
    let label = &said["outputs"][0];
    let labels: Vec<&str> =
        label["texts"].as_array().expect("texts").iter().filter_map(|t| t[0].as_str()).collect();
    let data = tessera::data::DataFile::read(&models().join("table/table.npz")).expect("the rows");
    let tessera::data::Numbers::Text(expected) = data.take("expected").expect("classes").numbers else {
        panic!("classes are texts")
    };
    assert_eq!(labels, expected);
    // what is right are texts, too
    let right = format!("{rows}:expected");
    let evaluated =
        ok(d, &["eval", "table.tess", "--input", &rows, "--labels", &right, "--report", "page.html"]);
    assert_eq!(evaluated["task"], "labels");
    assert_eq!(evaluated["quantized"]["accuracy"], 1.0);
    assert_eq!(evaluated["outputs"][1]["name"], "probabilities");
    let page = std::fs::read_to_string(d.join("page.html")).expect("the page");
    assert!(page.contains("LinearClassifier") && page.contains("have the same label in both"));
    // the last row has a port that is no category: none of the one-hot columns is set
    ok(d, &["setup", "table.tess"]);
    ok(d, &["prove", "table.tess", "--input", &rows, "--index", "99", "-o", "last.proof"]);
    let verified = ok(d, &["verify", "last.proof", "--key", "table.vk", "--input", &rows, "--index", "99"]);
    assert_eq!(verified["outputs"][0]["texts"][0][0], expected[99].as_str(), "{verified}");
    let other =
        tessera_in(d, &["verify", "last.proof", "--key", "table.vk", "--input", &rows, "--index", "0"]);
    assert_ne!(other.code, Some(0), "{}", other.out);
}

#[test]
fn numbers_are_no_texts_and_texts_no_numbers() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    let onnx = models().join("table/table.onnx").to_string_lossy().into_owned();
    let write = |name: &str, age: tessera::data::Numbers, sex: tessera::data::Numbers| {
        let number = || tessera::data::Numbers::F32(vec![1.0; 2]);
        let port = tessera::data::Numbers::Text(vec!["Cherbourg".into(); 2]);
        let mut zip = zip::ZipWriter::new(std::fs::File::create(d.join(name)).expect("a file"));
        for (name, numbers) in [("age", age), ("fare", number()), ("sex", sex), ("port", port)] {
            let array = tessera::data::Array { shape: vec![2, 1], numbers };
            zip.start_file::<_, ()>(format!("{name}.npy"), Default::default()).expect("an array");
            std::io::Write::write_all(&mut zip, &tessera::data::npy::write(&array)).expect("an array");
        }
        zip.finish().expect("a file");
    };
    let texts = || tessera::data::Numbers::Text(vec!["male".into(), "female".into()]);
    let numbers = || tessera::data::Numbers::F32(vec![0.5, 1.0]);
    write("good.npz", numbers(), texts());
    write("bad.npz", texts(), numbers());
    ok(d, &["compile", &onnx, "--calibration", "good.npz", "-o", "table.tess"]);
    let said = tessera_in(d, &["run", "table.tess", "--input", "bad.npz"]).err;
    insta::assert_snapshot!(said);
}
