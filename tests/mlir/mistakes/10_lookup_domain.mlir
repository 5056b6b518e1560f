// RUN: zk-opt
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-300, 100]
  %y = circuit.lookup @relu(%x) : 4 in [-300, 100] -> [0, 255]
  circuit.output %y "y" public : 4 in [0, 255]
  return
}
