// RUN: zk-opt --pass-pipeline=builtin.module(circuit-intervals)
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<1x2, [0, 10]>
  %w = circuit.constant [3, -1, 2, 0] : !circuit.tensor<2x2, [-1, 3]>
  %y = circuit.contract %x, %w maps [affine_map<(n, o, c) -> (n, c)>, affine_map<(n, o, c) -> (o, c)>, affine_map<(n, o, c) -> (n, o)>]
    : (!circuit.tensor<1x2, [0, 10]>, !circuit.tensor<2x2, [-1, 3]>) -> !circuit.tensor<1x2, [0, 25]>
  circuit.output %y "y" public : !circuit.tensor<1x2, [0, 25]>
  return
}
