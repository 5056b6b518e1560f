// RUN: zk-opt --convert-qnn-to-circuit

// All of them at once, each with its node.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!s = !quant.uniform<i8<-127:127>:f32, 2.500000e-01>
func.func @main(%x: tensor<4xf32> {nn.name = "x"}, %y: tensor<1x1x3x3x!q> {nn.name = "y"}) -> (tensor<4x!q> {nn.name = "z"}, tensor<4xf32> {nn.name = "r"}) {
  %0 = qnn.quantize %x : tensor<4xf32> -> tensor<4x!q> loc("in/quantize")
  %1 = qnn.mul %0, %0 : (tensor<4x!q>, tensor<4x!q>) -> tensor<4xi32> loc("square")
  %2 = qnn.requantize %1 times [2000000] shift 24 clamp [-127, 127] : (tensor<4xi32>) -> tensor<4x!q> loc("square/requantize")
  %3 = qnn.relu %2 : tensor<4x!q> loc("depends on what was rejected")
  %4 = qnn.dequantize %0 : tensor<4x!q> -> tensor<4xf32> loc("inner/dequantize")
  %5 = qnn.quantize %4 : tensor<4xf32> -> tensor<4x!s> loc("inner/quantize")
  %6 = qnn.conv %y, %y : (tensor<1x1x3x3x!q>, tensor<1x1x3x3x!q>) -> tensor<1x1x1x1xi32> loc("self/conv")
  %7 = nn.relu %4 : tensor<4xf32> loc("real/relu")
  return %3, %4 : tensor<4x!q>, tensor<4xf32>
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!s = !quant.uniform<i8<-127:127>:f32, 2.500000e-01>
func.func @main(%x: tensor<4xf32> {nn.name = "image"}) -> (tensor<4x!q> {nn.name = "a"}, tensor<4x!s> {nn.name = "b"}) {
  %0 = qnn.quantize %x : tensor<4xf32> -> tensor<4x!q> loc("first")
  %1 = qnn.quantize %x : tensor<4xf32> -> tensor<4x!s> loc("second")
  return %0, %1 : tensor<4x!q>, tensor<4x!s>
}

// -----

func.func @main(%x: tensor<4xf32> {nn.name = "image"}) -> (tensor<4xf32> {nn.name = "same"}) {
  return %x : tensor<4xf32>
}

// -----

// Two limbs of 12 bits are all that a backend with tables of 4096 rows has.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
module attributes {tessera.target = "max_log_table=12"} {
  func.func @main(%x: tensor<4x!q> {nn.name = "x"}) -> (tensor<4x!q> {nn.name = "y"}) {
    %0 = qnn.mul %x, %x : (tensor<4x!q>, tensor<4x!q>) -> tensor<4xi32>
    %1 = qnn.requantize %0 times [900] shift 18 clamp [0, 127] : (tensor<4xi32>) -> tensor<4x!q>
    return %1 : tensor<4x!q>
  }
}

// -----

// What the module says of the backend does not read.
module attributes {tessera.target = "max_log_table=many"} {
  func.func @main(%x: tensor<4xf32> {nn.name = "x"}) -> (tensor<4xf32> {nn.name = "y"}) {
    return %x : tensor<4xf32>
  }
}
