// RUN: zk-opt
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 9]>
  %y = circuit.square %x : !circuit.tensor<4, [0, 9]> -> !circuit.tensor<4, [0, 81]>
  return
}

// -----

circuit.tabel @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
