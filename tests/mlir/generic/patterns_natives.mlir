// RUN: zk-opt --patterns=generic/natives.pdll
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 9]>
  %y = circuit.affine [1 * %x] + 3 : (!circuit.tensor<4, [0, 9]>) -> !circuit.tensor<4, [3, 12]>
  %z = circuit.affine [1 * %y] + 4 : (!circuit.tensor<4, [3, 12]>) -> !circuit.tensor<4, [7, 16]>
  circuit.output %z "z" public : !circuit.tensor<4, [7, 16]>
  return
}

// -----

// a value that is read twice stays, and so does a large one
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 99]>
  %y = circuit.affine [1 * %x] + 3 : (!circuit.tensor<4, [0, 99]>) -> !circuit.tensor<4, [3, 102]>
  %z = circuit.affine [1 * %y] + 4 : (!circuit.tensor<4, [3, 102]>) -> !circuit.tensor<4, [7, 106]>
  circuit.output %y "y" public : !circuit.tensor<4, [3, 102]>
  circuit.output %z "z" public : !circuit.tensor<4, [7, 106]>
  return
}
