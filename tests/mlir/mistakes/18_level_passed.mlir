// RUN: zk-opt --pass-pipeline=builtin.module(convert-nn-to-qnn)
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 9]>
  circuit.output %x "y" public : !circuit.tensor<4, [0, 9]>
  return
}
