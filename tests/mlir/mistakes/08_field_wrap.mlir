// RUN: zk-opt
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [-4294967296, 4294967296]>
  %y = circuit.mul %x, %x
    : (!circuit.tensor<4, [-4294967296, 4294967296]>, !circuit.tensor<4, [-4294967296, 4294967296]>) -> !circuit.tensor<4, [0, 1]>
  circuit.output %y "y" public : !circuit.tensor<4, [0, 1]>
  return
}
