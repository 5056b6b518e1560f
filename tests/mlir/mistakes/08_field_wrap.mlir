// RUN: zk-opt
func.func @main() {
  %x = circuit.input "x" public : 4 in [-4294967296, 4294967296]
  %y = circuit.mul %x * %x : 4 in [-4294967296, 4294967296] -> [0, 1]
  circuit.output %y "y" public : 4 in [0, 1]
  return
}
