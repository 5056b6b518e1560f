//! Files made by hand: small ones that ask for much memory, which changes at random would hardly find, and those that were
//! found once.
use crate::allocation::peak;
use crate::driver::{MEMORY, alone};
use crate::readers::{reads, zipped};
use crate::tessera_files::files;
use std::sync::Arc;
use tessera::model::Model;
use tessera_api::{Run, Seq, Values};

/// Reads a file; says whether it is taken, and holds the reader to the common limit.
fn modest(what: &str, bytes: &[u8], read: impl Fn(&[u8]) -> bool) -> bool {
    let _alone = alone();
    let (taken, peak) = peak(|| read(bytes));
    let allowed = MEMORY.0 + MEMORY.1 * bytes.len();
    assert!(
        peak <= allowed,
        "{what}: {peak} bytes held for a file of {}, allowed are {allowed}",
        bytes.len()
    );
    taken
}

#[test]
fn tables_of_many_rows_and_few_bytes() {
    let honest = &files()[1].model;
    let table = honest.program.tables.iter().position(|t| !t.provides.is_empty()).expect("a lookup table");
    for log in [20, 26] {
        let mut m = honest.clone();
        let t = &mut Arc::make_mut(&mut m.program).tables[table];
        (t.rows, t.log_height) = ((1 << log) - 1, log);
        for c in &mut t.fixed {
            // padding equals the last row, so all rows have to be looked at
            let step = Run { start: vec![0], loops: vec![((1 << log) - 1, vec![1])] };
            c.values = Values::Seq(Seq { dim: 1, runs: vec![step] });
            c.padding = (1 << log) - 2;
        }
        modest("a tall lookup table", &m.to_bytes(), |b| Model::from_bytes(b).is_ok());
        let mut m = honest.clone();
        let fold = m.program.folds.len();
        if fold > 0 {
            let program = Arc::make_mut(&mut m.program);
            let f = &mut program.folds[0];
            program.tables[f.table as usize].rows = 1 << log;
            program.tables[f.table as usize].log_height = log;
            f.segment_count = 1 << log;
            let step = Run { start: vec![1], loops: vec![(1 << log, vec![1])] };
            f.segments = Seq { dim: 1, runs: vec![step] };
            modest("a fold of many segments", &m.to_bytes(), |b| Model::from_bytes(b).is_ok());
        }
    }
}

#[test]
fn archives_that_unpack_to_a_thousand_times_their_size() {
    let _alone = alone();
    let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (80000000,), }\n";
    let head = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
    let body = [head, vec![0; 80_000_000]].concat();
    let bomb = zipped(&[("x.npy".into(), body)], true);
    assert!(bomb.len() < 1 << 20);
    // an array of bytes is kept as 64-bit integers, and there are two copies of the bytes on the way
    let (taken, peak) = peak(|| reads(&bomb));
    assert!(!taken && peak < 300 << 20, "{taken}, {peak} bytes held");
}

/// MLIR quotes such names as they are, and the message is no text.
#[test]
fn names_that_are_no_text_in_messages() {
    let context = tessera_passes::context();
    let twice = r#"func.func private @"\FF"(i1) func.func private @"\FF"(i32)"#;
    let e = tessera_mlir::parse(&context, twice, "names.mlir").expect_err("one name, twice").to_string();
    assert!(e.contains("redefinition of symbol"), "{e}");
    let place = r#"%0 = "nn.relu"() : () -> f32 loc("\FF":1:1)"#;
    assert!(tessera_mlir::parse(&context, place, "names.mlir").is_err());
}
