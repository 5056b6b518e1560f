// RUN: zk-opt
circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-300, 100]>
  %y = circuit.lookup @relu %x : !circuit.tensor<4, [-300, 100]> -> !circuit.tensor<4, [0, 255]>
  circuit.output %y "y" public : !circuit.tensor<4, [0, 255]>
  return
}
