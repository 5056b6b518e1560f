//! The circuit's interpreter refuses what a circuit falsely claims, and inputs that do not fit it: each error names the op.

use melior::ir::operation::OperationLike;
use ndarray::{ArrayD, IxDyn};
use tessera_circuit::interp;
use tessera_mlir::params::{Param, ParamData, Params};

/// Runs a circuit on inputs; what it computes or why it does not.
fn run(body: &str, inputs: &[&[i64]]) -> Result<Vec<Vec<i64>>, String> {
    let context = tessera_passes::context();
    let source = format!("module {{\n{body}\n}}");
    let module =
        tessera_mlir::parse(&context, &source, "claims.mlir").unwrap_or_else(|error| panic!("{error}"));
    let mut params = Params::default();
    params.insert("w", Param::new([2], ParamData::I8(vec![3, 100].into())).expect("two values"));
    let arrays: Vec<ArrayD<i64>> = inputs
        .iter()
        .map(|x| ArrayD::from_shape_vec(IxDyn(&[x.len()]), x.to_vec()).expect("as many values as elements"))
        .collect();
    let mut seen = 0;
    let outputs = interp::run_observed(module.as_operation(), &arrays, &params, |op, values| {
        assert_eq!(op.result_count(), values.len());
        seen += 1;
    });
    if outputs.is_ok() {
        assert!(seen > 1);
    }
    outputs
        .map(|ys| ys.into_iter().map(|y| y.into_iter().collect()).collect())
        .map_err(|error| error.to_string())
}

#[test]
fn false_claims_are_named() {
    let tight = r#"func.func @main() {
  %x = circuit.input "x" public : 2 in [0, 9]
  %y = circuit.affine 2 * %x + 1 : 2 in [0, 9] -> [1, 15]
  circuit.output %y "y" public : 2 in [1, 15]
  return
}"#;
    assert_eq!(run(tight, &[&[0, 7]]), Ok(vec![vec![1, 15]]));
    assert_eq!(
        run(tight, &[&[0, 8]]).unwrap_err(),
        "claims.mlir:4:8: 'circuit.affine' op: element 1 is 17, outside the declared interval [1, 15]"
    );
    assert_eq!(
        run(tight, &[&[-1, 0]]).unwrap_err(),
        "claims.mlir:3:8: 'circuit.input' op: element 0 is -1, outside the declared interval [0, 9]"
    );

    let zero = r#"func.func @main() {
  %x = circuit.input "x" public : 2 in [0, 9]
  circuit.assert_zero %x : 2 in [0, 9]
  return
}"#;
    assert_eq!(run(zero, &[&[0, 0]]), Ok(vec![]));
    assert_eq!(
        run(zero, &[&[0, 3]]).unwrap_err(),
        "claims.mlir:4:3: 'circuit.assert_zero' op: element 1 is not zero"
    );

    let weight = r#"ml_program.global private @w(#ml_program.extern : tensor<2xi8>) : tensor<2xi8>
func.func @main() {
  %w = circuit.weight @w fixed : 2 in [0, 50]
  circuit.output %w "w" public : 2 in [0, 50]
  return
}"#;
    assert_eq!(
        run(weight, &[]).unwrap_err(),
        "claims.mlir:4:8: 'circuit.weight' op: element 1 is 100, outside the declared interval [0, 50]"
    );
}

#[test]
fn splits_and_lookups_by_hand() {
    let split = r#"circuit.table @third(x in [-2, 1]) = [7, 8, 9, 10]
func.func @main() {
  %x = circuit.input "x" public : 4 in [-8, 7]
  %high, %low = circuit.split %x by 2 : 4 in [-8, 7] -> [-2, 1], [0, 3]
  %y = circuit.lookup @third(%high) : 4 in [-2, 1] -> [7, 10]
  circuit.output %high "high" public : 4 in [-2, 1]
  circuit.output %low "low" public : 4 in [0, 3]
  circuit.output %y "y" public : 4 in [7, 10]
  return
}"#;
    let expected = vec![vec![-2, -1, 0, 1], vec![0, 3, 0, 3], vec![7, 8, 9, 10]];
    assert_eq!(run(split, &[&[-8, -1, 0, 7]]), Ok(expected));
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let two = r#"func.func @main() {
  %x = circuit.input "left" public : 2 in [0, 9]
  %y = circuit.input "right" public : 2 in [0, 9]
  circuit.output %y "y" public : 2 in [0, 9]
  return
}"#;
    let x: &[i64] = &[1, 2];
    assert_eq!(
        [run(two, &[x]), run(two, &[x, x, x]), run(two, &[x, &[1, 2, 3]])].map(Result::unwrap_err),
        [
            "claims.mlir:4:8: 'circuit.input' op: no value given for input \"right\"",
            "claims.mlir:1:1: the circuit has 2 inputs, found 3",
            "claims.mlir:4:8: 'circuit.input' op: input \"right\": expected 2, found 3",
        ]
    );
}
