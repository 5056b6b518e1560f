// RUN: zk-opt --circuit-compose-lookups

// t(u(x)) = (t∘u)(x), for both functions of u(x); then nothing reads u.
circuit.table @u(x in [0, 7]) = clamp((x - 4) >> 1, -2, 1)
circuit.table @square(x in [-2, 2]) = [4, 1, 0, 1, 4]
circuit.table @cube(x in [-2, 2]) = [-8, -1, 0, 1, 8]
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 7]
  %u = circuit.lookup @u(%x) : 4 in [0, 7] -> [-2, 1]
  %s = circuit.lookup @square(%u) : 4 in [-2, 1] -> [0, 4]
  %c = circuit.lookup @cube(%u) : 4 in [-2, 1] -> [-8, 1]
  circuit.output %s "s" public : 4 in [0, 4]
  circuit.output %c "c" public : 4 in [-8, 1]
  return
}

// -----

// What something else reads stays, and two clamps stay two.
circuit.table @u(x in [0, 7]) = clamp((x - 4) >> 1, -2, 1)
circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
circuit.table @square(x in [-2, 2]) = [4, 1, 0, 1, 4]
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 7]
  %u = circuit.lookup @u(%x) : 4 in [0, 7] -> [-2, 1]
  %s = circuit.lookup @square(%u) : 4 in [-2, 1] -> [0, 4]
  circuit.output %u "u" public : 4 in [-2, 1]
  circuit.output %s "s" public : 4 in [0, 4]
  %v = circuit.lookup @u(%x) : 4 in [0, 7] -> [-2, 1]
  %r = circuit.lookup @relu(%v) : 4 in [-2, 1] -> [0, 1]
  circuit.output %r "r" public : 4 in [0, 1]
  return
}
