// RUN: zk-opt --pass-pipeline=builtin.module(canonicalize,cse,symbol-dce)

// Views: an identity is nothing, and two are one. The crop of a transpose; a slice of a padding, whose border is partly cut.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<2x3, [1, 9]>
  %same = circuit.view %x offset 0 strides [3, 1] : !circuit.tensor<2x3, [1, 9]> -> !circuit.tensor<2x3, [1, 9]>
  %t = circuit.view %same offset 0 strides [1, 3] : !circuit.tensor<2x3, [1, 9]> -> !circuit.tensor<3x2, [1, 9]>
  %cut = circuit.view %t offset 2 strides [2, 1] : !circuit.tensor<3x2, [1, 9]> -> !circuit.tensor<2x1, [1, 9]>
  circuit.output %cut "cut" public : !circuit.tensor<2x1, [1, 9]>
  %padded = circuit.view %x offset -4 strides [3, 1] valid [1, 1] to [3, 4] : !circuit.tensor<2x3, [1, 9]> -> !circuit.tensor<4x5, [0, 9]>
  %slice = circuit.view %padded offset 5 strides [5, 2] : !circuit.tensor<4x5, [0, 9]> -> !circuit.tensor<2x3, [0, 9]>
  circuit.output %slice "slice" public : !circuit.tensor<2x3, [0, 9]>
  return
}

// -----

// A flattened transpose cannot be one view: positions would carry from one axis into the next.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<2x3, [1, 9]>
  %t = circuit.view %x offset 0 strides [1, 3] : !circuit.tensor<2x3, [1, 9]> -> !circuit.tensor<3x2, [1, 9]>
  %flat = circuit.view %t offset 0 strides [1] : !circuit.tensor<3x2, [1, 9]> -> !circuit.tensor<6, [1, 9]>
  circuit.output %flat "flat" public : !circuit.tensor<6, [1, 9]>
  return
}

// -----

// Affine forms: 1·x + 0 is x; constants, equal terms and vanishing terms are collected; a sum of sums is a sum.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 9]>
  %y = circuit.input "y" public : !circuit.tensor<4, [0, 9]>
  %k = circuit.constant [7] : !circuit.tensor<4, [7, 7]>
  %same = circuit.affine [1 * %x] + 0 : (!circuit.tensor<4, [0, 9]>) -> !circuit.tensor<4, [0, 9]>
  %inner = circuit.affine [2 * %same, 1 * %k] + -1 : (!circuit.tensor<4, [0, 9]>, !circuit.tensor<4, [7, 7]>) -> !circuit.tensor<4, [6, 24]>
  %outer = circuit.affine [3 * %inner, 1 * %x, 5 * %y, -5 * %y] + 2
    : (!circuit.tensor<4, [6, 24]>, !circuit.tensor<4, [0, 9]>, !circuit.tensor<4, [0, 9]>, !circuit.tensor<4, [0, 9]>) -> !circuit.tensor<4, [-25, 128]>
  circuit.output %outer "outer" public : !circuit.tensor<4, [-25, 128]>
  return
}

// -----

// An inner sum that is needed elsewhere stays.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 9]>
  %inner = circuit.affine [2 * %x] + 1 : (!circuit.tensor<4, [0, 9]>) -> !circuit.tensor<4, [1, 19]>
  %outer = circuit.affine [3 * %inner] + 0 : (!circuit.tensor<4, [1, 19]>) -> !circuit.tensor<4, [3, 57]>
  circuit.output %inner "inner" public : !circuit.tensor<4, [1, 19]>
  circuit.output %outer "outer" public : !circuit.tensor<4, [3, 57]>
  return
}

// -----

// 1·x = x, concat(x) = x; equal ops are one; constants are one.
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 9]>
  %one = circuit.constant [1] : !circuit.tensor<4, [1, 1]>
  %p = circuit.mul %one, %x : (!circuit.tensor<4, [1, 1]>, !circuit.tensor<4, [0, 9]>) -> !circuit.tensor<4, [0, 9]>
  %c = circuit.concat %p axis 0 : (!circuit.tensor<4, [0, 9]>) -> !circuit.tensor<4, [0, 9]>
  %a = circuit.mul %c, %x : (!circuit.tensor<4, [0, 9]>, !circuit.tensor<4, [0, 9]>) -> !circuit.tensor<4, [0, 81]>
  %b = circuit.mul %x, %x : (!circuit.tensor<4, [0, 9]>, !circuit.tensor<4, [0, 9]>) -> !circuit.tensor<4, [0, 81]>
  %s = circuit.affine [1 * %a, 1 * %b] + 0 : (!circuit.tensor<4, [0, 81]>, !circuit.tensor<4, [0, 81]>) -> !circuit.tensor<4, [0, 162]>
  circuit.output %s "s" public : !circuit.tensor<4, [0, 162]>
  return
}

// -----

// What nothing reads is gone: lookups, splits, weights, their tables and parameters. Inputs, outputs and assertions stay:
// they are the statement.
module {
  ml_program.global private @w(#ml_program.extern<tensor<4xi64>>) : tensor<4xi64>
  circuit.table @relu domain [-9, 9] clamp offset 0 shift 0 min 0 max 9
  func.func @main() {
    %x = circuit.input "x" public : !circuit.tensor<4, [0, 9]>
    %unused = circuit.input "unused" public : !circuit.tensor<4, [0, 9]>
    %w = circuit.weight @w fixed : !circuit.tensor<4, [0, 9]>
    %q = circuit.lookup @relu %w : !circuit.tensor<4, [0, 9]> -> !circuit.tensor<4, [0, 9]>
    %h, %l = circuit.split %q by 2 : !circuit.tensor<4, [0, 9]> -> !circuit.tensor<4, [0, 2]>, !circuit.tensor<4, [0, 3]>
    circuit.assert_zero %x : !circuit.tensor<4, [0, 9]>
    return
  }
}
