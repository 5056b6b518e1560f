// Products of computed tensors: batched by head, with shared keys, a square, and a sum over rows.
func.func @main() {
  %q = circuit.input "q" public : 2x2x3x4 in [-9, 9]
  %k = circuit.input "k" public : 2x5x4 in [-9, 9]
  // grouped queries: r heads share keys
  %s = circuit.contract %q[k, r, i, c] * %k[k, j, c] -> [k, r, i, j]
    : 2x2x3x4 in [-9, 9], 2x5x4 in [-9, 9] -> 2x2x3x5 in [-324, 324]
  %p = circuit.affine %s + 324 : 2x2x3x5 in [-324, 324] -> [0, 648]
  %high, %low = circuit.split %p by 6 : 2x2x3x5 in [0, 648] -> [0, 10], [0, 63]
  // keys as values, and rows in another order
  %t = circuit.view %high transpose [0, 2, 1, 3] : 2x2x3x5 in [0, 10] -> 2x3x2x5
  %a = circuit.contract %t[k, i, r, j] * %k[k, j, c] -> [i, k, r, c]
    : 2x3x2x5 in [0, 10], 2x5x4 in [-9, 9] -> 3x2x2x4 in [-450, 450]
  circuit.output %a "a" public : 3x2x2x4 in [-450, 450]
  %n = circuit.contract %k[k, j, c] * %k[k, j, c] -> [k, j] : 2x5x4 in [-9, 9] -> 2x5 in [-324, 324]
  circuit.output %n "n" public : 2x5 in [-324, 324]
  // what is known at setup comes first
  %one = circuit.constant [1] : 5 in [1, 1]
  %sum = circuit.contract %one[j] * %high[k, r, i, j] -> [k, r, i] : 5 in [1, 1], 2x2x3x5 in [0, 10] -> 2x2x3 in [0, 50]
  circuit.output %sum "sum" public : 2x2x3 in [0, 50]
  return
}
