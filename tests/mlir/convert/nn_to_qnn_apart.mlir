// RUN: zk-opt --pass-pipeline=builtin.module(convert-nn-to-qnn{merge-sums=false})

// For comparison: every sum is rounded for itself.
func.func @main(%x: tensor<2x2xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x2xf32> {nn.name = "y"}) {
  %0 = nn.matmul %x, %x {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %1 = nn.add %0, %x {nn.range = array<f64: -3.0, 3.0>} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  return %1 : tensor<2x2xf32>
}
