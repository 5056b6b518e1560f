// Shares of rows, of scores that are sums.
func.func @main(%x: tensor<1x3x8xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>})
    -> (tensor<1x3x8xf32> {nn.name = "y"}) {
  %0 = nn.add %x, %x {nn.range = array<f64: -6.0, 6.0>} : (tensor<1x3x8xf32>, tensor<1x3x8xf32>) -> tensor<1x3x8xf32>
  %1 = nn.softmax %0 {nn.range = array<f64: 0.0, 1.0>} : (tensor<1x3x8xf32>) -> tensor<1x3x8xf32>
  return %1 : tensor<1x3x8xf32>
}
