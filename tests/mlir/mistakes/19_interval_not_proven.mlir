// RUN: zk-opt --pass-pipeline=builtin.module(circuit-intervals)
func.func @main() {
  %x = circuit.input "x" public : 1x2 in [0, 10]
  %w = circuit.constant [3, -1, 2, 0] : 2x2 in [-1, 3]
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 1x2 in [0, 10], 2x2 in [-1, 3] -> 1x2 in [0, 25]
  circuit.output %y "y" public : 1x2 in [0, 25]
  return
}
