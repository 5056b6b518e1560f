// RUN: zk-opt --pass-pipeline=builtin.module(canonicalize,cse,symbol-dce)

// Views: an identity is nothing, and two are one. The crop of a transpose; a slice of a padding, whose border is partly cut.
func.func @main() {
  %x = circuit.input "x" public : 2x3 in [1, 9]
  %same = circuit.view %x reshape : 2x3 in [1, 9] -> 2x3
  %t = circuit.view %same transpose [1, 0] : 2x3 in [1, 9] -> 3x2
  %cut = circuit.view %t crop [1, 0] : 3x2 in [1, 9] -> 2x1
  circuit.output %cut "cut" public : 2x1 in [1, 9]
  %padded = circuit.view %x pad [1, 1] : 2x3 in [1, 9] -> 4x5 in [0, 9]
  %slice = circuit.view %padded crop [1, 0] stride [1, 2] : 4x5 in [0, 9] -> 2x3
  circuit.output %slice "slice" public : 2x3 in [0, 9]
  return
}

// -----

// A flattened transpose cannot be one view: positions would carry from one axis into the next.
func.func @main() {
  %x = circuit.input "x" public : 2x3 in [1, 9]
  %t = circuit.view %x transpose [1, 0] : 2x3 in [1, 9] -> 3x2
  %flat = circuit.view %t reshape : 3x2 in [1, 9] -> 6
  circuit.output %flat "flat" public : 6 in [1, 9]
  return
}

// -----

// Affine forms: 1·x + 0 is x; constants, equal terms and vanishing terms are collected; a sum of sums is a sum.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  %y = circuit.input "y" public : 4 in [0, 9]
  %k = circuit.constant [7] : 4 in [7, 7]
  %same = circuit.affine %x : 4 in [0, 9] -> [0, 9]
  %inner = circuit.affine 2 * %same + %k - 1 : 4 in [0, 9], [7, 7] -> [6, 24]
  %outer = circuit.affine 3 * %inner + %x + 5 * %y - 5 * %y + 2 : 4 in [6, 24], [0, 9], [0, 9], [0, 9] -> [-25, 128]
  circuit.output %outer "outer" public : 4 in [-25, 128]
  return
}

// -----

// An inner sum that is needed elsewhere stays.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  %inner = circuit.affine 2 * %x + 1 : 4 in [0, 9] -> [1, 19]
  %outer = circuit.affine 3 * %inner : 4 in [1, 19] -> [3, 57]
  circuit.output %inner "inner" public : 4 in [1, 19]
  circuit.output %outer "outer" public : 4 in [3, 57]
  return
}

// -----

// 1·x = x, concat(x) = x; equal ops are one; constants are one.
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  %one = circuit.constant [1] : 4 in [1, 1]
  %p = circuit.mul %one * %x : 4 in [1, 1], [0, 9] -> [0, 9]
  %c = circuit.concat %p axis 0 : 4 in [0, 9] -> 4 in [0, 9]
  %a = circuit.mul %c * %x : 4 in [0, 9] -> [0, 81]
  %b = circuit.mul %x * %x : 4 in [0, 9] -> [0, 81]
  %s = circuit.affine %a + %b : 4 in [0, 81] -> [0, 162]
  circuit.output %s "s" public : 4 in [0, 162]
  return
}

// -----

// What nothing reads is gone: lookups, splits, weights, their tables and parameters. Inputs, outputs and assertions stay:
// they are the statement.
module {
  ml_program.global private @w(#ml_program.extern<tensor<4xi64>>) : tensor<4xi64>
  circuit.table @relu(x in [-9, 9]) = clamp(x, 0, 9)
  func.func @main() {
    %x = circuit.input "x" public : 4 in [0, 9]
    %unused = circuit.input "unused" public : 4 in [0, 9]
    %w = circuit.weight @w fixed : 4 in [0, 9]
    %q = circuit.lookup @relu(%w) : 4 in [0, 9] -> [0, 9]
    %h, %l = circuit.split %q by 2 : 4 in [0, 9] -> [0, 2], [0, 3]
    circuit.assert_zero %x : 4 in [0, 9]
    return
  }
}
