//! Functions of one number: every spelling is imported as the function it is. That they have ONNX's values, `suite` tests.

use crate::{context, import_bytes, noise};
use tessera_import_onnx::write::{Tensor, Writer};
use tessera_import_onnx::{ImportOptions, read_graph};
use tessera_mlir::func::Func;
use tessera_mlir::functions::{self, Map};
use tessera_nn::NnOp;
use tessera_nn::interp::Plan;

const SHAPE: [usize; 2] = [1, 256];

/// A file of one input and what `write` makes of it.
fn file(write: impl FnOnce(&mut Writer, &Tensor) -> Tensor) -> Vec<u8> {
    let mut writer = Writer::new("functions");
    let x = writer.input("x", &SHAPE);
    let y = write(&mut writer, &x);
    writer.finish(&y)
}

/// The functions that a file is imported as; nothing else is in it.
fn maps(bytes: &[u8]) -> Vec<Map> {
    let graph = read_graph(bytes.into(), &ImportOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let map = |op: &NnOp<_>| match op {
        NnOp::Map { f, .. } => f.clone(),
        other => panic!("expected a function, found {other:?}"),
    };
    graph.nodes.iter().map(|node| map(&node.op)).collect()
}

#[test]
fn every_spelling_has_the_values_of_its_function() {
    let context = context();
    for f in functions::ALL {
        for spelling in f.onnx() {
            let bytes = file(|writer, x| writer.function(spelling, x));
            let found = maps(&bytes);
            assert!(matches!(&found[..], [map] if map.name() == f.name()), "{spelling}: {found:?}");
            let (low, high) = found[0].domain();
            let x = noise(&SHAPE, 7).mapv(|v| (4.0 * v).max(low as f32).min(high as f32));
            let (module, params) = import_bytes(&context, &bytes);
            let plan = Plan::new(&Func::main(module.as_operation()).unwrap(), &params).unwrap();
            let y = &plan.run(&[x.clone()]).unwrap()[0];
            for (x, y) in x.iter().zip(y) {
                let expected = found[0].value((*x).into()) as f32;
                assert!(*y == expected, "{spelling} of {x}: {y}, {expected}");
            }
        }
    }
}

#[test]
fn what_spells_a_function_is_that_function() {
    let silu = file(|writer, x| {
        let gate = writer.function("Sigmoid", x);
        writer.mul(&gate, x)
    });
    let tail = |writer: &mut Writer, x: &Tensor| {
        let scaled = writer.with_number("Div", x, std::f32::consts::SQRT_2);
        let erf = writer.function("Erf", &scaled);
        writer.with_number("Add", &erf, 1.0)
    };
    let halved_last = file(|writer, x| {
        let tail = tail(writer, x);
        let product = writer.mul(x, &tail);
        writer.with_number("Mul", &product, 0.5)
    });
    let halved_first = file(|writer, x| {
        let tail = tail(writer, x);
        let half = writer.with_number("Mul", x, 0.5);
        writer.mul(&half, &tail)
    });
    let names = |bytes: &[u8]| maps(bytes).iter().map(Map::name).collect::<Vec<_>>();
    assert_eq!([names(&silu), names(&halved_last), names(&halved_first)], [["silu"], ["gelu"], ["gelu"]]);
    let gated = |most: f32| {
        file(|writer, x| {
            let raised = writer.with_number("Add", x, 3.0);
            let gate = writer.clip(&raised, 0.0, most);
            let product = writer.mul(x, &gate);
            writer.with_number("Div", &product, 6.0)
        })
    };
    assert_eq!(names(&gated(6.0)), ["hard_swish"]);
    // another clip, and the standard's hard sigmoid, whose slope is a fifth, are not of it
    let fifth = file(|writer, x| {
        let gate = writer.function("HardSigmoid", x);
        writer.mul(x, &gate)
    });
    assert_ne!(clips(&gated(5.0)), 0);
    assert_ne!(clips(&fifth), 0);
}

/// How many ops are functions that clip.
fn clips(bytes: &[u8]) -> usize {
    let graph = read_graph(bytes.into(), &ImportOptions::default()).unwrap();
    let clips = |op: &NnOp<tessera_import_onnx::graph::Value>| matches!(op, NnOp::Map { f, .. } if matches!(f.name(), "clip" | "hard_sigmoid"));
    graph.nodes.iter().filter(|node| clips(&node.op)).count()
}

#[test]
fn parameters_come_from_operands_too() {
    let found = maps(&file(|writer, x| writer.clip(x, 0.0, 6.0)));
    assert!(matches!(&found[..], [map] if map.clamp() == Some((0.0, 6.0))), "{found:?}");
}
