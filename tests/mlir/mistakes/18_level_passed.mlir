// RUN: zk-opt --pass-pipeline=builtin.module(convert-nn-to-qnn)
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  circuit.output %x "y" public : 4 in [0, 9]
  return
}
