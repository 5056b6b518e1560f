// RUN: zk-opt --circuit-hoist-views

// Two lanes that partition what is looked up: affine form, split and lookup go to the lanes, the odd last element is dropped.
circuit.table @low(x in [0, 255]) = clamp((x - 128) >> 1, 0, 50)
func.func @main() {
  %x = circuit.input "x" public : 5 in [0, 1000]
  %k = circuit.constant [1, 2, 3, 4, 5] : 5 in [1, 5]
  %a = circuit.affine 3 * %x + %k + 7 : 5 in [0, 1000], [1, 5] -> [8, 3012]
  %high, %low = circuit.split %a by 4 : 5 in [8, 3012] -> [0, 188], [0, 15]
  %q = circuit.lookup @low(%high) : 5 in [0, 188] -> [0, 50]
  %even = circuit.view %q stride [2] : 5 in [0, 50] -> 2
  %odd = circuit.view %q crop [1] stride [2] : 5 in [0, 50] -> 2
  %s = circuit.affine %even + %odd : 2 in [0, 50] -> [0, 100]
  circuit.output %s "s" public : 2 in [0, 100]
  return
}

// -----

// Stays: the lanes overlap, so that work would be done twice.
circuit.table @low(x in [0, 255]) = clamp(x >> 1, 0, 50)
func.func @main() {
  %x = circuit.input "x" public : 5 in [0, 100]
  %q = circuit.lookup @low(%x) : 5 in [0, 100] -> [0, 50]
  %a = circuit.view %q crop [0] : 5 in [0, 50] -> 4
  %b = circuit.view %q crop [1] : 5 in [0, 50] -> 4
  %s = circuit.affine %a + %b : 4 in [0, 50] -> [0, 100]
  circuit.output %s "s" public : 4 in [0, 100]
  return
}

// -----

// Stays: a padded view shows zeros, not f(0).
circuit.table @low(x in [0, 255]) = clamp((x + 8) >> 1, 0, 50)
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 100]
  %q = circuit.lookup @low(%x) : 4 in [0, 100] -> [4, 50]
  %a = circuit.view %q pad [1] : 4 in [4, 50] -> 3 in [0, 50]
  circuit.output %a "a" public : 3 in [0, 50]
  return
}

// -----

// Stays: a single view that only reorders; and a value that is an output as well.
circuit.table @low(x in [0, 255]) = clamp(x >> 1, 0, 50)
func.func @main() {
  %x = circuit.input "x" public : 2x2 in [0, 100]
  %q = circuit.lookup @low(%x) : 2x2 in [0, 100] -> [0, 50]
  %t = circuit.view %q transpose [1, 0] : 2x2 in [0, 50] -> 2x2
  %r = circuit.lookup @low(%t) : 2x2 in [0, 50] -> [0, 25]
  %a = circuit.view %r offset 0 strides [0] : 2x2 in [0, 25] -> 1
  circuit.output %r "r" public : 2x2 in [0, 25]
  circuit.output %a "a" public : 1 in [0, 25]
  return
}

// -----

// A range goes with two lanes that read all of its operand: both say together what it said.
circuit.table @low(x in [0, 255]) = clamp(x >> 1, 0, 50)
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 1000]
  %r = circuit.range %x : 4 in [0, 1000] -> [0, 255]
  %q = circuit.lookup @low(%r) : 4 in [0, 255] -> [0, 50]
  %even = circuit.view %q stride [2] : 4 in [0, 50] -> 2
  %odd = circuit.view %q crop [1] stride [2] : 4 in [0, 50] -> 2
  %s = circuit.affine %even + %odd : 2 in [0, 50] -> [0, 100]
  circuit.output %s "s" public : 2 in [0, 100]
  return
}

// -----

// The range stays: it speaks of the last element too, which no lane reads.
circuit.table @low(x in [0, 255]) = clamp(x >> 1, 0, 50)
func.func @main() {
  %x = circuit.input "x" public : 5 in [0, 1000]
  %r = circuit.range %x : 5 in [0, 1000] -> [0, 255]
  %q = circuit.lookup @low(%r) : 5 in [0, 255] -> [0, 50]
  %even = circuit.view %q crop [0] stride [2] : 5 in [0, 50] -> 2
  %odd = circuit.view %q crop [1] stride [2] : 5 in [0, 50] -> 2
  %s = circuit.affine %even + %odd : 2 in [0, 50] -> [0, 100]
  circuit.output %s "s" public : 2 in [0, 100]
  return
}
