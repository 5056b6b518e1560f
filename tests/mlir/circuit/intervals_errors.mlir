// RUN: zk-opt --circuit-intervals --verify-diagnostics

// Declared too tight: each place is reported.
func.func @main() {
  %x = circuit.input "x" public : 1x2 in [0, 10]
  // expected-error@+1 {{'circuit.constant' op result 0: expected an interval that contains [-1, 3]}}
  %w = circuit.constant [3, -1] : 1x2 in [0, 3]
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 1x2 in [0, 10]
  %w = circuit.constant [3, -1] : 1x2 in [-1, 3]
  // expected-error@+1 {{'circuit.contract': declares values within [0, 30], but [-10, 30] is possible}}
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 1x2 in [0, 10], 1x2 in [-1, 3] -> 1x1 in [0, 30]
  // expected-error@+1 {{'circuit.affine': declares values within [5, 20], but [-5, 35] is possible}}
  %z = circuit.affine %y + 5 : 1x1 in [0, 30] -> [5, 20]
  circuit.output %z "z" public : 1x1 in [5, 20]
  return
}

// -----

// A maximum that the table cannot hold: 300 is cut to 255.
circuit.table @relu(x in [-400, 400]) = clamp(x, 0, 255)
func.func @main() {
  %a = circuit.input "a" public : 4 in [0, 300]
  %b = circuit.input "b" public : 4 in [0, 300]
  %d = circuit.affine %a - %b : 4 in [0, 300] -> [-300, 300]
  %r = circuit.lookup @relu(%d) : 4 in [-300, 300] -> [0, 255]
  // expected-error@+1 {{'circuit.affine': declares values within [0, 300], but [0, 555] is possible}}
  %m = circuit.affine %b + %r : 4 in [0, 300], [0, 255] -> [0, 300]
  circuit.output %m "m" public : 4 in [0, 300]
  return
}

// -----

// No maximum: what is added is not what was subtracted.
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
func.func @main() {
  %a = circuit.input "a" public : 4 in [-100, 50]
  %b = circuit.input "b" public : 4 in [-20, 40]
  %c = circuit.input "c" public : 4 in [-20, 40]
  %d = circuit.affine %a - %c : 4 in [-100, 50], [-20, 40] -> [-140, 70]
  %r = circuit.lookup @relu(%d) : 4 in [-140, 70] -> [0, 70]
  // expected-error@+1 {{'circuit.affine': declares values within [-20, 50], but [-20, 110] is possible}}
  %m = circuit.affine %b + %r : 4 in [-20, 40], [0, 70] -> [-20, 50]
  circuit.output %m "m" public : 4 in [-20, 50]
  return
}

// -----

// No maximum: the table is not max(x, 0).
circuit.table @step(x in [-255, 255]) = clamp(x + 1, 0, 255)
func.func @main() {
  %a = circuit.input "a" public : 4 in [-100, 50]
  %b = circuit.input "b" public : 4 in [-20, 40]
  %d = circuit.affine %a - %b : 4 in [-100, 50], [-20, 40] -> [-140, 70]
  %r = circuit.lookup @step(%d) : 4 in [-140, 70] -> [0, 71]
  // expected-error@+1 {{'circuit.affine': declares values within [-20, 50], but [-20, 111] is possible}}
  %m = circuit.affine %b + %r : 4 in [-20, 40], [0, 71] -> [-20, 50]
  circuit.output %m "m" public : 4 in [-20, 50]
  return
}
