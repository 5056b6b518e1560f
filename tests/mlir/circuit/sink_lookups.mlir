// RUN: zk-opt --circuit-sink-lookups

// A tree over three lookups of one clamp: one lookup of the maximum of the keys.
circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
circuit.table @shrink domain [0, 2047] clamp offset -1024 shift 3 min 0 max 100
func.func @main() {
  %x0 = circuit.input "x0" public : !circuit.tensor<4, [0, 2047]>
  %x1 = circuit.input "x1" public : !circuit.tensor<4, [0, 2047]>
  %x2 = circuit.input "x2" public : !circuit.tensor<4, [0, 2047]>
  %y0 = circuit.lookup @shrink %x0 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %y1 = circuit.lookup @shrink %x1 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %y2 = circuit.lookup @shrink %x2 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %d0 = circuit.affine [1 * %y0, -1 * %y1] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [-100, 100]>
  %e0 = circuit.lookup @relu %d0 : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  %m0 = circuit.affine [1 * %y1, 1 * %e0] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [0, 100]>
  %d1 = circuit.affine [1 * %m0, -1 * %y2] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [-100, 100]>
  %e1 = circuit.lookup @relu %d1 : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  %m1 = circuit.affine [1 * %y2, 1 * %e1] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [0, 100]>
  circuit.output %m1 "m" public : !circuit.tensor<4, [0, 100]>
  return
}

// -----

// The largest tree that nothing else reads into: %m0 is an output, so it is the tree.
circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
circuit.table @shrink domain [0, 2047] clamp offset -1024 shift 3 min 0 max 100
func.func @main() {
  %x0 = circuit.input "x0" public : !circuit.tensor<4, [0, 2047]>
  %x1 = circuit.input "x1" public : !circuit.tensor<4, [0, 2047]>
  %x2 = circuit.input "x2" public : !circuit.tensor<4, [0, 2047]>
  %y0 = circuit.lookup @shrink %x0 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %y1 = circuit.lookup @shrink %x1 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %y2 = circuit.lookup @shrink %x2 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %d0 = circuit.affine [1 * %y0, -1 * %y1] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [-100, 100]>
  %e0 = circuit.lookup @relu %d0 : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  %m0 = circuit.affine [1 * %y1, 1 * %e0] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [0, 100]>
  %d1 = circuit.affine [1 * %m0, -1 * %y2] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [-100, 100]>
  %e1 = circuit.lookup @relu %d1 : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  %m1 = circuit.affine [1 * %y2, 1 * %e1] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [0, 100]>
  circuit.output %m0 "pair" public : !circuit.tensor<4, [0, 100]>
  circuit.output %m1 "m" public : !circuit.tensor<4, [0, 100]>
  return
}

// -----

// Stays: two tables, or a lookup that is read besides.
circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
circuit.table @shrink domain [0, 2047] clamp offset -1024 shift 3 min 0 max 100
circuit.table @other domain [0, 2047] clamp offset -1024 shift 3 min 0 max 99
func.func @main() {
  %x0 = circuit.input "x0" public : !circuit.tensor<4, [0, 2047]>
  %x1 = circuit.input "x1" public : !circuit.tensor<4, [0, 2047]>
  %x2 = circuit.input "x2" public : !circuit.tensor<4, [0, 2047]>
  %x3 = circuit.input "x3" public : !circuit.tensor<4, [0, 2047]>
  %y0 = circuit.lookup @shrink %x0 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %y1 = circuit.lookup @other %x1 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %y2 = circuit.lookup @shrink %x2 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %y3 = circuit.lookup @shrink %x3 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %d0 = circuit.affine [1 * %y0, -1 * %y1] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [-100, 100]>
  %e0 = circuit.lookup @relu %d0 : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  %m0 = circuit.affine [1 * %y1, 1 * %e0] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [0, 100]>
  %d1 = circuit.affine [1 * %y2, -1 * %y3] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [-100, 100]>
  %e1 = circuit.lookup @relu %d1 : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  %m1 = circuit.affine [1 * %y3, 1 * %e1] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [0, 100]>
  circuit.output %m0 "m" public : !circuit.tensor<4, [0, 100]>
  circuit.output %y2 "y" public : !circuit.tensor<4, [0, 100]>
  circuit.output %m1 "n" public : !circuit.tensor<4, [0, 100]>
  return
}

// -----

// Stays: listed values may decrease.
circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
circuit.table @listed domain [0, 3] values [0, 100, 7, 3]
func.func @main() {
  %x0 = circuit.input "x0" public : !circuit.tensor<4, [0, 3]>
  %x1 = circuit.input "x1" public : !circuit.tensor<4, [0, 3]>
  %y0 = circuit.lookup @listed %x0 : !circuit.tensor<4, [0, 3]> -> !circuit.tensor<4, [0, 100]>
  %y1 = circuit.lookup @listed %x1 : !circuit.tensor<4, [0, 3]> -> !circuit.tensor<4, [0, 100]>
  %d0 = circuit.affine [1 * %y0, -1 * %y1] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [-100, 100]>
  %e0 = circuit.lookup @relu %d0 : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  %m0 = circuit.affine [1 * %y1, 1 * %e0] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [0, 100]>
  circuit.output %m0 "m" public : !circuit.tensor<4, [0, 100]>
  return
}

// -----

// High parts of 19 bits below keys of 11: 30 bits, which leave room for the wider range.
circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
circuit.table @shrink domain [0, 2047] clamp offset -1024 shift 3 min 0 max 100
func.func @main() {
  %a0 = circuit.input "a0" public : !circuit.tensor<4, [0, 1073741823]>
  %x0, %l0 = circuit.split %a0 by 19 : !circuit.tensor<4, [0, 1073741823]> -> !circuit.tensor<4, [0, 2047]>, !circuit.tensor<4, [0, 524287]>
  %a1 = circuit.input "a1" public : !circuit.tensor<4, [0, 1073741823]>
  %x1, %l1 = circuit.split %a1 by 19 : !circuit.tensor<4, [0, 1073741823]> -> !circuit.tensor<4, [0, 2047]>, !circuit.tensor<4, [0, 524287]>
  %y0 = circuit.lookup @shrink %x0 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %y1 = circuit.lookup @shrink %x1 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %d0 = circuit.affine [1 * %y0, -1 * %y1] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [-100, 100]>
  %e0 = circuit.lookup @relu %d0 : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  %m0 = circuit.affine [1 * %y1, 1 * %e0] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [0, 100]>
  circuit.output %m0 "m" public : !circuit.tensor<4, [0, 100]>
  return
}

// -----

// Stays: one bit more.
circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
circuit.table @shrink domain [0, 2047] clamp offset -1024 shift 3 min 0 max 100
func.func @main() {
  %a0 = circuit.input "a0" public : !circuit.tensor<4, [0, 2147483647]>
  %x0, %l0 = circuit.split %a0 by 20 : !circuit.tensor<4, [0, 2147483647]> -> !circuit.tensor<4, [0, 2047]>, !circuit.tensor<4, [0, 1048575]>
  %a1 = circuit.input "a1" public : !circuit.tensor<4, [0, 2147483647]>
  %x1, %l1 = circuit.split %a1 by 20 : !circuit.tensor<4, [0, 2147483647]> -> !circuit.tensor<4, [0, 2047]>, !circuit.tensor<4, [0, 1048575]>
  %y0 = circuit.lookup @shrink %x0 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %y1 = circuit.lookup @shrink %x1 : !circuit.tensor<4, [0, 2047]> -> !circuit.tensor<4, [0, 100]>
  %d0 = circuit.affine [1 * %y0, -1 * %y1] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [-100, 100]>
  %e0 = circuit.lookup @relu %d0 : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  %m0 = circuit.affine [1 * %y1, 1 * %e0] + 0 : (!circuit.tensor<4, [0, 100]>, !circuit.tensor<4, [0, 100]>) -> !circuit.tensor<4, [0, 100]>
  circuit.output %m0 "m" public : !circuit.tensor<4, [0, 100]>
  return
}
