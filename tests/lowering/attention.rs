//! Attention in blocks of rows computes what it computes at once, whatever its mask leaves out: as quantized ops and as circuits.

use super::random::Tape;
use super::{attach, reference, register};
use melior::ir::Module;
use ndarray::ArrayD;
use proptest::prelude::*;
use tessera_circuit::interp;
use tessera_mlir::func::Func;
use tessera_mlir::params::{self, Param, ParamData, Params};
use tessera_mlir::{pass, pipeline};
use tessera_qnn::interp::Plan;

/// Falls from above 256 by at most 256 to two zeros.
const EXP: [i32; 9] = [300, 200, 130, 80, 50, 30, 10, 0, 0];

/// A mask of some kind that leaves something of every row.
fn mask(tape: &mut Tape, kind: usize, rows: usize, columns: usize) -> Vec<i32> {
    let places = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j)));
    let width = 1 + tape.below(columns);
    places
        .map(|(i, j)| {
            let at = (i + columns - columns.min(rows)).min(columns - 1);
            i32::from(match kind {
                0 => j <= at,
                1 => j <= at && at < j + width,
                2 => j < width,
                3 => i / width == j / width || j == 0,
                _ => j == i % columns || tape.below(3) == 0,
            })
        })
        .collect()
}

fn check(tape: &[u16]) {
    register();
    let context = tessera_passes::context();
    let mut tape = Tape::new(tape);
    let (heads, rows, columns, wide) =
        (1 + tape.below(2), 1 + tape.below(9), 1 + tape.below(9), 1 + tape.below(3));
    let kind = tape.below(5);
    let mask = mask(&mut tape, kind, rows, columns);
    let integers = Param::new([rows, columns], ParamData::I32(mask.clone().into())).unwrap();
    let mut given = Params::default();
    given.insert("exp", Param::new([EXP.len()], ParamData::I32(EXP.to_vec().into())).unwrap());
    given.insert("mask", integers);
    let (r, n, d) = (rows, columns, wide);
    // shares as they are, or rounded so that none is 0
    let (rounded, shares, ty) = match tape.below(3) {
        0 => {
            let to = format!("tensor<{heads}x{r}x{n}x!q>");
            let op = format!(
                "%7 = qnn.requantize %4 times [1] bias [1] shift 2 clamp [1, 127] : (tensor<{heads}x{r}x{n}x!s>) -> {to}"
            );
            (op, "%7", to)
        }
        _ => (String::new(), "%4", format!("tensor<{heads}x{r}x{n}x!s>")),
    };
    let source = format!(
        r#"!q = !quant.uniform<i8<-127:127>:f32, 5.0e-01>
        !t = !quant.uniform<i8<-3:3>:f32, 1.0>
        !s = !quant.uniform<i32<0:256>:f32, 3.906250e-03>
        ml_program.global private @exp(#ml_program.extern<tensor<9xi32>>) : tensor<9xi32>
        ml_program.global private @mask(#ml_program.extern<tensor<{r}x{n}xi32>>) : tensor<{r}x{n}xi32>
        func.func @main(%q: tensor<{heads}x{r}x{d}x!q> {{nn.name = "q"}}, %k: tensor<{heads}x{d}x{n}x!q> {{nn.name = "k"}}, %v: tensor<{heads}x{n}x{d}x!q> {{nn.name = "v"}})
            -> (tensor<{heads}x{r}x{d}x!q> {{nn.name = "y"}}) {{
          %exp = ml_program.global_load_const @exp : tensor<9xi32>
          %mask = ml_program.global_load_const @mask : tensor<{r}x{n}xi32>
          %0 = qnn.matmul %q, %k : (tensor<{heads}x{r}x{d}x!q>, tensor<{heads}x{d}x{n}x!q>) -> tensor<{heads}x{r}x{n}xi32>
          %1 = qnn.requantize %0 times [1] shift 13 clamp [-3, 3] : (tensor<{heads}x{r}x{n}xi32>) -> tensor<{heads}x{r}x{n}x!t>
          %2 = qnn.reshape %1 : tensor<{heads}x{r}x{n}x!t> -> tensor<1x{heads}x{r}x{n}x!t>
          %3 = qnn.softmax %2, %exp mask %mask total 256 : (tensor<1x{heads}x{r}x{n}x!t>, tensor<9xi32>, tensor<{r}x{n}xi32>) -> tensor<1x{heads}x{r}x{n}x!s>
          %4 = qnn.reshape %3 : tensor<1x{heads}x{r}x{n}x!s> -> tensor<{heads}x{r}x{n}x!s>
          {rounded}
          %5 = qnn.matmul {shares}, %v : ({ty}, tensor<{heads}x{n}x{d}x!q>) -> tensor<{heads}x{r}x{d}xi32>
          %6 = qnn.requantize %5 times [1] shift 8 clamp [-127, 127] : (tensor<{heads}x{r}x{d}xi32>) -> tensor<{heads}x{r}x{d}x!q>
          return %6 : tensor<{heads}x{r}x{d}x!q>
        }}"#
    );
    let mut module =
        tessera_mlir::parse(&context, &source, "attention.mlir").unwrap_or_else(|e| panic!("{e}"));
    attach(&module, given, "attention.safetensors");
    let inputs: Vec<ArrayD<i64>> = [[heads, r, d], [heads, d, n], [heads, n, d]]
        .iter()
        .map(|shape| ArrayD::from_shape_vec(&shape[..], tape.integers(shape.iter().product(), 127)).unwrap())
        .collect();
    let evaluate = |module: &Module| {
        let main = Func::main(module.as_operation()).unwrap();
        let plan = Plan::new(&main, &params::of(module.as_operation()).unwrap()).unwrap();
        reference(&plan, &inputs, &[false; 3])
    };
    let expected = evaluate(&module);
    let split = tape.below(4) > 0;
    let passes = match split {
        true => format!("qnn-split-attention{{rows={}}},canonicalize,cse,", 1 + tape.below(4)),
        false => String::new(),
    };
    let run = |module: &mut Module, passes: &str| {
        pipeline::run(module, &format!("builtin.module({passes})"), &pipeline::Settings::default())
            .unwrap_or_else(|error| panic!("{passes}: {error}\n{mask:?}\n{}", tessera_mlir::print(module)));
    };
    if split {
        run(&mut module, passes.trim_end_matches(','));
        assert_eq!(evaluate(&module), expected, "{mask:?}\n{}", tessera_mlir::print(&module));
    }
    run(&mut module, "convert-qnn-to-circuit,canonicalize,cse,circuit-intervals");
    let params = params::of(module.as_operation()).unwrap();
    let found = interp::run(module.as_operation(), &inputs, &params);
    let found = found.unwrap_or_else(|error| panic!("{error}\n{}", tessera_mlir::print(&module)));
    assert_eq!(found, expected, "{mask:?}\n{}", tessera_mlir::print(&module));
}

#[test]
fn attention_in_blocks_is_attention() {
    let config = ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&proptest::collection::vec(any::<u16>(), 20..120), |tape| {
            check(&tape);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    let left_out = pass::statistics().into_iter().find(|count| count.name == "left out");
    assert!(
        left_out.as_ref().is_some_and(|count| count.count > 50),
        "hardly anything is left out: {left_out:?}"
    );
}
