// RUN: zk-opt --circuit-narrow-splits

// Both splits get limbs of 10 bits, which the wider one needs: 2·10 - 1 bits hold 300000. Two lookups of one high part, by
// different shifts; the tables keep their names.
circuit.table @by16(x in [0, 65535]) = clamp(x - 32768, 0, 127)
circuit.table @by18(x in [0, 65535]) = clamp((x - 32768) >> 2, -127, 127)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100000, 100000]
  %a = circuit.affine 3 * %x + 2147516416 : 4 in [-100000, 100000] -> [2147216416, 2147816416]
  %high, %low = circuit.split %a by 16 : 4 in [2147216416, 2147816416] -> [32763, 32773], [0, 65535]
  %y = circuit.lookup @by16(%high) : 4 in [32763, 32773] -> [0, 5]
  %z = circuit.lookup @by18(%high) : 4 in [32763, 32773] -> [-2, 1]
  %b = circuit.affine %x + 2147614720 : 4 in [-100000, 100000] -> [2147514720, 2147714720]
  %high_b, %low_b = circuit.split %b by 16 : 4 in [2147514720, 2147714720] -> [32768, 32771], [0, 65535]
  %w = circuit.lookup @by18(%high_b) : 4 in [32768, 32771] -> [0, 0]
  %s = circuit.affine %y + %z + %w : 4 in [0, 5], [-2, 1], [0, 0] -> [-2, 6]
  circuit.output %s "s" public : 4 in [-2, 6]
  return
}

// -----

// The shift is too small for equal limbs: 9 bits below, and as many above as 28 bits leave.
circuit.table @by9(x in [0, 1048575]) = clamp(x - 524288, 0, 127)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100000000, 100000000]
  %a = circuit.affine %x + 268435456 : 4 in [-100000000, 100000000] -> [168435456, 368435456]
  %high, %low = circuit.split %a by 9 : 4 in [168435456, 368435456] -> [328975, 719600], [0, 511]
  %y = circuit.lookup @by9(%high) : 4 in [328975, 719600] -> [0, 127]
  %z = circuit.affine 2 * %y : 4 in [0, 127] -> [0, 254]
  circuit.output %z "z" public : 4 in [0, 254]
  return
}

// -----

// An output that nothing clamps needs no table, also through a view: it is the high part.
circuit.table @wide(x in [0, 65535]) = clamp((x - 32768) >> 2, -32768, 32767)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100000, 100000]
  %a = circuit.affine %x + 33554944 : 4 in [-100000, 100000] -> [33454944, 33654944]
  %high, %low = circuit.split %a by 10 : 4 in [33454944, 33654944] -> [32670, 32866], [0, 1023]
  %y = circuit.lookup @wide(%high) : 4 in [32670, 32866] -> [-25, 24]
  %v = circuit.view %y reshape : 4 in [-25, 24] -> 2x2
  circuit.output %v "v" public : 2x2 in [-25, 24]
  return
}

// -----

// It needs one where it may be clamped, and where something else reads it.
circuit.table @wide(x in [0, 65535]) = clamp(x - 32768, -20, 32767)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100000, 100000]
  %a = circuit.affine %x + 134221824 : 4 in [-100000, 100000] -> [134121824, 134321824]
  %high, %low = circuit.split %a by 12 : 4 in [134121824, 134321824] -> [32744, 32793], [0, 4095]
  %y = circuit.lookup @wide(%high) : 4 in [32744, 32793] -> [-20, 25]
  circuit.output %y "y" public : 4 in [-20, 25]
  %b = circuit.affine %x + 134321824 : 4 in [-100000, 100000] -> [134221824, 134421824]
  %high_b, %low_b = circuit.split %b by 12 : 4 in [134221824, 134421824] -> [32769, 32817], [0, 4095]
  %z = circuit.lookup @wide(%high_b) : 4 in [32769, 32817] -> [1, 49]
  %s = circuit.affine 2 * %z : 4 in [1, 49] -> [2, 98]
  circuit.output %z "z" public : 4 in [1, 49]
  circuit.output %s "s" public : 4 in [2, 98]
  return
}

// -----

// Stays: 32 bits are possible, which no smaller limbs hold; so the split that would fit stays as well.
circuit.table @by18(x in [0, 65535]) = clamp((x - 32768) >> 2, 0, 127)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100000, 100000]
  %a = circuit.affine 20000 * %x + 2147614720 : 4 in [-100000, 100000] -> [147614720, 4147614720]
  %high, %low = circuit.split %a by 16 : 4 in [147614720, 4147614720] -> [2252, 63287], [0, 65535]
  %y = circuit.lookup @by18(%high) : 4 in [2252, 63287] -> [0, 127]
  %b = circuit.affine %y + %x + 2147614720 : 4 in [0, 127], [-100000, 100000] -> [2147514720, 2147714847]
  %high_b, %low_b = circuit.split %b by 16 : 4 in [2147514720, 2147714847] -> [32768, 32771], [0, 65535]
  %z = circuit.lookup @by18(%high_b) : 4 in [32768, 32771] -> [0, 0]
  circuit.output %z "z" public : 4 in [0, 0]
  return
}

// -----

// Stays: the high part is more than a key, the low part is used, or the table is no clamp.
circuit.table @by18(x in [0, 65535]) = clamp((x - 32768) >> 2, 0, 127)
circuit.table @odd(x in [32766, 32769]) = [1, 0, 1, 0]
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100000, 100000]
  %a = circuit.affine %x + 2147483648 : 4 in [-100000, 100000] -> [2147383648, 2147583648]
  %high, %low = circuit.split %a by 16 : 4 in [2147383648, 2147583648] -> [32766, 32769], [0, 65535]
  %y = circuit.lookup @by18(%high) : 4 in [32766, 32769] -> [0, 0]
  circuit.output %high "high" public : 4 in [32766, 32769]
  circuit.output %y "y" public : 4 in [0, 0]
  %high_b, %low_b = circuit.split %a by 16 : 4 in [2147383648, 2147583648] -> [32766, 32769], [0, 65535]
  %z = circuit.lookup @by18(%high_b) : 4 in [32766, 32769] -> [0, 0]
  circuit.output %low_b "low" public : 4 in [0, 65535]
  circuit.output %z "z" public : 4 in [0, 0]
  %high_c, %low_c = circuit.split %a by 16 : 4 in [2147383648, 2147583648] -> [32766, 32769], [0, 65535]
  %w = circuit.lookup @odd(%high_c) : 4 in [32766, 32769] -> [0, 1]
  circuit.output %w "w" public : 4 in [0, 1]
  return
}

// -----

// Stays: what the table adds to a key is beyond what an affine form can add.
circuit.table @far(x in [0, 65535]) = clamp(x + 1000000000000000000, 0, 127)
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 100000]
  %high, %low = circuit.split %x by 16 : 4 in [0, 100000] -> [0, 1], [0, 65535]
  %y = circuit.lookup @far(%high) : 4 in [0, 1] -> [127, 127]
  circuit.output %y "y" public : 4 in [127, 127]
  return
}

// -----

// A split of what another one's table gives, without an affine form between them.
circuit.table @first(x in [0, 65535]) = clamp(x - 32768, -1000, 1000)
circuit.table @second(x in [-63, 62]) = clamp(x >> 4, -1, 1)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-3000000, 3000000]
  %a = circuit.affine %x + 2147516416 : 4 in [-3000000, 3000000] -> [2144516416, 2150516416]
  %high, %low = circuit.split %a by 16 : 4 in [2144516416, 2150516416] -> [32722, 32814], [0, 65535]
  %y = circuit.lookup @first(%high) : 4 in [32722, 32814] -> [-46, 46]
  %high_y, %low_y = circuit.split %y by 4 : 4 in [-46, 46] -> [-3, 2], [0, 15]
  %z = circuit.lookup @second(%high_y) : 4 in [-3, 2] -> [-1, 0]
  %s = circuit.affine 2 * %z : 4 in [-1, 0] -> [-2, 0]
  circuit.output %s "s" public : 4 in [-2, 0]
  return
}
