// The greatest of a row.
func.func @main(%x: tensor<1x3x16xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<1x3xi64> {nn.name = "y"}) {
  %0 = nn.argmax %x : tensor<1x3x16xf32> -> tensor<1x3xi64>
  return %0 : tensor<1x3xi64>
}
