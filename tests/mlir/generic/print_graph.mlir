// RUN: zk-opt --pass-pipeline=builtin.module(circuit-annotate-cost{total=true},print-graph) -o /dev/null

circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
ml_program.global private @w(#ml_program.extern : tensor<2x4xi8>) : tensor<2x4xi8>
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<1x4, [-10, 10]>
  %w = circuit.weight @w fixed : !circuit.tensor<2x4, [-3, 3]>
  %y = circuit.contract %x, %w maps [affine_map<(n, o, c) -> (n, c)>, affine_map<(n, o, c) -> (o, c)>, affine_map<(n, o, c) -> (n, o)>]
    : (!circuit.tensor<1x4, [-10, 10]>, !circuit.tensor<2x4, [-3, 3]>) -> !circuit.tensor<1x2, [-120, 120]> loc("fc1")
  %r = circuit.lookup @relu %y : !circuit.tensor<1x2, [-120, 120]> -> !circuit.tensor<1x2, [0, 120]>
  %high, %low = circuit.split %r by 4
    : !circuit.tensor<1x2, [0, 120]> -> !circuit.tensor<1x2, [0, 7]>, !circuit.tensor<1x2, [0, 15]>
  circuit.output %high "high" public : !circuit.tensor<1x2, [0, 7]>
  circuit.output %low "low" public : !circuit.tensor<1x2, [0, 15]>
  return
}
