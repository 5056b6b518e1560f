// Sums of contractions, products and values, rounded once; a difference; and a sum that two read, rounded for itself.
func.func @main(%x: tensor<1x3x3xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>},
    %y: tensor<1x3x3xf32> {nn.name = "y", nn.range = array<f64: -2.0, 2.0>})
    -> (tensor<1x3x3xf32> {nn.name = "z"}, tensor<1x3x3xf32> {nn.name = "d"}) {
  %0 = nn.matmul %x, %y {nn.range = array<f64: -3.0, 3.0>} : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %1 = nn.matmul %y, %x {nn.range = array<f64: -3.0, 3.0>} : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %2 = nn.mul %x, %y {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %3 = nn.sub %0, %1 {nn.range = array<f64: -4.0, 4.0>} : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %4 = nn.sub %x, %3 {nn.range = array<f64: -5.0, 5.0>} : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %5 = nn.add %2, %4 {nn.range = array<f64: -5.0, 5.0>} : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %6 = nn.relu %5 {nn.range = array<f64: 0.0, 5.0>} : tensor<1x3x3xf32>
  %7 = nn.matmul %6, %y {nn.range = array<f64: -9.0, 9.0>} : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %8 = nn.add %7, %6 {nn.range = array<f64: -9.0, 9.0>} : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  %9 = nn.sub %7, %x {nn.range = array<f64: -9.0, 9.0>} : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> tensor<1x3x3xf32>
  return %8, %9 : tensor<1x3x3xf32>, tensor<1x3x3xf32>
}
