// RUN: zk-opt --circuit-absorb-scale

// A factor for each output channel goes into the weights, through the crop; the bias takes its channel's factor.
func.func @main() {
  %x = circuit.input "x" public : 1x1x3 in [-10, 10]
  %w = circuit.constant [1, 2, 3, 4] : 2x1x2 in [1, 4]
  %b = circuit.constant [100, -100] : 2 in [-100, 100]
  %c = circuit.constant [5, 7] : 2 in [5, 7]
  %full = circuit.contract %x[n, c, i] * %w[o, c, k] -> [n, o, i + k]
    : 1x1x3 in [-10, 10], 2x1x2 in [1, 4] -> 1x2x4 in [-80, 80]
  %y = circuit.view %full crop [0, 0, 1] : 1x2x4 in [-80, 80] -> 1x2x2
  %bias = circuit.view %b broadcast [1] : 2 in [-100, 100] -> 1x2x2
  %acc = circuit.affine %y + %bias : 1x2x2 in [-80, 80], [-100, 100] -> [-180, 180]
  %m = circuit.view %c broadcast [1] : 2 in [5, 7] -> 1x2x2
  %z = circuit.mul %acc * %m : 1x2x2 in [-180, 180], [5, 7] -> [-1260, 1260]
  circuit.output %z "z" public : 1x2x2 in [-1260, 1260]
  return
}

// -----

// One factor for all goes the same way; a bias that is the same everywhere goes into the constant.
func.func @main() {
  %x = circuit.input "x" public : 1x2 in [-10, 10]
  %w = circuit.constant [1, 2, 3, 4] : 2x2 in [1, 4]
  %b = circuit.constant [6] : 1x2 in [6, 6]
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 1x2 in [-10, 10], 2x2 in [1, 4] -> 1x2 in [-80, 80]
  %z = circuit.affine 9 * %y + 9 * %b + 1000 : 1x2 in [-80, 80], [6, 6] -> [334, 1774]
  circuit.output %z "z" public : 1x2 in [334, 1774]
  return
}

// -----

// Not absorbed: the factor differs within a channel.
func.func @main() {
  %x = circuit.input "x" public : 2x2 in [-10, 10]
  %w = circuit.constant [1, 2, 3, 4] : 2x2 in [1, 4]
  %c = circuit.constant [5, 7, 9, 11] : 2x2 in [5, 11]
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 2x2 in [-10, 10], 2x2 in [1, 4] -> 2x2 in [-80, 80]
  %z = circuit.mul %y * %c : 2x2 in [-80, 80], [5, 11] -> [-880, 880]
  circuit.output %z "z" public : 2x2 in [-880, 880]
  return
}

// -----

// Not absorbed: the contract's result is used as it is as well.
func.func @main() {
  %x = circuit.input "x" public : 1x2 in [-10, 10]
  %w = circuit.constant [1, 2, 3, 4] : 2x2 in [1, 4]
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 1x2 in [-10, 10], 2x2 in [1, 4] -> 1x2 in [-80, 80]
  %z = circuit.affine 9 * %y : 1x2 in [-80, 80] -> [-720, 720]
  circuit.output %y "y" public : 1x2 in [-80, 80]
  circuit.output %z "z" public : 1x2 in [-720, 720]
  return
}
