// RUN: zk-opt --pass-pipeline=builtin.module(circuit-print-intervals) -o /dev/null

func.func @main() {
  %x = circuit.input "x" public : 1x2 in [0, 10]
  %w = circuit.constant [3, -1, 2, 0] : 2x2 in [-1, 3]
  // Declared wide; each output channel alone is within what its weights allow.
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 1x2 in [0, 10], 2x2 in [-1, 3] -> 1x2 in [-1000, 1000]
  %high, %low = circuit.split %y by 4 : 1x2 in [-1000, 1000] -> [-63, 62], [0, 15]
  circuit.output %high "high" public : 1x2 in [-63, 62]
  circuit.output %low "low" public : 1x2 in [0, 15]
  return
}
