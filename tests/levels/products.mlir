// Ops of circuits that few or no models need.
func.func @main() {
  %a = circuit.input "a" public : !circuit.tensor<64, [-9, 9]>
  %b = circuit.input "b" public : !circuit.tensor<64, [-9, 9]>
  %k = circuit.constant [7] : !circuit.tensor<64, [7, 7]>
  %p = circuit.mul %a, %b : (!circuit.tensor<64, [-9, 9]>, !circuit.tensor<64, [-9, 9]>) -> !circuit.tensor<64, [-81, 81]>
  %s = circuit.affine [1 * %p, 1 * %k] + 0 : (!circuit.tensor<64, [-81, 81]>, !circuit.tensor<64, [7, 7]>) -> !circuit.tensor<64, [-74, 88]>
  %c = circuit.concat %a, %s axis 0 : (!circuit.tensor<64, [-9, 9]>, !circuit.tensor<64, [-74, 88]>) -> !circuit.tensor<128, [-74, 88]>
  %r = circuit.affine [-1 * %a] + 3 : (!circuit.tensor<64, [-9, 9]>) -> !circuit.tensor<64, [-6, 12]>
  %m = circuit.max %a, %b, %s, %r, %k
    : (!circuit.tensor<64, [-9, 9]>, !circuit.tensor<64, [-9, 9]>, !circuit.tensor<64, [-74, 88]>, !circuit.tensor<64, [-6, 12]>, !circuit.tensor<64, [7, 7]>) -> !circuit.tensor<64, [7, 88]>
  circuit.output %m "m" public : !circuit.tensor<64, [7, 88]>
  %z = circuit.affine [1 * %s, -1 * %p] + -7 : (!circuit.tensor<64, [-74, 88]>, !circuit.tensor<64, [-81, 81]>) -> !circuit.tensor<64, [-162, 162]>
  circuit.assert_zero %z : !circuit.tensor<64, [-162, 162]>
  circuit.output %c "c" public : !circuit.tensor<128, [-74, 88]>
  return
}
