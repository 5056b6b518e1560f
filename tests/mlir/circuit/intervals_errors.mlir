// RUN: zk-opt --circuit-intervals --verify-diagnostics

// Declared too tight: each place is reported.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<1x2, [0, 10]>
  // expected-error@+1 {{'circuit.constant' op result 0: expected an interval that contains [-1, 3]}}
  %w = circuit.constant [3, -1] : !circuit.tensor<1x2, [0, 3]>
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<1x2, [0, 10]>
  %w = circuit.constant [3, -1] : !circuit.tensor<1x2, [-1, 3]>
  // expected-error@+1 {{'circuit.contract': declares values within [0, 30], but [-10, 30] is possible}}
  %y = circuit.contract %x, %w maps [affine_map<(n, o, c) -> (n, c)>, affine_map<(n, o, c) -> (o, c)>, affine_map<(n, o, c) -> (n, o)>]
    : (!circuit.tensor<1x2, [0, 10]>, !circuit.tensor<1x2, [-1, 3]>) -> !circuit.tensor<1x1, [0, 30]>
  // expected-error@+1 {{'circuit.affine': declares values within [5, 20], but [-5, 35] is possible}}
  %z = circuit.affine [1 * %y] + 5 : (!circuit.tensor<1x1, [0, 30]>) -> !circuit.tensor<1x1, [5, 20]>
  circuit.output %z "z" public : !circuit.tensor<1x1, [5, 20]>
  return
}

// -----

// A maximum that the table cannot hold: 300 is cut to 255.
circuit.table @relu domain [-400, 400] clamp offset 0 shift 0 min 0 max 255
func.func @main() {
  %a = circuit.input "a" public : !circuit.tensor<4, [0, 300]>
  %b = circuit.input "b" public : !circuit.tensor<4, [0, 300]>
  %d = circuit.affine [1 * %a, -1 * %b] + 0 : (!circuit.tensor<4, [0, 300]>, !circuit.tensor<4, [0, 300]>) -> !circuit.tensor<4, [-300, 300]>
  %r = circuit.lookup @relu %d : !circuit.tensor<4, [-300, 300]> -> !circuit.tensor<4, [0, 255]>
  // expected-error@+1 {{'circuit.affine': declares values within [0, 300], but [0, 555] is possible}}
  %m = circuit.affine [1 * %b, 1 * %r] + 0 : (!circuit.tensor<4, [0, 300]>, !circuit.tensor<4, [0, 255]>) -> !circuit.tensor<4, [0, 300]>
  circuit.output %m "m" public : !circuit.tensor<4, [0, 300]>
  return
}

// -----

// No maximum: what is added is not what was subtracted.
circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
func.func @main() {
  %a = circuit.input "a" public : !circuit.tensor<4, [-100, 50]>
  %b = circuit.input "b" public : !circuit.tensor<4, [-20, 40]>
  %c = circuit.input "c" public : !circuit.tensor<4, [-20, 40]>
  %d = circuit.affine [1 * %a, -1 * %c] + 0 : (!circuit.tensor<4, [-100, 50]>, !circuit.tensor<4, [-20, 40]>) -> !circuit.tensor<4, [-140, 70]>
  %r = circuit.lookup @relu %d : !circuit.tensor<4, [-140, 70]> -> !circuit.tensor<4, [0, 70]>
  // expected-error@+1 {{'circuit.affine': declares values within [-20, 50], but [-20, 110] is possible}}
  %m = circuit.affine [1 * %b, 1 * %r] + 0 : (!circuit.tensor<4, [-20, 40]>, !circuit.tensor<4, [0, 70]>) -> !circuit.tensor<4, [-20, 50]>
  circuit.output %m "m" public : !circuit.tensor<4, [-20, 50]>
  return
}

// -----

// No maximum: the table is not max(x, 0).
circuit.table @step domain [-255, 255] clamp offset 1 shift 0 min 0 max 255
func.func @main() {
  %a = circuit.input "a" public : !circuit.tensor<4, [-100, 50]>
  %b = circuit.input "b" public : !circuit.tensor<4, [-20, 40]>
  %d = circuit.affine [1 * %a, -1 * %b] + 0 : (!circuit.tensor<4, [-100, 50]>, !circuit.tensor<4, [-20, 40]>) -> !circuit.tensor<4, [-140, 70]>
  %r = circuit.lookup @step %d : !circuit.tensor<4, [-140, 70]> -> !circuit.tensor<4, [0, 71]>
  // expected-error@+1 {{'circuit.affine': declares values within [-20, 50], but [-20, 111] is possible}}
  %m = circuit.affine [1 * %b, 1 * %r] + 0 : (!circuit.tensor<4, [-20, 40]>, !circuit.tensor<4, [0, 71]>) -> !circuit.tensor<4, [-20, 50]>
  circuit.output %m "m" public : !circuit.tensor<4, [-20, 50]>
  return
}
