// RUN: zk-opt --verify-diagnostics
// Text that is no op: what was expected, at the place where it was.

func.func @main() {
  // expected-error@+1 {{expected an interval after the extents: 4 in [0, 9]}}
  %x = circuit.input "x" public : 4
  return
}

// -----

func.func @main() {
  // expected-error@+1 {{interval: expected low end ≤ high end, found [3, 2]}}
  %x = circuit.input "x" public : 4 in [3, 2]
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  // expected-error@+1 {{expected the type of one operand for all, or of each of 1, found 2}}
  %y = circuit.affine %x + 1 : 4 in [0, 9], [0, 9] -> [1, 10]
  return
}

// -----

// A constant comes last.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  // expected-error@+1 {{expected ':'}}
  %y = circuit.affine 1 + %x : 4 in [0, 9] -> [1, 10]
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  // expected-error@+1 {{expected an integer of 64 bits}}
  %y = circuit.affine %x - 9223372036854775809 : 4 in [0, 9] -> [1, 10]
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 2x3 in [-1, 1]
  // expected-error@+1 {{expected an index variable of an operand, found 'n'}}
  %y = circuit.contract %x[m, k] * %x[m, k] -> [n] : 2x3 in [-1, 1] -> 2 in [-3, 3]
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 2x3 in [-1, 1]
  // expected-error@+1 {{expected 2 results for operand 1 of 2x3, found 1}}
  %y = circuit.contract %x[m, k] * %x[k] -> [m] : 2x3 in [-1, 1] -> 2 in [-3, 3]
  return
}

// -----

// expected-error@+1 {{expected ','}}
circuit.table @relu(x in [-9, 9]) = clamp(x * 2, 0, 9)

// -----

// Values that a print left out.
// expected-error@+1 {{expected [..] or dense<..>, found dense_resource<__elided__> : tensor<20xi64>; a print that elides values cannot be read}}
circuit.table @long(x in [0, 19]) = dense_resource<__elided__> : tensor<20xi64>

// -----

func.func @main() {
  %x = circuit.input "x" public : 2x3 in [-1, 1]
  // expected-error@+1 {{expected reshape, transpose [..], broadcast [..], crop [..] stride [..], pad [..] stride [..], or offset .. strides [..] valid [..] to [..], found "flip"}}
  %y = circuit.view %x flip [1] : 2x3 in [-1, 1] -> 2x3
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 2x3 in [-1, 1]
  // expected-error@+1 {{reshape: expected a result of 6 elements, as 2x3 has, found 5}}
  %y = circuit.view %x reshape : 2x3 in [-1, 1] -> 5
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 2x3 in [-1, 1]
  // expected-error@+1 {{transpose: expected each of the axes 0..2 once, found [0, 0]}}
  %y = circuit.view %x transpose [0, 0] : 2x3 in [-1, 1] -> 2x3
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 2x3 in [-1, 1]
  // expected-error@+1 {{transpose of 2x3: expected the result 3x2, found 2x3}}
  %y = circuit.view %x transpose [1, 0] : 2x3 in [-1, 1] -> 2x3
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 2x3 in [-1, 1]
  // expected-error@+1 {{broadcast: expected axes below 3, found 3}}
  %y = circuit.view %x broadcast [1, 3] : 2x3 in [-1, 1] -> 4x2x3
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 2x3 in [-1, 1]
  // expected-error@+1 {{crop: expected one value for each of 2 axes of the operand, found 1}}
  %y = circuit.view %x crop [1] : 2x3 in [-1, 1] -> 1x3
  return
}

// -----

// Padding writes zeros, which the interval leaves out.
func.func @main() {
  %x = circuit.input "x" public : 3 in [1, 9]
  // expected-error@+1 {{result 0: expected an interval that contains [0, 9], which follows from the operands, found [1, 9]}}
  %y = circuit.view %x pad [1] : 3 in [1, 9] -> 5
  return
}
