// RUN: zk-opt
func.func @main() {
  %x = circuit.input "x" public : !circuit.tensor<4, [0, 9]>
  %y = circuit.view %x offset 2 strides [1] : !circuit.tensor<4, [0, 9]> -> !circuit.tensor<4, [0, 9]>
  circuit.output %y "y" public : !circuit.tensor<4, [0, 9]>
  return
}
