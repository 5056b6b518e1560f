// RUN: zk-opt --circuit-narrow-splits

// Both splits get limbs of 10 bits, which the wider one needs: 2·10 - 1 bits hold 300000. Two lookups of one high part, by
// different shifts; the tables keep their names.
circuit.table @by16 domain [0, 65535] clamp offset -32768 shift 0 min 0 max 127
circuit.table @by18 domain [0, 65535] clamp offset -32768 shift 2 min -127 max 127
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-100000, 100000]>
  %a = circuit.affine [3 * %x] + 2147516416 : (!circuit.tensor<4, [-100000, 100000]>) -> !circuit.tensor<4, [2147216416, 2147816416]>
  %high, %low = circuit.split %a by 16 : !circuit.tensor<4, [2147216416, 2147816416]> -> !circuit.tensor<4, [32763, 32773]>, !circuit.tensor<4, [0, 65535]>
  %y = circuit.lookup @by16 %high : !circuit.tensor<4, [32763, 32773]> -> !circuit.tensor<4, [0, 5]>
  %z = circuit.lookup @by18 %high : !circuit.tensor<4, [32763, 32773]> -> !circuit.tensor<4, [-2, 1]>
  %b = circuit.affine [1 * %x] + 2147614720 : (!circuit.tensor<4, [-100000, 100000]>) -> !circuit.tensor<4, [2147514720, 2147714720]>
  %high_b, %low_b = circuit.split %b by 16 : !circuit.tensor<4, [2147514720, 2147714720]> -> !circuit.tensor<4, [32768, 32771]>, !circuit.tensor<4, [0, 65535]>
  %w = circuit.lookup @by18 %high_b : !circuit.tensor<4, [32768, 32771]> -> !circuit.tensor<4, [0, 0]>
  %s = circuit.affine [1 * %y, 1 * %z, 1 * %w] + 0 : (!circuit.tensor<4, [0, 5]>, !circuit.tensor<4, [-2, 1]>, !circuit.tensor<4, [0, 0]>) -> !circuit.tensor<4, [-2, 6]>
  circuit.output %s "s" public : !circuit.tensor<4, [-2, 6]>
  return
}

// -----

// The shift is too small for equal limbs: 9 bits below, and as many above as 28 bits leave.
circuit.table @by9 domain [0, 1048575] clamp offset -524288 shift 0 min 0 max 127
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-100000000, 100000000]>
  %a = circuit.affine [1 * %x] + 268435456 : (!circuit.tensor<4, [-100000000, 100000000]>) -> !circuit.tensor<4, [168435456, 368435456]>
  %high, %low = circuit.split %a by 9 : !circuit.tensor<4, [168435456, 368435456]> -> !circuit.tensor<4, [328975, 719600]>, !circuit.tensor<4, [0, 511]>
  %y = circuit.lookup @by9 %high : !circuit.tensor<4, [328975, 719600]> -> !circuit.tensor<4, [0, 127]>
  %z = circuit.affine [2 * %y] + 0 : (!circuit.tensor<4, [0, 127]>) -> !circuit.tensor<4, [0, 254]>
  circuit.output %z "z" public : !circuit.tensor<4, [0, 254]>
  return
}

// -----

// An output that nothing clamps needs no table, also through a view: it is the high part.
circuit.table @wide domain [0, 65535] clamp offset -32768 shift 2 min -32768 max 32767
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-100000, 100000]>
  %a = circuit.affine [1 * %x] + 33554944 : (!circuit.tensor<4, [-100000, 100000]>) -> !circuit.tensor<4, [33454944, 33654944]>
  %high, %low = circuit.split %a by 10 : !circuit.tensor<4, [33454944, 33654944]> -> !circuit.tensor<4, [32670, 32866]>, !circuit.tensor<4, [0, 1023]>
  %y = circuit.lookup @wide %high : !circuit.tensor<4, [32670, 32866]> -> !circuit.tensor<4, [-25, 24]>
  %v = circuit.view %y offset 0 strides [2, 1] : !circuit.tensor<4, [-25, 24]> -> !circuit.tensor<2x2, [-25, 24]>
  circuit.output %v "v" public : !circuit.tensor<2x2, [-25, 24]>
  return
}

// -----

// It needs one where it may be clamped, and where something else reads it.
circuit.table @wide domain [0, 65535] clamp offset -32768 shift 0 min -20 max 32767
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-100000, 100000]>
  %a = circuit.affine [1 * %x] + 134221824 : (!circuit.tensor<4, [-100000, 100000]>) -> !circuit.tensor<4, [134121824, 134321824]>
  %high, %low = circuit.split %a by 12 : !circuit.tensor<4, [134121824, 134321824]> -> !circuit.tensor<4, [32744, 32793]>, !circuit.tensor<4, [0, 4095]>
  %y = circuit.lookup @wide %high : !circuit.tensor<4, [32744, 32793]> -> !circuit.tensor<4, [-20, 25]>
  circuit.output %y "y" public : !circuit.tensor<4, [-20, 25]>
  %b = circuit.affine [1 * %x] + 134321824 : (!circuit.tensor<4, [-100000, 100000]>) -> !circuit.tensor<4, [134221824, 134421824]>
  %high_b, %low_b = circuit.split %b by 12 : !circuit.tensor<4, [134221824, 134421824]> -> !circuit.tensor<4, [32769, 32817]>, !circuit.tensor<4, [0, 4095]>
  %z = circuit.lookup @wide %high_b : !circuit.tensor<4, [32769, 32817]> -> !circuit.tensor<4, [1, 49]>
  %s = circuit.affine [2 * %z] + 0 : (!circuit.tensor<4, [1, 49]>) -> !circuit.tensor<4, [2, 98]>
  circuit.output %z "z" public : !circuit.tensor<4, [1, 49]>
  circuit.output %s "s" public : !circuit.tensor<4, [2, 98]>
  return
}

// -----

// Stays: 32 bits are possible, which no smaller limbs hold; so the split that would fit stays as well.
circuit.table @by18 domain [0, 65535] clamp offset -32768 shift 2 min 0 max 127
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-100000, 100000]>
  %a = circuit.affine [20000 * %x] + 2147614720 : (!circuit.tensor<4, [-100000, 100000]>) -> !circuit.tensor<4, [147614720, 4147614720]>
  %high, %low = circuit.split %a by 16 : !circuit.tensor<4, [147614720, 4147614720]> -> !circuit.tensor<4, [2252, 63287]>, !circuit.tensor<4, [0, 65535]>
  %y = circuit.lookup @by18 %high : !circuit.tensor<4, [2252, 63287]> -> !circuit.tensor<4, [0, 127]>
  %b = circuit.affine [1 * %y, 1 * %x] + 2147614720 : (!circuit.tensor<4, [0, 127]>, !circuit.tensor<4, [-100000, 100000]>) -> !circuit.tensor<4, [2147514720, 2147714847]>
  %high_b, %low_b = circuit.split %b by 16 : !circuit.tensor<4, [2147514720, 2147714847]> -> !circuit.tensor<4, [32768, 32771]>, !circuit.tensor<4, [0, 65535]>
  %z = circuit.lookup @by18 %high_b : !circuit.tensor<4, [32768, 32771]> -> !circuit.tensor<4, [0, 0]>
  circuit.output %z "z" public : !circuit.tensor<4, [0, 0]>
  return
}

// -----

// Stays: the high part is more than a key, the low part is used, or the table is no clamp.
circuit.table @by18 domain [0, 65535] clamp offset -32768 shift 2 min 0 max 127
circuit.table @odd domain [32766, 32769] values [1, 0, 1, 0]
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-100000, 100000]>
  %a = circuit.affine [1 * %x] + 2147483648 : (!circuit.tensor<4, [-100000, 100000]>) -> !circuit.tensor<4, [2147383648, 2147583648]>
  %high, %low = circuit.split %a by 16 : !circuit.tensor<4, [2147383648, 2147583648]> -> !circuit.tensor<4, [32766, 32769]>, !circuit.tensor<4, [0, 65535]>
  %y = circuit.lookup @by18 %high : !circuit.tensor<4, [32766, 32769]> -> !circuit.tensor<4, [0, 0]>
  circuit.output %high "high" public : !circuit.tensor<4, [32766, 32769]>
  circuit.output %y "y" public : !circuit.tensor<4, [0, 0]>
  %high_b, %low_b = circuit.split %a by 16 : !circuit.tensor<4, [2147383648, 2147583648]> -> !circuit.tensor<4, [32766, 32769]>, !circuit.tensor<4, [0, 65535]>
  %z = circuit.lookup @by18 %high_b : !circuit.tensor<4, [32766, 32769]> -> !circuit.tensor<4, [0, 0]>
  circuit.output %low_b "low" public : !circuit.tensor<4, [0, 65535]>
  circuit.output %z "z" public : !circuit.tensor<4, [0, 0]>
  %high_c, %low_c = circuit.split %a by 16 : !circuit.tensor<4, [2147383648, 2147583648]> -> !circuit.tensor<4, [32766, 32769]>, !circuit.tensor<4, [0, 65535]>
  %w = circuit.lookup @odd %high_c : !circuit.tensor<4, [32766, 32769]> -> !circuit.tensor<4, [0, 1]>
  circuit.output %w "w" public : !circuit.tensor<4, [0, 1]>
  return
}

// -----

// Stays: what the table adds to a key is beyond what an affine form can add.
circuit.table @far domain [0, 65535] clamp offset 1000000000000000000 shift 0 min 0 max 127
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 100000]>
  %high, %low = circuit.split %x by 16 : !circuit.tensor<4, [0, 100000]> -> !circuit.tensor<4, [0, 1]>, !circuit.tensor<4, [0, 65535]>
  %y = circuit.lookup @far %high : !circuit.tensor<4, [0, 1]> -> !circuit.tensor<4, [127, 127]>
  circuit.output %y "y" public : !circuit.tensor<4, [127, 127]>
  return
}

// -----

// A split of what another one's table gives, without an affine form between them.
circuit.table @first domain [0, 65535] clamp offset -32768 shift 0 min -1000 max 1000
circuit.table @second domain [-63, 62] clamp offset 0 shift 4 min -1 max 1
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-3000000, 3000000]>
  %a = circuit.affine [1 * %x] + 2147516416 : (!circuit.tensor<4, [-3000000, 3000000]>) -> !circuit.tensor<4, [2144516416, 2150516416]>
  %high, %low = circuit.split %a by 16 : !circuit.tensor<4, [2144516416, 2150516416]> -> !circuit.tensor<4, [32722, 32814]>, !circuit.tensor<4, [0, 65535]>
  %y = circuit.lookup @first %high : !circuit.tensor<4, [32722, 32814]> -> !circuit.tensor<4, [-46, 46]>
  %high_y, %low_y = circuit.split %y by 4 : !circuit.tensor<4, [-46, 46]> -> !circuit.tensor<4, [-3, 2]>, !circuit.tensor<4, [0, 15]>
  %z = circuit.lookup @second %high_y : !circuit.tensor<4, [-3, 2]> -> !circuit.tensor<4, [-1, 0]>
  %s = circuit.affine [2 * %z] + 0 : (!circuit.tensor<4, [-1, 0]>) -> !circuit.tensor<4, [-2, 0]>
  circuit.output %s "s" public : !circuit.tensor<4, [-2, 0]>
  return
}
