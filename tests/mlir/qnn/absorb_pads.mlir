// RUN: zk-opt --pass-pipeline=builtin.module(qnn-absorb-pads) --print-patterns --mlir-pass-statistics

// A convolution pads by what it did and what the padding did.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0}>
func.func @main(%x: tensor<1x1x5x6x!q>, %w: tensor<2x1x3x3x!w>) -> tensor<1x2x8x9xi32> {
  %0 = qnn.pad %x low [0, 0, 0, 1] high [0, 0, 2, 1] : tensor<1x1x5x6x!q> -> tensor<1x1x7x8x!q>
  %1 = qnn.conv %0, %w pads [1, 0, 2, 3] : (tensor<1x1x7x8x!q>, tensor<2x1x3x3x!w>) -> tensor<1x2x8x9xi32>
  return %1 : tensor<1x2x8x9xi32>
}

// -----

// One padding after the other, and one that somebody else reads: it stays for them.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0}>
func.func @main(%x: tensor<1x1x5x5x!q>, %w: tensor<2x1x3x3x!w>) -> (tensor<1x2x7x7xi32>, tensor<1x1x7x7x!q>) {
  %0 = qnn.pad %x low [0, 0, 1, 1] high [0, 0, 1, 1] : tensor<1x1x5x5x!q> -> tensor<1x1x7x7x!q>
  %1 = qnn.pad %0 low [0, 0, 1, 1] high [0, 0, 1, 1] : tensor<1x1x7x7x!q> -> tensor<1x1x9x9x!q>
  %2 = qnn.conv %1, %w : (tensor<1x1x9x9x!q>, tensor<2x1x3x3x!w>) -> tensor<1x2x7x7xi32>
  return %2, %0 : tensor<1x2x7x7xi32>, tensor<1x1x7x7x!q>
}

// -----

// Left alone: a padding of channels, one as wide as the window of a pooling, and one before a maximum.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0}>
func.func @main(%x: tensor<1x1x4x4x!q>, %w: tensor<2x2x3x3x!w>) -> (tensor<1x2x2x2xi32>, tensor<1x1x5x3xi32>, tensor<1x1x5x5x!q>) {
  %0 = qnn.pad %x low [0, 1, 0, 0] high [0, 0, 0, 0] : tensor<1x1x4x4x!q> -> tensor<1x2x4x4x!q>
  %1 = qnn.conv %0, %w : (tensor<1x2x4x4x!q>, tensor<2x2x3x3x!w>) -> tensor<1x2x2x2xi32>
  %2 = qnn.pad %x low [0, 0, 2, 0] high [0, 0, 0, 0] : tensor<1x1x4x4x!q> -> tensor<1x1x6x4x!q>
  %3 = qnn.sum_pool %2 kernel [2, 2] : tensor<1x1x6x4x!q> -> tensor<1x1x5x3xi32>
  %4 = qnn.pad %x low [0, 0, 1, 1] high [0, 0, 1, 1] : tensor<1x1x4x4x!q> -> tensor<1x1x6x6x!q>
  %5 = qnn.max_pool %4 kernel [2, 2] : tensor<1x1x6x6x!q> -> tensor<1x1x5x5x!q>
  return %1, %3, %5 : tensor<1x2x2x2xi32>, tensor<1x1x5x3xi32>, tensor<1x1x5x5x!q>
}
