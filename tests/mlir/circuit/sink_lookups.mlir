// RUN: zk-opt --circuit-sink-lookups

// A tree over three lookups of one clamp: one lookup of the maximum of the keys.
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
circuit.table @shrink(x in [0, 2047]) = clamp((x - 1024) >> 3, 0, 100)
func.func @main() {
  %x0 = circuit.input "x0" public : 4 in [0, 2047]
  %x1 = circuit.input "x1" public : 4 in [0, 2047]
  %x2 = circuit.input "x2" public : 4 in [0, 2047]
  %y0 = circuit.lookup @shrink(%x0) : 4 in [0, 2047] -> [0, 100]
  %y1 = circuit.lookup @shrink(%x1) : 4 in [0, 2047] -> [0, 100]
  %y2 = circuit.lookup @shrink(%x2) : 4 in [0, 2047] -> [0, 100]
  %d0 = circuit.affine %y0 - %y1 : 4 in [0, 100] -> [-100, 100]
  %e0 = circuit.lookup @relu(%d0) : 4 in [-100, 100] -> [0, 100]
  %m0 = circuit.affine %y1 + %e0 : 4 in [0, 100] -> [0, 100]
  %d1 = circuit.affine %m0 - %y2 : 4 in [0, 100] -> [-100, 100]
  %e1 = circuit.lookup @relu(%d1) : 4 in [-100, 100] -> [0, 100]
  %m1 = circuit.affine %y2 + %e1 : 4 in [0, 100] -> [0, 100]
  circuit.output %m1 "m" public : 4 in [0, 100]
  return
}

// -----

// The largest tree that nothing else reads into: %m0 is an output, so it is the tree.
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
circuit.table @shrink(x in [0, 2047]) = clamp((x - 1024) >> 3, 0, 100)
func.func @main() {
  %x0 = circuit.input "x0" public : 4 in [0, 2047]
  %x1 = circuit.input "x1" public : 4 in [0, 2047]
  %x2 = circuit.input "x2" public : 4 in [0, 2047]
  %y0 = circuit.lookup @shrink(%x0) : 4 in [0, 2047] -> [0, 100]
  %y1 = circuit.lookup @shrink(%x1) : 4 in [0, 2047] -> [0, 100]
  %y2 = circuit.lookup @shrink(%x2) : 4 in [0, 2047] -> [0, 100]
  %d0 = circuit.affine %y0 - %y1 : 4 in [0, 100] -> [-100, 100]
  %e0 = circuit.lookup @relu(%d0) : 4 in [-100, 100] -> [0, 100]
  %m0 = circuit.affine %y1 + %e0 : 4 in [0, 100] -> [0, 100]
  %d1 = circuit.affine %m0 - %y2 : 4 in [0, 100] -> [-100, 100]
  %e1 = circuit.lookup @relu(%d1) : 4 in [-100, 100] -> [0, 100]
  %m1 = circuit.affine %y2 + %e1 : 4 in [0, 100] -> [0, 100]
  circuit.output %m0 "pair" public : 4 in [0, 100]
  circuit.output %m1 "m" public : 4 in [0, 100]
  return
}

// -----

// Stays: two tables, or a lookup that is read besides.
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
circuit.table @shrink(x in [0, 2047]) = clamp((x - 1024) >> 3, 0, 100)
circuit.table @other(x in [0, 2047]) = clamp((x - 1024) >> 3, 0, 99)
func.func @main() {
  %x0 = circuit.input "x0" public : 4 in [0, 2047]
  %x1 = circuit.input "x1" public : 4 in [0, 2047]
  %x2 = circuit.input "x2" public : 4 in [0, 2047]
  %x3 = circuit.input "x3" public : 4 in [0, 2047]
  %y0 = circuit.lookup @shrink(%x0) : 4 in [0, 2047] -> [0, 100]
  %y1 = circuit.lookup @other(%x1) : 4 in [0, 2047] -> [0, 100]
  %y2 = circuit.lookup @shrink(%x2) : 4 in [0, 2047] -> [0, 100]
  %y3 = circuit.lookup @shrink(%x3) : 4 in [0, 2047] -> [0, 100]
  %d0 = circuit.affine %y0 - %y1 : 4 in [0, 100] -> [-100, 100]
  %e0 = circuit.lookup @relu(%d0) : 4 in [-100, 100] -> [0, 100]
  %m0 = circuit.affine %y1 + %e0 : 4 in [0, 100] -> [0, 100]
  %d1 = circuit.affine %y2 - %y3 : 4 in [0, 100] -> [-100, 100]
  %e1 = circuit.lookup @relu(%d1) : 4 in [-100, 100] -> [0, 100]
  %m1 = circuit.affine %y3 + %e1 : 4 in [0, 100] -> [0, 100]
  circuit.output %m0 "m" public : 4 in [0, 100]
  circuit.output %y2 "y" public : 4 in [0, 100]
  circuit.output %m1 "n" public : 4 in [0, 100]
  return
}

// -----

// Stays: listed values may decrease.
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
circuit.table @listed(x in [0, 3]) = [0, 100, 7, 3]
func.func @main() {
  %x0 = circuit.input "x0" public : 4 in [0, 3]
  %x1 = circuit.input "x1" public : 4 in [0, 3]
  %y0 = circuit.lookup @listed(%x0) : 4 in [0, 3] -> [0, 100]
  %y1 = circuit.lookup @listed(%x1) : 4 in [0, 3] -> [0, 100]
  %d0 = circuit.affine %y0 - %y1 : 4 in [0, 100] -> [-100, 100]
  %e0 = circuit.lookup @relu(%d0) : 4 in [-100, 100] -> [0, 100]
  %m0 = circuit.affine %y1 + %e0 : 4 in [0, 100] -> [0, 100]
  circuit.output %m0 "m" public : 4 in [0, 100]
  return
}

// -----

// High parts of 19 bits below keys of 11: 30 bits, which leave room for the wider range.
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
circuit.table @shrink(x in [0, 2047]) = clamp((x - 1024) >> 3, 0, 100)
func.func @main() {
  %a0 = circuit.input "a0" public : 4 in [0, 1073741823]
  %x0, %l0 = circuit.split %a0 by 19 : 4 in [0, 1073741823] -> [0, 2047], [0, 524287]
  %a1 = circuit.input "a1" public : 4 in [0, 1073741823]
  %x1, %l1 = circuit.split %a1 by 19 : 4 in [0, 1073741823] -> [0, 2047], [0, 524287]
  %y0 = circuit.lookup @shrink(%x0) : 4 in [0, 2047] -> [0, 100]
  %y1 = circuit.lookup @shrink(%x1) : 4 in [0, 2047] -> [0, 100]
  %d0 = circuit.affine %y0 - %y1 : 4 in [0, 100] -> [-100, 100]
  %e0 = circuit.lookup @relu(%d0) : 4 in [-100, 100] -> [0, 100]
  %m0 = circuit.affine %y1 + %e0 : 4 in [0, 100] -> [0, 100]
  circuit.output %m0 "m" public : 4 in [0, 100]
  return
}

// -----

// Stays: one bit more.
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
circuit.table @shrink(x in [0, 2047]) = clamp((x - 1024) >> 3, 0, 100)
func.func @main() {
  %a0 = circuit.input "a0" public : 4 in [0, 2147483647]
  %x0, %l0 = circuit.split %a0 by 20 : 4 in [0, 2147483647] -> [0, 2047], [0, 1048575]
  %a1 = circuit.input "a1" public : 4 in [0, 2147483647]
  %x1, %l1 = circuit.split %a1 by 20 : 4 in [0, 2147483647] -> [0, 2047], [0, 1048575]
  %y0 = circuit.lookup @shrink(%x0) : 4 in [0, 2047] -> [0, 100]
  %y1 = circuit.lookup @shrink(%x1) : 4 in [0, 2047] -> [0, 100]
  %d0 = circuit.affine %y0 - %y1 : 4 in [0, 100] -> [-100, 100]
  %e0 = circuit.lookup @relu(%d0) : 4 in [-100, 100] -> [0, 100]
  %m0 = circuit.affine %y1 + %e0 : 4 in [0, 100] -> [0, 100]
  circuit.output %m0 "m" public : 4 in [0, 100]
  return
}
