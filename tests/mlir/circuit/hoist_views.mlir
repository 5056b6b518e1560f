// RUN: zk-opt --circuit-hoist-views

// Two lanes that partition what is looked up: affine form, split and lookup go to the lanes, the odd last element is dropped.
circuit.table @low domain [0, 255] clamp offset -128 shift 1 min 0 max 50
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<5, [0, 1000]>
  %k = circuit.constant [1, 2, 3, 4, 5] : !circuit.tensor<5, [1, 5]>
  %a = circuit.affine [3 * %x, 1 * %k] + 7 : (!circuit.tensor<5, [0, 1000]>, !circuit.tensor<5, [1, 5]>) -> !circuit.tensor<5, [8, 3012]>
  %high, %low = circuit.split %a by 4 : !circuit.tensor<5, [8, 3012]> -> !circuit.tensor<5, [0, 188]>, !circuit.tensor<5, [0, 15]>
  %q = circuit.lookup @low %high : !circuit.tensor<5, [0, 188]> -> !circuit.tensor<5, [0, 50]>
  %even = circuit.view %q offset 0 strides [2] : !circuit.tensor<5, [0, 50]> -> !circuit.tensor<2, [0, 50]>
  %odd = circuit.view %q offset 1 strides [2] : !circuit.tensor<5, [0, 50]> -> !circuit.tensor<2, [0, 50]>
  %s = circuit.affine [1 * %even, 1 * %odd] + 0 : (!circuit.tensor<2, [0, 50]>, !circuit.tensor<2, [0, 50]>) -> !circuit.tensor<2, [0, 100]>
  circuit.output %s "s" public : !circuit.tensor<2, [0, 100]>
  return
}

// -----

// Stays: the lanes overlap, so that work would be done twice.
circuit.table @low domain [0, 255] clamp offset 0 shift 1 min 0 max 50
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<5, [0, 100]>
  %q = circuit.lookup @low %x : !circuit.tensor<5, [0, 100]> -> !circuit.tensor<5, [0, 50]>
  %a = circuit.view %q offset 0 strides [1] : !circuit.tensor<5, [0, 50]> -> !circuit.tensor<4, [0, 50]>
  %b = circuit.view %q offset 1 strides [1] : !circuit.tensor<5, [0, 50]> -> !circuit.tensor<4, [0, 50]>
  %s = circuit.affine [1 * %a, 1 * %b] + 0 : (!circuit.tensor<4, [0, 50]>, !circuit.tensor<4, [0, 50]>) -> !circuit.tensor<4, [0, 100]>
  circuit.output %s "s" public : !circuit.tensor<4, [0, 100]>
  return
}

// -----

// Stays: a padded view shows zeros, not f(0).
circuit.table @low domain [0, 255] clamp offset 8 shift 1 min 0 max 50
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 100]>
  %q = circuit.lookup @low %x : !circuit.tensor<4, [0, 100]> -> !circuit.tensor<4, [4, 50]>
  %a = circuit.view %q offset -1 strides [1] valid [1] to [3] : !circuit.tensor<4, [4, 50]> -> !circuit.tensor<3, [0, 50]>
  circuit.output %a "a" public : !circuit.tensor<3, [0, 50]>
  return
}

// -----

// Stays: a single view that only reorders; and a value that is an output as well.
circuit.table @low domain [0, 255] clamp offset 0 shift 1 min 0 max 50
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<2x2, [0, 100]>
  %q = circuit.lookup @low %x : !circuit.tensor<2x2, [0, 100]> -> !circuit.tensor<2x2, [0, 50]>
  %t = circuit.view %q offset 0 strides [1, 2] : !circuit.tensor<2x2, [0, 50]> -> !circuit.tensor<2x2, [0, 50]>
  %r = circuit.lookup @low %t : !circuit.tensor<2x2, [0, 50]> -> !circuit.tensor<2x2, [0, 25]>
  %a = circuit.view %r offset 0 strides [0] : !circuit.tensor<2x2, [0, 25]> -> !circuit.tensor<1, [0, 25]>
  circuit.output %r "r" public : !circuit.tensor<2x2, [0, 25]>
  circuit.output %a "a" public : !circuit.tensor<1, [0, 25]>
  return
}
