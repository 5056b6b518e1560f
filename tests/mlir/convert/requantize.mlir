// RUN: zk-opt --convert-qnn-to-circuit

// One multiplier, with a ReLU in the clamp; the second has the same shift and clamp and shares the table.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<4x!q> {nn.name = "x"}) -> (tensor<4x!q> {nn.name = "y"}) {
  %0 = qnn.mul %x, %x : (tensor<4x!q>, tensor<4x!q>) -> tensor<4xi32>
  %1 = qnn.requantize %0 times [900] shift 18 clamp [0, 127] : (tensor<4xi32>) -> tensor<4x!q>
  %2 = qnn.mul %1, %x : (tensor<4x!q>, tensor<4x!q>) -> tensor<4xi32>
  %3 = qnn.requantize %2 times [700] shift 18 clamp [0, 127] : (tensor<4xi32>) -> tensor<4x!q>
  return %3 : tensor<4x!q>
}

// -----

// A multiplier for each channel, sixteen bits out.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!o = !quant.uniform<i16:f32, 2.500000e-01>
func.func @main(%x: tensor<1x2x3x!q> {nn.name = "x"}) -> (tensor<1x2x3xf32> {nn.name = "y"}) {
  %0 = qnn.mul %x, %x : (tensor<1x2x3x!q>, tensor<1x2x3x!q>) -> tensor<1x2x3xi32>
  %1 = qnn.requantize %0 times [900, 1100] axis 1 shift 16 clamp [-32768, 32767] : (tensor<1x2x3xi32>) -> tensor<1x2x3x!o>
  %2 = qnn.dequantize %1 : tensor<1x2x3x!o> -> tensor<1x2x3xf32>
  return %2 : tensor<1x2x3xf32>
}

// -----

// A shift below 16 is one of 16 with the multiplier scaled up.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<4x!q> {nn.name = "x"}) -> (tensor<4x!q> {nn.name = "y"}) {
  %0 = qnn.mul %x, %x : (tensor<4x!q>, tensor<4x!q>) -> tensor<4xi32>
  %1 = qnn.requantize %0 times [3] shift 9 clamp [-127, 127] : (tensor<4xi32>) -> tensor<4x!q>
  return %1 : tensor<4x!q>
}

// -----

// A backend whose tables have 4096 rows: limbs of 12 bits.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
module attributes {tessera.target = "max_log_table=12"} {
  func.func @main(%x: tensor<4x!q> {nn.name = "x"}) -> (tensor<4x!q> {nn.name = "y"}) {
    %0 = qnn.mul %x, %x : (tensor<4x!q>, tensor<4x!q>) -> tensor<4xi32>
    %1 = qnn.requantize %0 times [400] shift 16 clamp [0, 127] : (tensor<4xi32>) -> tensor<4x!q>
    return %1 : tensor<4x!q>
  }
}
