// RUN: zk-opt
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-100, 100]>
  %y = circuit.lookup @relu %x : !circuit.tensor<4, [-100, 100]> -> !circuit.tensor<4, [0, 100]>
  circuit.output %y "y" public : !circuit.tensor<4, [0, 100]>
  return
}
