// RUN: zk-opt --verify-roundtrip
// Every op of the dialect, in its shortest and its longest spelling; then the generic form, and what has no short one.


module attributes {tessera.params = "net.c.safetensors"} {
  ml_program.global private @conv.weight(#ml_program.extern<tensor<4x2x3xi64>>) : tensor<4x2x3xi64>
  ml_program.global private @conv.bias(#ml_program.extern<tensor<4xi32>>) : tensor<4xi32>
  circuit.table @requant(x in [0, 65535]) = clamp((x - 32768) >> 1, 0, 127)
  circuit.table @sign(x in [-1, 1]) = [-1, 0, 1]
  func.func @main() {
    %x = circuit.input "image" public : 1x2x8 in [-127, 127]
    %w = circuit.weight @conv.weight fixed : 4x2x3 in [-500, 500]
    // The interval is tighter than the operands say: the weights are known.
    %y = circuit.contract %x[n, c, i] * %w[o, c, k] -> [n, o, i + k]
    : 1x2x8 in [-127, 127], 4x2x3 in [-500, 500] -> 1x4x10 in [-200000, 200000]
    %crop = circuit.view %y crop [0, 0, 2] : 1x4x10 in [-200000, 200000] -> 1x4x6
    %b = circuit.weight @conv.bias model : 4 in [-1000, 1000]
    %bias = circuit.view %b broadcast [1] : 4 in [-1000, 1000] -> 1x4x6
    %sum = circuit.affine %crop - %bias + 2147483648 : 1x4x6 in [-200000, 200000], [-1000, 1000] -> [2147282648, 2147684648]
    %high, %low = circuit.split %sum by 16 : 1x4x6 in [2147282648, 2147684648] -> [0, 65535], [0, 65535]
    %q = circuit.lookup @requant(%high) : 1x4x6 in [0, 65535] -> [0, 127]
    circuit.output %q "logits" public : 1x4x6 in [0, 127]
    return
  }
}

// -----

func.func @main() {
  %a = circuit.input "secret" private : 2x3 in [-5, 7]
  %one = circuit.constant [3] : 2x3 in [3, 3]
  %all = circuit.constant [1, -2, 3, -4, 5, -6] : 2x3 in [-6, 5]
  %p = circuit.mul %a * %all : 2x3 in [-5, 7], [-6, 5] -> [-42, 35]
  %square = circuit.mul %a * %a : 2x3 in [-5, 7] -> [0, 49]
  %max = circuit.max %a, %one, %all : 2x3 in [-5, 7], [3, 3], [-6, 5] -> [3, 7]
  circuit.output %max "max" private : 2x3 in [3, 7]
  %c = circuit.concat %p, %square, %one axis 1 : 2x3 in [-42, 35], 2x3 in [0, 49], 2x3 in [3, 3] -> 2x9 in [-42, 49]
  %padded = circuit.view %c pad [0, 1] : 2x9 in [-42, 49] -> 2x10
  %scalar = circuit.view %padded offset 4 strides [] : 2x10 in [-42, 49] -> [-42, 49]
  circuit.assert_zero %scalar : [-42, 49]
  circuit.output %padded "all" private : 2x10 in [-42, 49]
  return
}

// -----

// A matrix product and a grouped one.
func.func @main() {
  %a = circuit.input "a" public : 2x3 in [-1, 1]
  %b = circuit.input "b" public : 3x4 in [0, 2]
  %0 = circuit.contract %a[m, k] * %b[k, n] -> [m, n]
    : 2x3 in [-1, 1], 3x4 in [0, 2] -> 2x4 in [-6, 6]
  %1 = circuit.contract %a[g, c] * %a[g, c] -> [g]
    : 2x3 in [-1, 1] -> 2 in [-3, 3]
  circuit.output %0 "product" public : 2x4 in [-6, 6]
  circuit.output %1 "norms" public : 2 in [-3, 3]
  return
}

// -----

// Tables that are looked up at once, ranges and hints.
circuit.table @power(x in [3, 14]) = [64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864, 268435456]
circuit.table @root(x in [3, 14]) = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
circuit.table @exp(x in [0, 3]) = [8, 4, 2, 0]
func.func @main() {
  %s = circuit.input "s" public : 16 in [1, 99999999]
  %q = circuit.hint quotient(%s) [768] : 16 in [1, 99999999] -> 16 in [0, 262143]
  %v, %e = circuit.hint mantissa(%s) [2, 16, 3, 14] : 16 in [1, 99999999] -> 16 in [0, 65535], 16 in [3, 14]
  %p, %r = circuit.lookup @power, @root(%e) : 16 in [3, 14] -> [64, 268435456], [8, 16384]
  %left = circuit.affine %s - 768 * %q : 16 in [1, 99999999], [0, 262143] -> [-201325823, 99999999]
  %rest = circuit.range %left : 16 in [-201325823, 99999999] -> [0, 767]
  %a = circuit.input "a" public : 4x16x16 in [-50, 50]
  %c = circuit.hint threshold @exp(%a) [256, 1] : 4x16x16 in [-50, 50] -> 4x16 in [-50, 77]
  %m, %i = circuit.hint greatest(%a) [] : 4x16x16 in [-50, 50] -> 4x16 in [-50, 50], 4x16 in [0, 15]
  circuit.output %c "c" public : 4x16 in [-50, 77]
  circuit.output %r "r" public : 16 in [8, 16384]
  return
}

// -----

// Views by name, and views that none says.
func.func @main() {
  %a = circuit.input "a" public : 2x3x4 in [1, 9] {note = "an attribute of a reader's own"}
  %0 = circuit.view %a reshape : 2x3x4 in [1, 9] -> 4x6
  %1 = circuit.view %a transpose [2, 0, 1] : 2x3x4 in [1, 9] -> 4x2x3
  %2 = circuit.view %a broadcast [1, 3, 4] : 2x3x4 in [1, 9] -> 5x2x1x3x4
  %3 = circuit.view %a crop [1, 0, 1] : 2x3x4 in [1, 9] -> 1x2x2
  %4 = circuit.view %a stride [1, 2, 3] : 2x3x4 in [1, 9] -> 2x2x2
  %5 = circuit.view %a crop [1, 2, 3] stride [-1, -2, -1] : 2x3x4 in [1, 9] -> 2x2x4
  %6 = circuit.view %a pad [1, -1, 0] : 2x3x4 in [1, 9] -> 4x2x4 in [0, 9]
  %7 = circuit.view %a pad [1, 0, 0] stride [1, 2, 1] : 2x3x4 in [1, 9] -> 3x2x4 in [0, 9]
  %8 = circuit.view %a offset 0 strides [12, 5] : 2x3x4 in [1, 9] -> 2x3
  %9 = circuit.view %a offset 0 strides [12, 4, 1] : 2x3x4 in [1, 9] -> 1x3x4 in [0, 10]
  %10 = circuit.view %a offset 0 strides [12, 4, 1] valid [0, 0, 0] to [2, 3, 4] : 2x3x4 in [1, 9] -> 2x3x4
  %11 = circuit.view %a reshape : 2x3x4 in [1, 9] -> 24 {note = "why"}
  %12 = circuit.view %a offset -1 strides [5] valid [1] to [3] : 2x3x4 in [1, 9] -> 4 in [0, 9]
  circuit.output %11 "y" public : 24 in [1, 9]
  return
}

// -----

// Sums at the ends of 64 bits, scalars, long lists.
circuit.table @long(x in [0, 19]) = dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]> : tensor<20xi64>
circuit.table @add(x in [0, 19]) = clamp(x + 3, -4, 9)
circuit.table @shift(x in [0, 19]) = clamp(x >> 3, 0, 9)
func.func @main() {
  %x = circuit.input "x" public : [0, 1]
  %0 = circuit.affine -%x : [0, 1] -> [-1, 0]
  %1 = circuit.affine -3 * %x - 2 * %0 + -1 * %x - 7 : [0, 1], [-1, 0], [0, 1] -> [-11, -5]
  %2 = circuit.affine 0 * %x - 9223372034707292160 : [0, 1] -> [-9223372034707292160, -9223372034707292160]
  %zero = circuit.constant [0] : [0, 0]
  %3 = circuit.affine %x + -9223372036854775808 * %zero : [0, 1], [0, 0] -> [0, 1]
  return
}

// -----

// The generic form.
func.func @main() {
  %x = "circuit.input"() <{name = "x", visibility = "public"}> : () -> !circuit.tensor<2x3 in [0, 9]>
  %y = "circuit.affine"(%x, %x) <{coefficients = array<i64: 2, -1>, constant = 5 : i64}>
    : (!circuit.tensor<2x3 in [0, 9]>, !circuit.tensor<2x3 in [0, 9]>) -> !circuit.tensor<2x3 in [-4, 23]>
  %z = "circuit.view"(%y) <{offset = 0 : i64, strides = array<i64: 1, 3>}>
    : (!circuit.tensor<2x3 in [-4, 23]>) -> !circuit.tensor<3x2 in [-4, 23]>
  %k = "circuit.constant"() <{values = dense<[1, 2]> : tensor<2xi64>}> : () -> !circuit.tensor<2 in [1, 2]>
  "circuit.output"(%z) <{name = "z", visibility = "public"}> : (!circuit.tensor<3x2 in [-4, 23]>) -> ()
  return
}

// -----

// What every index of a contraction does has its letter.
func.func @main() {
  %x = circuit.input "x" public : 1x2x3x4x5 in [0, 1]
  %w = circuit.input "w" public : 2x6x3x2x2 in [0, 1]
  %0 = circuit.contract %x[n, g, c, i, j] * %w[g, o, c, k, l] -> [n, g, o, i + k, j + l]
    : 1x2x3x4x5 in [0, 1], 2x6x3x2x2 in [0, 1] -> 1x2x6x5x6 in [0, 12]
  %a = circuit.input "a" public : 3x4x5 in [0, 1]
  %b = circuit.input "b" public : 3x5x2 in [0, 1]
  %1 = circuit.contract %a[head, row, k] * %b[head, k, column] -> [head, row, column]
    : 3x4x5 in [0, 1], 3x5x2 in [0, 1] -> 3x4x2 in [0, 5]
  %2 = circuit.contract %a[i, j, k] * %a[l, m, n] -> [i, l] : 3x4x5 in [0, 1] -> 3x3 in [0, 400]
  return
}
