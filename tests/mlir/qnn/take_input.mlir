// RUN: zk-opt --pass-pipeline=builtin.module(qnn-take-input{name=x scale=1.967839e-03 min=-32768 max=32767})

// 16 bits of another model's output become the 8 bits that are read, twice.
!q = !quant.uniform<i8<-127:127>:f32, 7.874020e-03>
func.func @main(%x: tensor<1x4x!q> {nn.name = "x"}, %z: tensor<1x4x!q> {nn.name = "z"}) -> (tensor<1x4xi32> {nn.name = "y"}, tensor<1x4x!q> {nn.name = "r"}) {
  %0 = qnn.mul %x, %x : (tensor<1x4x!q>, tensor<1x4x!q>) -> tensor<1x4xi32>
  %1 = qnn.relu %x : tensor<1x4x!q>
  return %0, %1 : tensor<1x4xi32>, tensor<1x4x!q>
}

// -----

// Nothing is to be done.
!q = !quant.uniform<i16:f32, 1.967839e-03>
func.func @main(%x: tensor<1x4x!q> {nn.name = "x"}) -> (tensor<1x4x!q> {nn.name = "y"}) {
  %0 = qnn.relu %x : tensor<1x4x!q>
  return %0 : tensor<1x4x!q>
}

// -----

// There is no such input.
!q = !quant.uniform<i16:f32, 1.967839e-03>
func.func @main(%z: tensor<1x4x!q> {nn.name = "z"}) -> (tensor<1x4x!q> {nn.name = "y"}) {
  %0 = qnn.relu %z : tensor<1x4x!q>
  return %0 : tensor<1x4x!q>
}

// -----

// Ids are no stored integers of a scale.
!q = !quant.uniform<i8<-127:127>:f32, 7.874020e-03>
func.func @main(%t: tensor<3x2x!q> {nn.name = "t"}, %x: tensor<4xi64> {nn.name = "x"}) -> (tensor<4x2x!q> {nn.name = "y"}) {
  %0 = qnn.embedding %t, %x : (tensor<3x2x!q>, tensor<4xi64>) -> tensor<4x2x!q>
  return %0 : tensor<4x2x!q>
}
