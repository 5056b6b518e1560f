// RUN: zk-opt --circuit-absorb-scale

// A factor for each output channel goes into the weights, through the crop; the bias takes its channel's factor.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<1x1x3, [-10, 10]>
  %w = circuit.constant [1, 2, 3, 4] : !circuit.tensor<2x1x2, [1, 4]>
  %b = circuit.constant [100, -100] : !circuit.tensor<2, [-100, 100]>
  %c = circuit.constant [5, 7] : !circuit.tensor<2, [5, 7]>
  %full = circuit.contract %x, %w maps [affine_map<(n, o, c, i, k) -> (n, c, i)>, affine_map<(n, o, c, i, k) -> (o, c, k)>, affine_map<(n, o, c, i, k) -> (n, o, i + k)>]
    : (!circuit.tensor<1x1x3, [-10, 10]>, !circuit.tensor<2x1x2, [1, 4]>) -> !circuit.tensor<1x2x4, [-80, 80]>
  %y = circuit.view %full offset 1 strides [8, 4, 1] : !circuit.tensor<1x2x4, [-80, 80]> -> !circuit.tensor<1x2x2, [-80, 80]>
  %bias = circuit.view %b offset 0 strides [0, 1, 0] : !circuit.tensor<2, [-100, 100]> -> !circuit.tensor<1x2x2, [-100, 100]>
  %acc = circuit.affine [1 * %y, 1 * %bias] + 0 : (!circuit.tensor<1x2x2, [-80, 80]>, !circuit.tensor<1x2x2, [-100, 100]>) -> !circuit.tensor<1x2x2, [-180, 180]>
  %m = circuit.view %c offset 0 strides [0, 1, 0] : !circuit.tensor<2, [5, 7]> -> !circuit.tensor<1x2x2, [5, 7]>
  %z = circuit.mul %acc, %m : (!circuit.tensor<1x2x2, [-180, 180]>, !circuit.tensor<1x2x2, [5, 7]>) -> !circuit.tensor<1x2x2, [-1260, 1260]>
  circuit.output %z "z" public : !circuit.tensor<1x2x2, [-1260, 1260]>
  return
}

// -----

// One factor for all goes the same way; a bias that is the same everywhere goes into the constant.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<1x2, [-10, 10]>
  %w = circuit.constant [1, 2, 3, 4] : !circuit.tensor<2x2, [1, 4]>
  %b = circuit.constant [6] : !circuit.tensor<1x2, [6, 6]>
  %y = circuit.contract %x, %w maps [affine_map<(n, o, c) -> (n, c)>, affine_map<(n, o, c) -> (o, c)>, affine_map<(n, o, c) -> (n, o)>]
    : (!circuit.tensor<1x2, [-10, 10]>, !circuit.tensor<2x2, [1, 4]>) -> !circuit.tensor<1x2, [-80, 80]>
  %z = circuit.affine [9 * %y, 9 * %b] + 1000 : (!circuit.tensor<1x2, [-80, 80]>, !circuit.tensor<1x2, [6, 6]>) -> !circuit.tensor<1x2, [334, 1774]>
  circuit.output %z "z" public : !circuit.tensor<1x2, [334, 1774]>
  return
}

// -----

// Not absorbed: the factor differs within a channel.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<2x2, [-10, 10]>
  %w = circuit.constant [1, 2, 3, 4] : !circuit.tensor<2x2, [1, 4]>
  %c = circuit.constant [5, 7, 9, 11] : !circuit.tensor<2x2, [5, 11]>
  %y = circuit.contract %x, %w maps [affine_map<(n, o, c) -> (n, c)>, affine_map<(n, o, c) -> (o, c)>, affine_map<(n, o, c) -> (n, o)>]
    : (!circuit.tensor<2x2, [-10, 10]>, !circuit.tensor<2x2, [1, 4]>) -> !circuit.tensor<2x2, [-80, 80]>
  %z = circuit.mul %y, %c : (!circuit.tensor<2x2, [-80, 80]>, !circuit.tensor<2x2, [5, 11]>) -> !circuit.tensor<2x2, [-880, 880]>
  circuit.output %z "z" public : !circuit.tensor<2x2, [-880, 880]>
  return
}

// -----

// Not absorbed: the contract's result is used as it is as well.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<1x2, [-10, 10]>
  %w = circuit.constant [1, 2, 3, 4] : !circuit.tensor<2x2, [1, 4]>
  %y = circuit.contract %x, %w maps [affine_map<(n, o, c) -> (n, c)>, affine_map<(n, o, c) -> (o, c)>, affine_map<(n, o, c) -> (n, o)>]
    : (!circuit.tensor<1x2, [-10, 10]>, !circuit.tensor<2x2, [1, 4]>) -> !circuit.tensor<1x2, [-80, 80]>
  %z = circuit.affine [9 * %y] + 0 : (!circuit.tensor<1x2, [-80, 80]>) -> !circuit.tensor<1x2, [-720, 720]>
  circuit.output %y "y" public : !circuit.tensor<1x2, [-80, 80]>
  circuit.output %z "z" public : !circuit.tensor<1x2, [-720, 720]>
  return
}
