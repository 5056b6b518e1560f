// Rows of exact sums, centred and not.
func.func @main(%x: tensor<1x3x16xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>},
                %r: tensor<1x3x16xf32> {nn.name = "r", nn.range = array<f64: -1.0, 1.0>})
    -> (tensor<1x3x16xf32> {nn.name = "a"}, tensor<1x3x16xf32> {nn.name = "b"}) {
  %0 = nn.add %x, %r {nn.range = array<f64: -4.0, 4.0>} : (tensor<1x3x16xf32>, tensor<1x3x16xf32>) -> tensor<1x3x16xf32>
  %1 = nn.norm %0 centred epsilon 1.0e-5 {nn.range = array<f64: -3.0, 3.0>} : tensor<1x3x16xf32>
  %2 = nn.norm %0 epsilon 1.0e-5 {nn.range = array<f64: -3.0, 3.0>} : tensor<1x3x16xf32>
  return %1, %2 : tensor<1x3x16xf32>, tensor<1x3x16xf32>
}
