// Ops of circuits that few or no models need.
func.func @main() {
  %a = circuit.input "a" public : 64 in [-9, 9]
  %b = circuit.input "b" public : 64 in [-9, 9]
  %k = circuit.constant [7] : 64 in [7, 7]
  %p = circuit.mul %a * %b : 64 in [-9, 9] -> [-81, 81]
  %s = circuit.affine %p + %k : 64 in [-81, 81], [7, 7] -> [-74, 88]
  %c = circuit.concat %a, %s axis 0 : 64 in [-9, 9], 64 in [-74, 88] -> 128 in [-74, 88]
  %r = circuit.affine -%a + 3 : 64 in [-9, 9] -> [-6, 12]
  %m = circuit.max %a, %b, %s, %r, %k : 64 in [-9, 9], [-9, 9], [-74, 88], [-6, 12], [7, 7] -> [7, 88]
  circuit.output %m "m" public : 64 in [7, 88]
  %z = circuit.affine %s - %p - 7 : 64 in [-74, 88], [-81, 81] -> [-162, 162]
  circuit.assert_zero %z : 64 in [-162, 162]
  circuit.output %c "c" public : 128 in [-74, 88]
  return
}
