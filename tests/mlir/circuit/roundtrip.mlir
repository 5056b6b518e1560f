// RUN: zk-opt --verify-roundtrip
// Every op of the dialect, in its shortest and its longest spelling.

#x = affine_map<(n, o, c, i, k) -> (n, c, i)>
#w = affine_map<(n, o, c, i, k) -> (o, c, k)>
#y = affine_map<(n, o, c, i, k) -> (n, o, i + k)>

module attributes {tessera.params = "net.c.safetensors"} {
  ml_program.global private @conv.weight(#ml_program.extern<tensor<4x2x3xi64>>) : tensor<4x2x3xi64>
  ml_program.global private @conv.bias(#ml_program.extern<tensor<4xi32>>) : tensor<4xi32>
  circuit.table @requant domain [0, 65535] clamp offset -32768 shift 1 min 0 max 127
  circuit.table @sign domain [-1, 1] values [-1, 0, 1]
  func.func @main() {
    %x = circuit.input "image" public : !circuit.tensor<1x2x8, [-127, 127]>
    %w = circuit.weight @conv.weight fixed : !circuit.tensor<4x2x3, [-500, 500]>
    // The interval is tighter than the operands say: the weights are known.
    %y = circuit.contract %x, %w maps [#x, #w, #y]
      : (!circuit.tensor<1x2x8, [-127, 127]>, !circuit.tensor<4x2x3, [-500, 500]>) -> !circuit.tensor<1x4x10, [-200000, 200000]>
    %crop = circuit.view %y offset 2 strides [40, 10, 1] : !circuit.tensor<1x4x10, [-200000, 200000]> -> !circuit.tensor<1x4x6, [-200000, 200000]>
    %b = circuit.weight @conv.bias model : !circuit.tensor<4, [-1000, 1000]>
    %bias = circuit.view %b offset 0 strides [0, 1, 0] : !circuit.tensor<4, [-1000, 1000]> -> !circuit.tensor<1x4x6, [-1000, 1000]>
    %sum = circuit.affine [1 * %crop, -1 * %bias] + 2147483648
      : (!circuit.tensor<1x4x6, [-200000, 200000]>, !circuit.tensor<1x4x6, [-1000, 1000]>) -> !circuit.tensor<1x4x6, [2147282648, 2147684648]>
    %high, %low = circuit.split %sum by 16
      : !circuit.tensor<1x4x6, [2147282648, 2147684648]> -> !circuit.tensor<1x4x6, [0, 65535]>, !circuit.tensor<1x4x6, [0, 65535]>
    %q = circuit.lookup @requant %high : !circuit.tensor<1x4x6, [0, 65535]> -> !circuit.tensor<1x4x6, [0, 127]>
    circuit.output %q "logits" public : !circuit.tensor<1x4x6, [0, 127]>
    return
  }
}

// -----

func.func @main() {
  %a = circuit.input "secret" private : !circuit.tensor<2x3, [-5, 7]>
  %one = circuit.constant [3] : !circuit.tensor<2x3, [3, 3]>
  %all = circuit.constant [1, -2, 3, -4, 5, -6] : !circuit.tensor<2x3, [-6, 5]>
  %p = circuit.mul %a, %all : (!circuit.tensor<2x3, [-5, 7]>, !circuit.tensor<2x3, [-6, 5]>) -> !circuit.tensor<2x3, [-42, 35]>
  %square = circuit.mul %a, %a : (!circuit.tensor<2x3, [-5, 7]>, !circuit.tensor<2x3, [-5, 7]>) -> !circuit.tensor<2x3, [0, 49]>
  %max = circuit.max %a, %one, %all
    : (!circuit.tensor<2x3, [-5, 7]>, !circuit.tensor<2x3, [3, 3]>, !circuit.tensor<2x3, [-6, 5]>) -> !circuit.tensor<2x3, [3, 7]>
  circuit.output %max "max" private : !circuit.tensor<2x3, [3, 7]>
  %c = circuit.concat %p, %square, %one axis 1
    : (!circuit.tensor<2x3, [-42, 35]>, !circuit.tensor<2x3, [0, 49]>, !circuit.tensor<2x3, [3, 3]>) -> !circuit.tensor<2x9, [-42, 49]>
  %padded = circuit.view %c offset -1 strides [9, 1] valid [0, 1] to [2, 10] : !circuit.tensor<2x9, [-42, 49]> -> !circuit.tensor<2x10, [-42, 49]>
  %scalar = circuit.view %padded offset 4 strides [] : !circuit.tensor<2x10, [-42, 49]> -> !circuit.tensor<[-42, 49]>
  circuit.assert_zero %scalar : !circuit.tensor<[-42, 49]>
  circuit.output %padded "all" private : !circuit.tensor<2x10, [-42, 49]>
  return
}

// -----

// A matrix product and a grouped one.
func.func @main() {
  %a = circuit.input "a" public : !circuit.tensor<2x3, [-1, 1]>
  %b = circuit.input "b" public : !circuit.tensor<3x4, [0, 2]>
  %0 = circuit.contract %a, %b maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    : (!circuit.tensor<2x3, [-1, 1]>, !circuit.tensor<3x4, [0, 2]>) -> !circuit.tensor<2x4, [-6, 6]>
  %1 = circuit.contract %a, %a maps [affine_map<(g, c) -> (g, c)>, affine_map<(g, c) -> (g, c)>, affine_map<(g, c) -> (g)>]
    : (!circuit.tensor<2x3, [-1, 1]>, !circuit.tensor<2x3, [-1, 1]>) -> !circuit.tensor<2, [-3, 3]>
  circuit.output %0 "product" public : !circuit.tensor<2x4, [-6, 6]>
  circuit.output %1 "norms" public : !circuit.tensor<2, [-3, 3]>
  return
}
