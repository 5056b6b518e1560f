// RUN: zk-opt --pass-pipeline=builtin.module(circuit-print-intervals) -o /dev/null

func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<1x2, [0, 10]>
  %w = circuit.constant [3, -1, 2, 0] : !circuit.tensor<2x2, [-1, 3]>
  // Declared wide; each output channel alone is within what its weights allow.
  %y = circuit.contract %x, %w maps [affine_map<(n, o, c) -> (n, c)>, affine_map<(n, o, c) -> (o, c)>, affine_map<(n, o, c) -> (n, o)>]
    : (!circuit.tensor<1x2, [0, 10]>, !circuit.tensor<2x2, [-1, 3]>) -> !circuit.tensor<1x2, [-1000, 1000]>
  %high, %low = circuit.split %y by 4
    : !circuit.tensor<1x2, [-1000, 1000]> -> !circuit.tensor<1x2, [-63, 62]>, !circuit.tensor<1x2, [0, 15]>
  circuit.output %high "high" public : !circuit.tensor<1x2, [-63, 62]>
  circuit.output %low "low" public : !circuit.tensor<1x2, [0, 15]>
  return
}
