// Values on grids that the model states: an input of unsigned bytes with a zero point, a convolution and a sum that are rounded to their own
// grids, and the greatest of a window.
module {
  func.func @main(%x: tensor<1x2x4x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 2.0>}, %v: tensor<1x2x4x4xf32> {nn.name = "v", nn.range = array<f64: -1.0, 1.0>})
      -> (tensor<1x2x2x2xf32> {nn.name = "y"}) {
    %0 = nn.map "fake_quantize" %x parameters [0.0125, -80.0, 175.0] {nn.range = array<f64: -1.0, 2.0>} : tensor<1x2x4x4xf32>
    %1 = nn.map "fake_quantize" %v parameters [0.0078125, -128.0, 127.0] {nn.range = array<f64: -1.0, 1.0>} : tensor<1x2x4x4xf32>
    %2 = nn.mul %0, %1 {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %3 = nn.map "fake_quantize" %2 parameters [0.017, -128.0, 127.0] {nn.range = array<f64: -2.0, 2.0>} : tensor<1x2x4x4xf32>
    %4 = nn.add %3, %0 {nn.range = array<f64: -3.0, 4.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %5 = nn.map "fake_quantize" %4 parameters [0.02, 0.0, 255.0] {nn.range = array<f64: 0.0, 4.0>} : tensor<1x2x4x4xf32>
    %6 = nn.max_pool %5 kernel [2, 2] strides [2, 2] {nn.range = array<f64: 0.0, 4.0>} : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
    return %6 : tensor<1x2x2x2xf32>
  }
}
