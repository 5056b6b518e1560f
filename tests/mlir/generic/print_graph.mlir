// RUN: zk-opt --pass-pipeline=builtin.module(circuit-annotate-cost{total=true},print-graph) -o /dev/null

circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
ml_program.global private @w(#ml_program.extern : tensor<2x4xi8>) : tensor<2x4xi8>
func.func @main() {
  %x = circuit.input "x" public : 1x4 in [-10, 10]
  %w = circuit.weight @w fixed : 2x4 in [-3, 3]
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 1x4 in [-10, 10], 2x4 in [-3, 3] -> 1x2 in [-120, 120] loc("fc1")
  %r = circuit.lookup @relu(%y) : 1x2 in [-120, 120] -> [0, 120]
  %high, %low = circuit.split %r by 4 : 1x2 in [0, 120] -> [0, 7], [0, 15]
  circuit.output %high "high" public : 1x2 in [0, 7]
  circuit.output %low "low" public : 1x2 in [0, 15]
  return
}
