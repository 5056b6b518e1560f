// RUN: zk-opt --verify-diagnostics

// A product that could wrap the field.
func.func @main() {
  %x = circuit.input "x" public : 4 in [-4294967296, 4294967296]
  // expected-error@+1 {{'circuit.mul' op the interval [0, 18446744073709551616] leaves half the field (±9223372034707292160): the value could wrap}}
  %0 = circuit.mul %x * %x : 4 in [-4294967296, 4294967296] -> [-1, 1]
  return
}

// -----

// A sum whose interval is not the one that follows.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  // expected-error@+1 {{result 0: expected an interval that meets [5, 23], which follows from the operands, found [0, 4]}}
  %0 = circuit.affine 2 * %x + 5 : 4 in [0, 9] -> [0, 4]
  return
}

// -----

// Terms of different shapes.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  %y = circuit.input "y" public : 2x2 in [0, 9]
  // expected-error@+1 {{operand 1: expected the shape 4 of operand 0, found 2x2; broadcast it by a circuit.view first}}
  %0 = "circuit.affine"(%x, %y) <{coefficients = array<i64: 1, 1>, constant = 0 : i64}>
    : (!circuit.tensor<4 in [0, 9]>, !circuit.tensor<2x2 in [0, 9]>) -> !circuit.tensor<4 in [0, 18]>
  return
}

// -----

// No term.
func.func @main() {
  // expected-error@+1 {{expected at least one term; a fixed tensor is a circuit.constant}}
  %0 = "circuit.affine"() <{coefficients = array<i64>, constant = 5 : i64}> : () -> !circuit.tensor<4 in [5, 5]>
  return
}

// -----

// Inner extents that differ.
func.func @main() {
  %a = circuit.input "a" public : 2x3 in [-1, 1]
  %b = circuit.input "b" public : 4x5 in [-1, 1]
  // expected-error@+1 {{axis 1 of operand 0 and axis 0 of operand 1 have one index variable, but the extents 3 and 4}}
  %0 = circuit.contract %a[m, k] * %b[k, n] -> [m, n] : 2x3 in [-1, 1], 4x5 in [-1, 1] -> 2x5 in [-3, 3]
  return
}

// -----

// Two maps instead of three.
func.func @main() {
  %a = circuit.input "a" public : 2x3 in [-1, 1]
  // expected-error@+1 {{maps: expected one for each operand and the result, found 2}}
  %0 = "circuit.contract"(%a, %a) <{maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m, k)>]}> : (!circuit.tensor<2x3 in [-1, 1]>, !circuit.tensor<2x3 in [-1, 1]>) -> !circuit.tensor<2 in [-3, 3]>
  return
}

// -----

// A map with a factor.
func.func @main() {
  %a = circuit.input "a" public : 2 in [-1, 1]
  // expected-error@+1 {{'circuit.contract' attribute 'maps': expected an array of affine maps whose results are sums of distinct dimensions}}
  %0 = "circuit.contract"(%a, %a) <{maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>, affine_map<(m) -> (m * 2)>]}> : (!circuit.tensor<2 in [-1, 1]>, !circuit.tensor<2 in [-1, 1]>) -> !circuit.tensor<3 in [-3, 3]>
  return
}

// -----

// Index variables in another order than that in which they appear.
func.func @main() {
  %a = circuit.input "a" public : 2x3 in [-1, 1]
  // expected-error@+1 {{maps: expected index variables numbered as they first appear, in operand 0 and then in 1}}
  %0 = "circuit.contract"(%a, %a) <{maps = [affine_map<(k, m) -> (m, k)>, affine_map<(k, m) -> (m, k)>, affine_map<(k, m) -> (m)>]}> : (!circuit.tensor<2x3 in [-1, 1]>, !circuit.tensor<2x3 in [-1, 1]>) -> !circuit.tensor<2 in [-3, 3]>
  return
}

// -----

// A sum that could wrap the field, even if a tighter interval is declared.
func.func @main() {
  %a = circuit.input "a" public : 2x3 in [-4294967296, 4294967295]
  %b = circuit.input "b" public : 3x5 in [-1073741824, 1073741824]
  // expected-error@+1 {{leaves half the field}}
  %0 = circuit.contract %a[m, k] * %b[k, n] -> [m, n] : 2x3 in [-4294967296, 4294967295], 3x5 in [-1073741824, 1073741824] -> 2x5 in [-3, 3]
  return
}

// -----

// An interval that the operands cannot reach.
func.func @main() {
  %a = circuit.input "a" public : 2x3 in [1, 2]
  %b = circuit.input "b" public : 3x5 in [1, 2]
  // expected-error@+1 {{expected an interval that meets [3, 12], which follows from the operands, found [13, 20]}}
  %0 = circuit.contract %a[m, k] * %b[k, n] -> [m, n] : 2x3 in [1, 2], 3x5 in [1, 2] -> 2x5 in [13, 20]
  return
}

// -----

// A low part that is not exactly the low bits.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 255]
  // expected-error@+1 {{low part: expected the interval [0, 15] of 4 bits, found [0, 16]}}
  %h, %l = circuit.split %x by 4 : 4 in [0, 255] -> [0, 15], [0, 16]
  return
}

// -----

// A high part too narrow for the operand.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 256]
  // expected-error@+1 {{result 0: expected an interval that contains [0, 16], which follows from the operands, found [0, 15]}}
  %h, %l = circuit.split %x by 4 : 4 in [0, 256] -> [0, 15], [0, 15]
  return
}

// -----

// Parts that put together could wrap the field.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 256]
  // expected-error@+1 {{high part: [0, 1152921504606846976] shifted by 4 bits reaches [0, 18446744073709551631], outside half the field: the split would not be unique}}
  %h, %l = circuit.split %x by 4 : 4 in [0, 256] -> [0, 1152921504606846976], [0, 15]
  return
}

// -----

// A shift of no bits.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 256]
  // expected-error@+1 {{'circuit.split' op shift: expected a number of bits in 1..=62, found 0}}
  %h, %l = circuit.split %x by 0 : 4 in [0, 256] -> [0, 256], [0, 0]
  return
}

// -----

// A value outside the table's domain.
// expected-note@+1 {{the table is defined here}}
circuit.table @relu(x in [-9, 9]) = clamp(x, 0, 9)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-10, 9]
  // expected-error@+1 {{operand: expected values within the domain [-9, 9] of @relu, found [-10, 9]; split the value or widen the table}}
  %0 = circuit.lookup @relu(%x) : 4 in [-10, 9] -> [0, 9]
  return
}

// -----

// A result narrower than the table's values.
// expected-note@+1 {{the table is defined here}}
circuit.table @relu(x in [-9, 9]) = clamp(x, 0, 9)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-9, 9]
  // expected-error@+1 {{result: expected an interval that contains [0, 9], the table's values on [-9, 9], found [0, 8]}}
  %0 = circuit.lookup @relu(%x) : 4 in [-9, 9] -> [0, 8]
  return
}

// -----

// No such table.
func.func @main() {
  %x = circuit.input "x" public : 4 in [-9, 9]
  // expected-error@+1 {{@nope: expected a circuit.table of this name in the module, found none}}
  %0 = circuit.lookup @nope(%x) : 4 in [-9, 9] -> [0, 8]
  return
}

// -----

// A name that is no table.
// expected-note@+1 {{defined here}}
func.func @main() {
  %x = circuit.input "x" public : 4 in [-9, 9]
  // expected-error@+1 {{@main: expected a circuit.table, found func.func}}
  %0 = circuit.lookup @main(%x) : 4 in [-9, 9] -> [0, 8]
  return
}

// -----

// Tables that are none.
// expected-error@+1 {{domain: expected low end ≤ high end, found [5, 4]}}
circuit.table @empty(x in [5, 4]) = clamp(x, 0, 9)

// -----

// expected-error@+1 {{domain: expected at most 16777216 rows, found 16777217 in [0, 16777216]; split the value first}}
circuit.table @long(x in [0, 16777216]) = clamp(x, 0, 9)

// -----

// expected-error@+1 {{values: expected one for each of 3 rows of the domain, found 2}}
circuit.table @short(x in [0, 2]) = [1, 2]

// -----

// expected-error@+1 {{expected either 'clamp' or 'values'}}
"circuit.table"() <{sym_name = "none", domain = array<i64: 0, 2>}> : () -> ()

// -----

// expected-error@+1 {{min, max: expected min ≤ max, found 9 and 0}}
circuit.table @clamp(x in [0, 2]) = clamp(x, 9, 0)

// -----

// A view that reads outside.
func.func @main() {
  %x = circuit.input "x" public : 2x3 in [0, 9]
  // expected-error@+1 {{valid positions read the flat indices [1, 6], but the operand has 6 elements}}
  %0 = circuit.view %x offset 1 strides [3, 1] : 2x3 in [0, 9] -> 2x3
  return
}

// -----

// A padded view whose interval leaves out the zero.
func.func @main() {
  %x = circuit.input "x" public : 3 in [1, 9]
  // expected-error@+1 {{result 0: expected an interval that contains [0, 9], which follows from the operands, found [1, 9]}}
  %0 = circuit.view %x offset -1 strides [1] valid [1] to [4] : 3 in [1, 9] -> 5
  return
}

// -----

// A valid range outside the result.
func.func @main() {
  %x = circuit.input "x" public : 3 in [1, 9]
  // expected-error@+1 {{valid: expected a range within 0..3 on axis 0, found 0..4}}
  %0 = circuit.view %x offset 0 strides [1] valid [0] to [4] : 3 in [1, 9] -> 3 in [0, 9]
  return
}

// -----

// Strides for another rank.
func.func @main() {
  %x = circuit.input "x" public : 3 in [1, 9]
  // expected-error@+1 {{strides: expected one value for each of 1 axes, found 2}}
  %0 = circuit.view %x offset 0 strides [1, 1] : 3 in [1, 9] -> 3 in [0, 9]
  return
}

// -----

// A concatenation whose interval leaves one operand out.
func.func @main() {
  %x = circuit.input "x" public : 3 in [1, 9]
  %y = circuit.input "y" public : 2 in [-3, 0]
  // expected-error@+1 {{result 0: expected an interval that contains [-3, 9], which follows from the operands, found [0, 9]}}
  %0 = circuit.concat %x, %y axis 0 : 3 in [1, 9], 2 in [-3, 0] -> 5 in [0, 9]
  return
}

// -----

// Constants: too few values, and values outside the interval.
func.func @main() {
  // expected-error@+1 {{values: expected 1, or 4 for 4, found 3}}
  %0 = circuit.constant [1, 2, 3] : 4 in [1, 3]
  return
}

// -----

func.func @main() {
  // expected-error@+1 {{expected an interval that contains [1, 4], which follows from the operands, found [1, 3]}}
  %0 = circuit.constant [1, 2, 3, 4] : 4 in [1, 3]
  return
}

// -----

// Parameters: floats, other extents, none.
// expected-note@+1 {{the parameter is declared here}}
ml_program.global private @float(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
func.func @main() {
  // expected-error@+1 {{@float: expected integers, found f32; quantize the model first}}
  %0 = circuit.weight @float fixed : 4 in [0, 9]
  return
}

// -----

// expected-note@+1 {{the parameter is declared here}}
ml_program.global private @short(#ml_program.extern<tensor<3xi64>>) : tensor<3xi64>
func.func @main() {
  // expected-error@+1 {{@short: expected the extents 4 of the result, found 3}}
  %0 = circuit.weight @short fixed : 4 in [0, 9]
  return
}

// -----

func.func @main() {
  // expected-error@+1 {{@nope: expected an ml_program.global of this name}}
  %0 = circuit.weight @nope fixed : 4 in [0, 9]
  return
}

// -----

// Keywords that are none.
func.func @main() {
  // expected-error@+1 {{visibility: expected one of public, private, committed, found secret}}
  %x = circuit.input "x" secret : 4 in [0, 9]
  return
}

// -----

ml_program.global private @w(#ml_program.extern<tensor<4xi64>>) : tensor<4xi64>
func.func @main() {
  // expected-error@+1 {{stage: expected one of fixed, model, witness, found late}}
  %w = circuit.weight @w late : 4 in [0, 9]
  return
}

// -----

// An assertion that nothing satisfies.
func.func @main() {
  %x = circuit.input "x" public : 4 in [1, 9]
  // expected-error@+1 {{the operand lies in [1, 9] and is never 0: nothing satisfies this}}
  circuit.assert_zero %x : 4 in [1, 9]
  return
}

// -----

// Types that are none.
// expected-error@+1 {{interval: expected low end ≤ high end, found [3, 2]}}
func.func private @a(!circuit.tensor<4 in [3, 2]>)

// -----

// expected-error@+1 {{interval: expected bounds within ±9223372034707292160 (half the field), found [0, 9223372034707292161]}}
func.func private @b(!circuit.tensor<4 in [0, 9223372034707292161]>)

// -----

// expected-error@+1 {{shape: expected extents of at least 1, found 0}}
func.func private @c(!circuit.tensor<4x0 in [0, 1]>)

// -----

// expected-error@+1 {{shape: expected at most 2^40 elements}}
func.func private @d(!circuit.tensor<4611686018427387904x4 in [0, 1]>)

// -----

func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 256]
  // expected-error@+1 {{'circuit.max' op expected at least two operands, found 1}}
  %y = circuit.max %x : 4 in [0, 256] -> [0, 256]
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 256]
  %y = circuit.input "y" public : 5 in [0, 256]
  // expected-error@+1 {{operand 1: expected the shape 4 of operand 0, found 5}}
  %z = "circuit.max"(%x, %y) : (!circuit.tensor<4 in [0, 256]>, !circuit.tensor<5 in [0, 256]>) -> !circuit.tensor<4 in [0, 256]>
  return
}

// -----

func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 256]
  %y = circuit.input "y" public : 4 in [-9, 300]
  // expected-error@+1 {{result 0: expected an interval that contains [0, 300], which follows from the operands, found [0, 299]}}
  %z = circuit.max %x, %y : 4 in [0, 256], [-9, 300] -> [0, 299]
  return
}
