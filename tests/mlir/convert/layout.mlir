// RUN: zk-opt --convert-qnn-to-circuit

// Each is a view; a view of a view is one view.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x2x3x!q> {nn.name = "x"}) -> (tensor<6x!q> {nn.name = "y"}, tensor<4x1x4x!q> {nn.name = "z"}) {
  %0 = qnn.transpose %x perm [2, 0, 1] : tensor<1x2x3x!q> -> tensor<3x1x2x!q>
  %1 = qnn.reshape %0 : tensor<3x1x2x!q> -> tensor<6x!q>
  %2 = qnn.pad %0 low [0, 0, 1] high [1, 0, 1] : tensor<3x1x2x!q> -> tensor<4x1x4x!q>
  return %1, %2 : tensor<6x!q>, tensor<4x1x4x!q>
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<5x2x!q> {nn.name = "x"}) -> (tensor<4x2x!q> {nn.name = "y"}) {
  %0 = qnn.slice %x starts [1, 0] sizes [2, 2] strides [2, 1] : tensor<5x2x!q> -> tensor<2x2x!q>
  %1 = qnn.concat %0, %0 axis 0 : (tensor<2x2x!q>, tensor<2x2x!q>) -> tensor<4x2x!q>
  return %1 : tensor<4x2x!q>
}

// -----

// The result holds the integers of both.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!p = !quant.uniform<i16<0:1000>:f32, 5.000000e-01>
!r = !quant.uniform<i16<-127:1000>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x2x!q> {nn.name = "x"}, %y: tensor<1x2x!p> {nn.name = "y"}) -> (tensor<1x4x!r> {nn.name = "z"}) {
  %0 = qnn.concat %x, %y axis 1 : (tensor<1x2x!q>, tensor<1x2x!p>) -> tensor<1x4x!r>
  return %0 : tensor<1x4x!r>
}
