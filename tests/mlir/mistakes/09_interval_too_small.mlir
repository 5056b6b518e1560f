// RUN: zk-opt
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  %y = circuit.view %x reshape : 4 in [0, 9] -> 4 in [0, 5]
  circuit.output %y "y" public : 4 in [0, 5]
  return
}
