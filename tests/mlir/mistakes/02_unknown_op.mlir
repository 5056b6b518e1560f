// RUN: zk-opt
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  %y = circuit.square %x : !circuit.tensor<4 in [0, 9]> -> !circuit.tensor<4 in [0, 81]>
  return
}

// -----

circuit.tabel @relu(x in [-255, 255]) = clamp(x, 0, 255)
