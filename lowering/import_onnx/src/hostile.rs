//! Models made to hurt: weights outside the model's folder, and few bytes that ask for much.
use crate::{ImportError, ImportOptions, Source, read_graph};
use prost::Message;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tract_onnx::pb::{self, tensor_proto::DataType};

fn floats(name: &str, dims: &[i64]) -> pb::TensorProto {
    let n = dims.iter().product::<i64>() as usize;
    let (data_type, float_data) = (DataType::Float as i32, vec![0.5; n]);
    pb::TensorProto { name: name.into(), dims: dims.into(), data_type, float_data, ..Default::default() }
}

fn integers(name: &str, values: &[i64]) -> pb::TensorProto {
    let (dims, data_type) = (vec![values.len() as i64], DataType::Int64 as i32);
    pb::TensorProto { name: name.into(), dims, data_type, int64_data: values.into(), ..Default::default() }
}

fn scalar(name: &str, value: i64) -> pb::TensorProto {
    pb::TensorProto { dims: vec![], ..integers(name, &[value]) }
}

fn node(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    let input = inputs.iter().map(ToString::to_string).collect();
    pb::NodeProto { op_type: op.into(), input, output: vec![output.into()], ..Default::default() }
}

/// A model of one input x, [1, 4]; its output is y.
fn model(nodes: Vec<pb::NodeProto>, initializer: Vec<pb::TensorProto>) -> Vec<u8> {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let dim = [1, 4].map(|d| Dimension { value: Some(Value::DimValue(d)), ..Default::default() });
    let shape = Some(pb::TensorShapeProto { dim: dim.into() });
    let tensor = pb::type_proto::Tensor { elem_type: DataType::Float as i32, shape };
    let value = Some(pb::type_proto::Value::TensorType(tensor));
    let r#type = Some(pb::TypeProto { value, ..Default::default() });
    let input = vec![pb::ValueInfoProto { name: "x".into(), r#type, ..Default::default() }];
    let output = vec![pb::ValueInfoProto { name: "y".into(), ..Default::default() }];
    let graph = pb::GraphProto { node: nodes, initializer, input, output, ..Default::default() };
    let opset = pb::OperatorSetIdProto { version: 17, ..Default::default() };
    let model =
        pb::ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() };
    model.encode_to_vec()
}

/// x + w, where w lies in another file.
fn external(location: &str, offset: Option<u64>, length: Option<u64>) -> Vec<u8> {
    let entry = |key: &str, value: String| pb::StringStringEntryProto { key: key.into(), value };
    let mut external_data = vec![entry("location", location.into())];
    external_data.extend(offset.map(|v| entry("offset", v.to_string())));
    external_data.extend(length.map(|v| entry("length", v.to_string())));
    let data_location = Some(pb::tensor_proto::DataLocation::External as i32);
    let w = pb::TensorProto { float_data: vec![], external_data, data_location, ..floats("w", &[1, 4]) };
    model(vec![node("Add", &["x", "w"], "y")], vec![w])
}

#[test]
fn external_tensors_stay_in_the_models_folder_and_have_their_size() {
    let dir = std::env::temp_dir().join(format!("tessera-external-{}", std::process::id()));
    let (inside, outside) = (dir.join("model"), dir.join("outside"));
    std::fs::create_dir_all(inside.join("sub")).unwrap();
    std::fs::create_dir_all(&outside).unwrap();
    let weights: Vec<u8> = [1f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    for path in [inside.join("w.bin"), inside.join("sub/w.bin"), outside.join("w.bin")] {
        std::fs::write(path, &weights).unwrap();
    }
    std::fs::write(inside.join("long.bin"), weights.repeat(3)).unwrap();
    symlink("w.bin", inside.join("link.bin")).unwrap();
    symlink(outside.join("w.bin"), inside.join("out.bin")).unwrap();
    symlink(&outside, inside.join("away")).unwrap();
    symlink("/dev/zero", inside.join("zero.bin")).unwrap();
    let path = inside.join("m.onnx");
    static READ: Mutex<Vec<PathBuf>> = Mutex::new(vec![]);
    let options =
        ImportOptions { reads: Some(|p: &Path| READ.lock().unwrap().push(p.into())), ..Default::default() };
    let read = |location: &str, offset, length| {
        read_graph(Source::File(&external(location, offset, length), &path), &options)
            .map_err(|e| e.to_string())
    };
    for (location, offset) in
        [("w.bin", None), ("./sub/w.bin", None), ("link.bin", Some(0)), ("long.bin", Some(16))]
    {
        let graph = read(location, offset, Some(16)).unwrap();
        assert!(
            graph.constants.iter().any(|c| c.data.iter().copied().eq([1.0, 2.0, 3.0, 4.0])),
            "{location}"
        );
    }
    assert!(READ.lock().unwrap().contains(&inside.join("w.bin").canonicalize().unwrap()));
    read("w.bin", None, None).unwrap();
    let refused = [
        ("../outside/w.bin", None, None, "not a file in the model's directory"),
        ("/etc/passwd", None, None, "not a file in the model's directory"),
        ("out.bin", None, None, "not a file in the model's directory"),
        ("away/w.bin", None, None, "not a file in the model's directory"),
        ("zero.bin", None, None, "not a file in the model's directory"),
        ("sub", None, None, "no regular file"),
        ("w.bin", None, Some(12), "asks for 16 bytes by its shape, and has 12"),
        ("long.bin", None, None, "asks for 16 bytes by its shape, and has 48"),
        ("w.bin", Some(8), Some(16), "reaches past the end"),
        ("w.bin", Some(u64::MAX), Some(16), "reaches past the end"),
        ("gone.bin", None, None, "cannot read"),
    ];
    for (location, offset, length, why) in refused {
        let e = read(location, offset, length).unwrap_err();
        assert!(e.contains(why), "{location} {offset:?} {length:?}: {e}");
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Each asks the reader, which evaluates constants, for far more than it holds.
#[test]
fn constants_that_grow_are_refused_before_they_are_computed() {
    let add = |c: &str| node("Add", &["x", c], "y");
    let wide = floats("a", &[1 << 13, 1]);
    let window = |op: &str, pad: i64| {
        let ints = |name: &str, ints: &[i64]| pb::AttributeProto {
            name: name.into(),
            r#type: pb::attribute_proto::AttributeType::Ints as i32,
            ints: ints.into(),
            ..Default::default()
        };
        let attribute = vec![ints("kernel_shape", &[3, 3]), ints("pads", &[pad; 4])];
        pb::NodeProto { attribute, ..node(op, &["a"], "c") }
    };
    let cases: Vec<(&str, Vec<pb::NodeProto>, Vec<pb::TensorProto>)> = vec![
        (
            "expand",
            vec![node("Expand", &["a", "to"], "c"), add("c")],
            vec![floats("a", &[1]), integers("to", &[1 << 14, 1 << 14])],
        ),
        (
            "expand to a computed size",
            vec![node("Mul", &["to", "to"], "s"), node("Expand", &["a", "s"], "c"), add("c")],
            vec![floats("a", &[1]), integers("to", &[1 << 14])],
        ),
        (
            "expand to a size that a function changes",
            vec![
                node("Neg", &["to"], "n"),
                node("Sub", &["to", "n"], "s"),
                node("Expand", &["a", "s"], "c"),
                add("c"),
            ],
            vec![floats("a", &[1]), integers("to", &[1 << 14, 1 << 14])],
        ),
        (
            "tile",
            vec![node("Tile", &["a", "to"], "c"), add("c")],
            vec![floats("a", &[1 << 13]), integers("to", &[1 << 14])],
        ),
        (
            "tile of tile",
            vec![node("Tile", &["a", "to"], "b"), node("Tile", &["b", "to"], "c"), add("c")],
            vec![floats("a", &[4]), integers("to", &[1 << 12])],
        ),
        (
            "a range",
            vec![node("Range", &["o", "n", "one"], "c"), add("c")],
            vec![scalar("o", 0), scalar("n", 1 << 40), scalar("one", 1)],
        ),
        (
            "a filled shape",
            vec![node("ConstantOfShape", &["to"], "c"), add("c")],
            vec![integers("to", &[1 << 20, 1 << 20])],
        ),
        (
            "a padded constant",
            vec![node("Pad", &["a", "p"], "c"), add("c")],
            vec![floats("a", &[1, 4]), integers("p", &[1 << 14; 4])],
        ),
        (
            "broadcasting",
            vec![node("Add", &["a", "b"], "c"), add("c")],
            vec![wide.clone(), floats("b", &[1, 1 << 13])],
        ),
        (
            "a product",
            vec![node("MatMul", &["a", "b"], "c"), add("c")],
            vec![wide.clone(), floats("b", &[1, 1 << 13])],
        ),
        (
            "gathering",
            vec![node("Gather", &["a", "i"], "c"), add("c")],
            vec![floats("a", &[1, 1 << 13]), integers("i", &[0; 1 << 13])],
        ),
        (
            "a window over padding",
            vec![window("MaxPool", 1 << 20), add("c")],
            vec![floats("a", &[1, 1, 4, 4])],
        ),
        (
            "an average over padding",
            vec![window("AveragePool", 1 << 20), add("c")],
            vec![floats("a", &[1, 1, 4, 4])],
        ),
        (
            "one copy after the other",
            (0..40)
                .map(|i| node("Concat", &["a"; 64], &format!("c{i}")))
                .map(|mut n| {
                    n.attribute.push(pb::AttributeProto {
                        name: "axis".into(),
                        r#type: pb::attribute_proto::AttributeType::Int as i32,
                        ..Default::default()
                    });
                    n
                })
                .chain([add("c0")])
                .collect(),
            vec![wide],
        ),
        (
            "padding with a size that is not stated",
            vec![node("Shape", &["x"], "s"), node("Pad", &["a", "s"], "c"), add("c")],
            vec![floats("a", &[1, 4])],
        ),
    ];
    for (name, nodes, weights) in cases {
        let start = std::time::Instant::now();
        match read_graph(Source::Bytes(&model(nodes, weights)), &ImportOptions::default()) {
            Err(e) => assert!(!matches!(e, ImportError::Crash { .. }), "{name}: {e}"),
            other => panic!("{name}: {:?}", other.map(|_| ())),
        }
        assert!(start.elapsed().as_secs() < 5, "{name} took {:?}", start.elapsed());
    }
}

/// Whatever numbers stand there, and whatever is padded.
#[test]
fn paddings_are_any_numbers() {
    let text = |mode: &str| pb::AttributeProto {
        name: "mode".into(),
        r#type: pb::attribute_proto::AttributeType::String as i32,
        s: mode.into(),
        ..Default::default()
    };
    for mode in ["constant", "edge", "reflect", "wrap"] {
        for (before, after) in
            [(i64::MIN, 0), (0, i64::MIN), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX), (1, 2)]
        {
            for (x, pads) in [("x", vec![0, before, 0, after]), ("none", vec![before, after])] {
                let pad = pb::NodeProto { attribute: vec![text(mode)], ..node("Pad", &[x, "p"], "y") };
                let weights = vec![integers("p", &pads), floats("none", &[0])];
                let e =
                    read_graph(Source::Bytes(&model(vec![pad], weights)), &ImportOptions::default()).err();
                // what has no elements may stay so
                assert!(x == "none" || e.is_some() == (before != 1), "{mode} {before} {after}: {e:?}");
                assert!(!matches!(e, Some(ImportError::Crash { .. })), "{mode} {before} {after}: {e:?}");
            }
        }
    }
}

#[test]
fn factors_of_gemm_are_matrices() {
    for dims in [&[4][..], &[1, 4, 3]] {
        for gemm in [node("Gemm", &["x", "w"], "y"), node("Gemm", &["w", "x"], "y")] {
            let bytes = model(vec![gemm], vec![floats("w", dims)]);
            let e = read_graph(Source::Bytes(&bytes), &ImportOptions::default()).map(|_| ()).unwrap_err();
            assert!(e.to_string().contains(&format!("one has {} axes", dims.len())), "{e}");
        }
    }
}

#[test]
fn shape_arithmetic_of_exporters_is_followed() {
    // [batch, -1] of a reshape, as PyTorch writes it for an open batch
    let mut nodes = vec![
        node("Shape", &["x"], "s"),
        node("Gather", &["s", "first"], "b"),
        node("Unsqueeze", &["b", "axis"], "u"),
        node("Concat", &["u", "open"], "to"),
        node("Reshape", &["x", "to"], "r"),
        node("Expand", &["one", "s"], "ones"),
        node("Add", &["r", "ones"], "y"),
    ];
    nodes[3].attribute.push(pb::AttributeProto {
        name: "axis".into(),
        r#type: pb::attribute_proto::AttributeType::Int as i32,
        ..Default::default()
    });
    let weights =
        vec![scalar("first", 0), integers("axis", &[0]), integers("open", &[-1]), floats("one", &[1])];
    read_graph(Source::Bytes(&model(nodes, weights)), &ImportOptions::default()).unwrap();
}

#[test]
fn graphs_of_very_many_nodes_are_refused() {
    let chain = |n: usize| -> Vec<pb::NodeProto> {
        let name = |i: usize| if i == 0 { "x".into() } else { format!("v{i}") };
        let one = |i: usize| node("Relu", &[&name(i)], &name(i + 1));
        (0..n).map(one).chain([node("Identity", &[&name(n)], "y")]).collect()
    };
    let read = |n| read_graph(Source::Bytes(&model(chain(n), vec![])), &ImportOptions::default());
    read(200).unwrap();
    let e = read(9000).unwrap_err().to_string();
    assert!(e.contains("the model takes more than 8192 operations"), "{e}");
}
