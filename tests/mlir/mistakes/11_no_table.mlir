// RUN: zk-opt
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100, 100]
  %y = circuit.lookup @relu(%x) : 4 in [-100, 100] -> [0, 100]
  circuit.output %y "y" public : 4 in [0, 100]
  return
}
