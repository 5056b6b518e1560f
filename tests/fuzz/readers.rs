//! Files that others write: NumPy arrays, parameters in safetensors, ONNX models, IR as text.
use crate::driver::{MEMORY, Target, run};
use crate::mutate::{Random, mutate};
use crate::wire;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use tessera::commands::compile::class_names;
use tessera::data::{Array, DataFile, Numbers, npy};
use tessera::vocabulary::Vocabulary;
use tessera_import_onnx::{ImportError, ImportOptions, Source, read_graph};
use tessera_mlir::params::{Param, ParamData, Params};

/// The files of a folder of the tests with this ending, the small ones.
fn folder(path: &str, extension: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let entries = std::fs::read_dir(dir).expect("the folder").flatten().map(|e| e.path());
    let mut paths: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    paths.sort();
    let files = paths.iter().map(|p| std::fs::read(p).expect("a file")).filter(|b| b.len() < 40_000);
    files.collect()
}

fn arrays() -> Vec<Vec<u8>> {
    let array = |shape: &[usize], numbers| npy::write(&Array { shape: shape.to_vec(), numbers });
    let plain = b"\x93NUMPY\x01\x00".to_vec();
    let text = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n";
    let fortran =
        [&plain[..], &(text.len() as u16).to_le_bytes(), text.as_bytes(), &[0, 1, 2, 3, 4, 5]].concat();
    vec![
        array(&[4, 5], Numbers::F32(vec![1.5; 20])),
        array(&[2, 2], Numbers::F64(vec![-0.1; 4])),
        array(&[3], Numbers::I64(vec![1, -2, 3], "int64")),
        fortran,
    ]
}

/// A `.npz` file of these members, compressed or not.
pub fn zipped(members: &[(String, Vec<u8>)], compressed: bool) -> Vec<u8> {
    let method = if compressed { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut out = zip::ZipWriter::new(Cursor::new(vec![]));
    for (name, body) in members {
        out.start_file(name.clone(), options).expect("a member");
        out.write_all(body).expect("a body");
    }
    out.finish().expect("an archive").into_inner()
}

/// Its two members, if it is an archive of such.
fn members(file: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(file)).ok()?;
    let mut member = |i| {
        let mut m = zip.by_index(i).ok()?;
        let (name, mut body) = (m.name().to_string(), vec![]);
        m.by_ref().take(1 << 20).read_to_end(&mut body).ok()?;
        Some((name, body))
    };
    (0..2).map(&mut member).collect()
}

/// Whether a file of arrays is taken.
pub fn reads(b: &[u8]) -> bool {
    DataFile::parse(b, Path::new("fuzz")).is_ok()
}

#[test]
fn npy() {
    run(&Target {
        name: "npy",
        inputs: 20_000,
        corpus: arrays(),
        read: &reads,
        change: None,
        memory: MEMORY,
        native: false,
    });
}

#[test]
fn npz() {
    let a = arrays();
    let two = [("x.npy".to_string(), a[0].clone()), ("y.npy".to_string(), a[3].clone())];
    let corpus = vec![zipped(&two, true), zipped(&two, false)];
    // bytes of the archive, or of a member under a right checksum
    let change = |b: &[u8], all: &[Vec<u8>], r: &mut Random| {
        let inside = if r.below(2) == 0 { None } else { members(b) };
        let Some(mut inside) = inside else {
            let mut b = b.to_vec();
            mutate(&mut b, all, r);
            return b;
        };
        mutate(&mut inside[r.below(2)].1, &a, r);
        zipped(&inside, r.below(2) == 0)
    };
    // bytes unpack to 32 times the file and 64 MiB, and are kept as 64-bit integers beside two copies
    let memory = (10 * MEMORY.0, 10 * 32);
    run(&Target {
        name: "npz",
        inputs: 8000,
        corpus,
        read: &reads,
        change: Some(&change),
        memory,
        native: false,
    });
}

#[test]
fn parameters() {
    let mut p = Params::default();
    let param = |shape: &[usize], data| Param::new(shape, data).expect("as many values as elements");
    p.insert("w", param(&[2, 3], ParamData::I8(vec![1, -2, 3, -4, 5, -127].into())));
    p.insert("b", param(&[2], ParamData::I32(vec![i32::MIN, 7].into())));
    p.insert("f", param(&[1, 2], ParamData::F32(vec![0.5, 1.0].into())));
    p.insert("k", param(&[], ParamData::I64(vec![i64::MAX].into())));
    let corpus = vec![p.to_bytes().expect("bytes"), Params::default().to_bytes().expect("bytes")];
    let read = |b: &[u8]| Params::from_bytes(b).is_ok();
    run(&Target {
        name: "parameters",
        inputs: 20_000,
        corpus,
        read: &read,
        change: None,
        memory: MEMORY,
        native: false,
    });
}

/// Files of vocabularies; what is read cuts its own tokens.
#[test]
fn vocabulary() {
    let texts = [
        r#"["a", "b", "ab", "\n", ""]"#,
        r#"{"b": 1, "a": 0, "c": 5}"#,
        r#"{"Hello": 0, "Ġworld": 1, "Ċ": 2, "Ã¼": 3, "Ġ": 4}"#,
        "a\nb\nab\n",
    ];
    let read = |b: &[u8]| {
        let Ok(text) = std::str::from_utf8(b) else { return false };
        let Ok(v) = Vocabulary::parse(text) else { return false };
        let said = v.decode(&[0, 1, 5, -1, i64::MAX]);
        if let Ok(ids) = v.encode(&said) {
            assert_eq!(v.decode(&ids), said, "a text that was cut is another");
        }
        true
    };
    run(&Target {
        name: "vocabulary",
        inputs: 20_000,
        corpus: texts.map(|t| t.as_bytes().to_vec()).into(),
        read: &read,
        change: None,
        // an id has a place, and so have those before it: 2²² of them at most
        memory: (256 << 20, 64),
        native: false,
    });
}

/// Lists of class names; what is read reads the same when it is written again.
#[test]
fn labels() {
    let texts = ["cat\ndog\nbird\n", "T-shirt/top\r\nTrouser\r\n\r\n Pullover \r\n", "鳥\n\u{1b}[31mred\n"];
    let read = |b: &[u8]| {
        let Ok(names) = class_names(b) else { return false };
        assert!(names.iter().all(|n| !n.is_empty() && !n.contains('\n')), "no name: {names:?}");
        assert_eq!(class_names(names.join("\n").as_bytes()).ok(), Some(names));
        true
    };
    run(&Target {
        name: "labels",
        inputs: 20_000,
        corpus: texts.map(|t| t.as_bytes().to_vec()).into(),
        read: &read,
        change: None,
        memory: MEMORY,
        native: false,
    });
}

#[test]
fn onnx() {
    let read = |b: &[u8]| match read_graph(Source::Bytes(b), &ImportOptions::default()) {
        Ok(_) => true,
        // what a user is told of as a defect is one
        Err(ImportError::Crash { stage, message }) => panic!("{stage}: {message}"),
        Err(_) => false,
    };
    let corpus = folder("onnx/models", "onnx");
    assert!(corpus.len() > 20);
    let change = |b: &[u8], all: &[Vec<u8>], r: &mut Random| {
        let mut b = b.to_vec();
        match r.below(4) {
            0 => mutate(&mut b, all, r),
            // two changes at once: a size in one place and its use in another
            1 => b = wire::change(&wire::change(&b, all, r), all, r),
            _ => b = wire::change(&b, all, r),
        }
        b
    };
    run(&Target {
        name: "onnx",
        inputs: 4000,
        corpus,
        read: &read,
        change: Some(&change),
        // what is known may grow by 2^24 numbers, and be held a few times
        memory: (1 << 30, MEMORY.1),
        native: false,
    });
}

#[test]
fn mlir() {
    let context = tessera_passes::context();
    let read = |b: &[u8]| {
        let Ok(text) = std::str::from_utf8(b) else { return false };
        tessera_mlir::parse(&context, text, "fuzz.mlir").is_ok()
    };
    let whole = ["mlir/nn", "mlir/qnn", "mlir/circuit"].map(|f| folder(f, "mlir")).concat();
    let parts = whole.iter().flat_map(|b| {
        let text = String::from_utf8_lossy(b).into_owned();
        text.split("// -----").map(|s| s.as_bytes().to_vec()).collect::<Vec<_>>()
    });
    let corpus: Vec<Vec<u8>> = parts.filter(|b| read(b)).collect();
    assert!(corpus.len() > 10);
    run(&Target {
        name: "mlir",
        inputs: 4000,
        corpus,
        read: &read,
        change: None,
        memory: MEMORY,
        native: true,
    });
}
