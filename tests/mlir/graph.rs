//! The bridge between IR and plain graphs: a function that is read and written again prints the same text, locations included.
//!
//! Invariant: every function of the suite's files and of their snapshots that is of one of these dialects alone is tried.

use super::{folder, suite};
use std::{fs, path::PathBuf};
use tessera_mlir::{
    func::Func,
    graph::{Graph, GraphOp},
    op::{all_ops, op_name},
    parse, print_with_locations, verify,
};

/// The modules of the suite as texts: the cases of its files, and what came out of them.
fn texts() -> Vec<String> {
    let inputs = suite().inputs().into_iter().map(|name| folder().join(name));
    let snapshots = fs::read_dir(folder().join("snapshots")).expect("there are snapshots");
    let mut files: Vec<PathBuf> =
        inputs.chain(snapshots.map(|entry| entry.expect("an entry").path())).collect();
    files.sort();
    let mut cases = vec![];
    for path in files {
        let text = fs::read_to_string(path).expect("a file of text");
        // a snapshot begins with who took it, between two lines of dashes
        let head = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
        cases.extend(head.map_or(&text[..], |(_, body)| body).split("// -----").map(str::to_owned));
    }
    cases
}

/// Whether it is a view with bounds that keep nothing out, from 0 to its shape: the one thing that is not said again.
fn says_bounds_in_vain(line: &str) -> bool {
    let bounds = line.split_once(" valid ").and_then(|(_, rest)| rest.split_once(" : "));
    let shape = line
        .rsplit_once("-> ")
        .map(|(_, rest)| rest.split(' ').next().unwrap_or_default().replace('x', ", "));
    bounds.zip(shape).is_some_and(|((bounds, _), shape)| {
        let (low, high) = bounds.split_once(" to ").unwrap_or_default();
        low.trim_matches(['[', ']']).split(", ").all(|low| low == "0") && high == format!("[{shape}]")
    })
}

/// Reads and writes every function that is of `O`'s dialect alone; returns how many were,
/// and how many lines were spelled anew.
fn identity<O: GraphOp>(dialect: &str) -> (usize, usize) {
    let context = tessera_passes::context();
    let quiet = context.attach_diagnostic_handler(|_| true);
    let (mut tried, mut respelled) = (0, 0);
    for text in texts() {
        // files of errors have texts that are no IR
        let Ok(module) = parse(&context, &text, "case.mlir") else { continue };
        let functions = all_ops(module.as_operation()).into_iter().filter(|op| op_name(*op) == "func.func");
        for op in functions.collect::<Vec<_>>() {
            let Ok(func) = Func::of(op) else { continue };
            let Ok(graph) = Graph::<O>::read(func) else { continue };
            if !func.ops().into_iter().any(|op| op_name(op).starts_with(dialect)) {
                continue;
            }
            let before = print_with_locations(module.as_operation());
            graph.write(func).unwrap_or_else(|error| panic!("{error}\n{before}"));
            let after = print_with_locations(module.as_operation());
            assert_eq!(after.lines().count(), before.lines().count(), "{before}{after}");
            for (was, is) in before.lines().zip(after.lines()).filter(|(was, is)| was != is) {
                assert!(says_bounds_in_vain(was) && is.contains("circuit.view"), "{was}\n{is}");
                respelled += 1;
            }
            verify(&module).unwrap_or_else(|error| panic!("{error}\n{before}"));
            tried += 1;
        }
    }
    context.detach_diagnostic_handler(quiet);
    (tried, respelled)
}

#[test]
fn circuits_read_and_written_again_are_the_same() {
    let (tried, respelled) = identity::<tessera_circuit::CircuitOp<usize>>("circuit.");
    assert!(
        (1..=2).contains(&respelled),
        "{respelled} views lost bounds: the round trip has one, and its snapshot"
    );
    assert!(tried >= 50, "only {tried} functions were of the circuit dialect alone");
}

#[test]
fn models_read_and_written_again_are_the_same() {
    let (tried, respelled) = identity::<tessera_nn::graph::NnNode<usize>>("nn.");
    assert_eq!(respelled, 0);
    assert!(tried >= 20, "only {tried} functions were of the nn dialect alone");
}
