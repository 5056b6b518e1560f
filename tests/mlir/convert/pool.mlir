// RUN: zk-opt --convert-qnn-to-circuit

// Disjoint windows: one lane for each position of the window, the odd last row and column dropped.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x1x5x5x!q> {nn.name = "x"}) -> (tensor<1x1x2x2x!q> {nn.name = "y"}) {
  %0 = qnn.max_pool %x kernel [2, 2] strides [2, 2] : tensor<1x1x5x5x!q> -> tensor<1x1x2x2x!q>
  return %0 : tensor<1x1x2x2x!q>
}

// -----

// Overlapping, padded windows: columns, then rows; shifted so that the zeros of the padding never win.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x1x4x4x!q> {nn.name = "x"}) -> (tensor<1x1x2x2x!q> {nn.name = "y"}) {
  %0 = qnn.max_pool %x kernel [3, 3] strides [2, 2] pads [1, 1, 1, 1] : tensor<1x1x4x4x!q> -> tensor<1x1x2x2x!q>
  return %0 : tensor<1x1x2x2x!q>
}

// -----

// A sum over few lanes is an affine form.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x1x4x4x!q> {nn.name = "x"}) -> (tensor<1x1x2x2xi32> {nn.name = "y"}) {
  %0 = qnn.sum_pool %x kernel [2, 2] strides [2, 2] : tensor<1x1x4x4x!q> -> tensor<1x1x2x2xi32>
  return %0 : tensor<1x1x2x2xi32>
}

// -----

// Over many lanes, as in global pooling, it is a contract with ones.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x3x7x7x!q> {nn.name = "x"}) -> (tensor<1x3x1x1xi32> {nn.name = "y"}) {
  %0 = qnn.sum_pool %x kernel [7, 7] : tensor<1x3x7x7x!q> -> tensor<1x3x1x1xi32>
  return %0 : tensor<1x3x1x1xi32>
}

// -----

// Over overlapping windows it is a convolution with ones, each channel an image of its own.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x2x4x4x!q> {nn.name = "x"}) -> (tensor<1x2x4x4xi32> {nn.name = "y"}) {
  %0 = qnn.sum_pool %x kernel [3, 3] pads [1, 1, 1, 1] : tensor<1x2x4x4x!q> -> tensor<1x2x4x4xi32>
  return %0 : tensor<1x2x4x4xi32>
}
