// RUN: zk-opt --optimize
// Views of views are one, and a view that changes nothing is none; the value between has no use any more.
circuit.table @up(x in [-100, 100]) = clamp(x + 1, -99, 101)
func.func @main() {
  %x = circuit.input "x" public : 2x3 in [-100, 100]
  %t = circuit.view %x transpose [1, 0] : 2x3 in [-100, 100] -> 3x2
  %u = circuit.view %t transpose [1, 0] : 3x2 in [-100, 100] -> 2x3
  %y = circuit.lookup @up(%u) : 2x3 in [-100, 100] -> [-99, 101]
  %z = circuit.lookup @up(%x) : 2x3 in [-100, 100] -> [-99, 101]
  %s = circuit.affine %y + %z : 2x3 in [-99, 101] -> [-198, 202]
  circuit.output %s "s" public : 2x3 in [-198, 202]
  return
}

// -----
// A crop reads a quarter of what is looked up: the crop comes first. Elementwise work on all lanes of a partition stays where it is.
circuit.table @square(x in [-8, 7]) = [64, 49, 36, 25, 16, 9, 4, 1, 0, 1, 4, 9, 16, 25, 36, 49]
func.func @main() {
  %x = circuit.input "x" public : 8 in [-8, 7]
  %y = circuit.lookup @square(%x) : 8 in [-8, 7] -> [0, 64]
  %v = circuit.view %y crop [2] : 8 in [0, 64] -> 2
  circuit.output %v "v" public : 2 in [0, 64]
  return
}

// -----
// The lookups of four lanes are one, of the maximum of the keys, taken at once. No step on the way there is cheaper: each lane by itself
// would be looked up beside the whole.
circuit.table @shrink(x in [-100, 100]) = clamp(x >> 1, 0, 50)
func.func @main() {
  %x = circuit.input "x" public : 1024 in [-100, 100]
  %k = circuit.lookup @shrink(%x) : 1024 in [-100, 100] -> [0, 50]
  %a = circuit.view %k stride [4] : 1024 in [0, 50] -> 256
  %b = circuit.view %k crop [1] stride [4] : 1024 in [0, 50] -> 256
  %c = circuit.view %k crop [2] stride [4] : 1024 in [0, 50] -> 256
  %d = circuit.view %k crop [3] stride [4] : 1024 in [0, 50] -> 256
  %ab = circuit.max %a, %b : 256 in [0, 50] -> [0, 50]
  %cd = circuit.max %c, %d : 256 in [0, 50] -> [0, 50]
  %m = circuit.max %ab, %cd : 256 in [0, 50] -> [0, 50]
  circuit.output %m "m" public : 256 in [0, 50]
  return
}

// -----
// A clamp that keeps every key is none; a function of a function is one table; what is computed twice is computed once.
circuit.table @clamp(x in [-1000, 1000]) = clamp(x, -128, 127)
circuit.table @halve(x in [-8, 7]) = clamp(x >> 1, -4, 3)
circuit.table @square(x in [-4, 3]) = [16, 9, 4, 1, 0, 1, 4, 9]
func.func @main() {
  %x = circuit.input "x" public : 4 in [-8, 7]
  %c = circuit.lookup @clamp(%x) : 4 in [-8, 7] -> [-8, 7]
  %h = circuit.lookup @halve(%c) : 4 in [-8, 7] -> [-4, 3]
  %s = circuit.lookup @square(%h) : 4 in [-4, 3] -> [0, 16]
  %g = circuit.lookup @halve(%x) : 4 in [-8, 7] -> [-4, 3]
  %r = circuit.lookup @square(%g) : 4 in [-4, 3] -> [0, 16]
  %a = circuit.affine 2 * %s + 3 * %r - 5 : 4 in [0, 16] -> [-5, 75]
  circuit.output %a "a" public : 4 in [-5, 75]
  return
}

// -----
// Nothing is cheaper: the function stays as it was, to the letter.
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100, 100]
  %y = circuit.affine %x + %x : 4 in [-100, 100] -> [-200, 200]
  circuit.output %y "y" public : 4 in [-200, 200]
  return
}
