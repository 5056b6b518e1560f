// RUN: zk-opt --circuit-intervals

// Known weights, by channel: no sum of an accumulator and its own bias leaves [-5, 105], though the hulls' sum would.
func.func @main() {
  %x = circuit.input "x" public : 1x1 in [0, 10]
  %w = circuit.constant [10, -10] : 2x1 in [-100, 100]
  %b = circuit.constant [-5, 105] : 2 in [-1000, 1000]
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 1x1 in [0, 10], 2x1 in [-100, 100] -> 1x2 in [-1000, 1000]
  %bias = circuit.view %b reshape : 2 in [-1000, 1000] -> 1x2
  %z = circuit.affine %y + %bias : 1x2 in [-1000, 1000] -> [-2000, 2000]
  circuit.output %z "z" public : 1x2 in [-2000, 2000]
  return
}

// -----

// A maximum lies where its operands lie.
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
func.func @main() {
  %a = circuit.input "a" public : 4 in [-100, 50]
  %b = circuit.input "b" public : 4 in [-20, 40]
  %d = circuit.affine %a - %b : 4 in [-100, 50], [-20, 40] -> [-140, 70]
  %r = circuit.lookup @relu(%d) : 4 in [-140, 70] -> [0, 255]
  %m = circuit.affine %b + %r : 4 in [-20, 40], [0, 255] -> [-20, 295]
  circuit.output %m "m" public : 4 in [-20, 295]
  return
}
