// RUN: zk-opt
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  %y = circuit.view %x offset 2 strides [1] : 4 in [0, 9] -> 4
  circuit.output %y "y" public : 4 in [0, 9]
  return
}
