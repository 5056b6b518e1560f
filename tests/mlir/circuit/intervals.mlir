// RUN: zk-opt --circuit-intervals

// Known weights, by channel: no sum of an accumulator and its own bias leaves [-5, 105], though the hulls' sum would.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<1x1, [0, 10]>
  %w = circuit.constant [10, -10] : !circuit.tensor<2x1, [-100, 100]>
  %b = circuit.constant [-5, 105] : !circuit.tensor<2, [-1000, 1000]>
  %y = circuit.contract %x, %w maps [affine_map<(n, o, c) -> (n, c)>, affine_map<(n, o, c) -> (o, c)>, affine_map<(n, o, c) -> (n, o)>]
    : (!circuit.tensor<1x1, [0, 10]>, !circuit.tensor<2x1, [-100, 100]>) -> !circuit.tensor<1x2, [-1000, 1000]>
  %bias = circuit.view %b offset 0 strides [0, 1] : !circuit.tensor<2, [-1000, 1000]> -> !circuit.tensor<1x2, [-1000, 1000]>
  %z = circuit.affine [1 * %y, 1 * %bias] + 0 : (!circuit.tensor<1x2, [-1000, 1000]>, !circuit.tensor<1x2, [-1000, 1000]>) -> !circuit.tensor<1x2, [-2000, 2000]>
  circuit.output %z "z" public : !circuit.tensor<1x2, [-2000, 2000]>
  return
}

// -----

// A maximum lies where its operands lie.
circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
func.func @main() {
  %a = circuit.input "a" public : !circuit.tensor<4, [-100, 50]>
  %b = circuit.input "b" public : !circuit.tensor<4, [-20, 40]>
  %d = circuit.affine [1 * %a, -1 * %b] + 0 : (!circuit.tensor<4, [-100, 50]>, !circuit.tensor<4, [-20, 40]>) -> !circuit.tensor<4, [-140, 70]>
  %r = circuit.lookup @relu %d : !circuit.tensor<4, [-140, 70]> -> !circuit.tensor<4, [0, 255]>
  %m = circuit.affine [1 * %b, 1 * %r] + 0 : (!circuit.tensor<4, [-20, 40]>, !circuit.tensor<4, [0, 255]>) -> !circuit.tensor<4, [-20, 295]>
  circuit.output %m "m" public : !circuit.tensor<4, [-20, 295]>
  return
}
