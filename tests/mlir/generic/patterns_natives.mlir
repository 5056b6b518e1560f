// RUN: zk-opt --patterns=generic/natives.pdll
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  %y = circuit.affine %x + 3 : 4 in [0, 9] -> [3, 12]
  %z = circuit.affine %y + 4 : 4 in [3, 12] -> [7, 16]
  circuit.output %z "z" public : 4 in [7, 16]
  return
}

// -----

// a value that is read twice stays, and so does a large one
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 99]
  %y = circuit.affine %x + 3 : 4 in [0, 99] -> [3, 102]
  %z = circuit.affine %y + 4 : 4 in [3, 102] -> [7, 106]
  circuit.output %y "y" public : 4 in [3, 102]
  circuit.output %z "z" public : 4 in [7, 106]
  return
}
