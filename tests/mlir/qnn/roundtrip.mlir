// RUN: zk-opt --verify-roundtrip
// Every op of the dialect, in its shortest and its longest spelling.

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>
!wide = !quant.uniform<i16:f32, 1.25e-03>

func.func @borders(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %0 = qnn.quantize %x : tensor<1x4xf32> -> tensor<1x4x!q>
  %1 = qnn.quantize %x : tensor<1x4xf32> -> tensor<1x4x!wide>
  %2 = qnn.dequantize %0 : tensor<1x4x!q> -> tensor<1x4xf32>
  %3 = qnn.dequantize %1 : tensor<1x4x!wide> -> tensor<1x4xf32>
  return %2, %3 : tensor<1x4xf32>, tensor<1x4xf32>
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0e-02, 2.0e-02}>
!y = !quant.uniform<i8<-127:127>:f32, 1.0e-01>

module attributes {tessera.params = "net.q.safetensors"} {
  ml_program.global private @conv.weight(#ml_program.extern<tensor<2x3x3x3x!w>>) : tensor<2x3x3x3x!w>
  ml_program.global private @conv.bias(#ml_program.extern<tensor<2xi32>>) : tensor<2xi32>
  func.func @main(%x: tensor<1x3x8x8x!q> {nn.name = "image"}) -> tensor<1x2x4x4x!y> {
    %w = ml_program.global_load_const @conv.weight : tensor<2x3x3x3x!w>
    %b = ml_program.global_load_const @conv.bias : tensor<2xi32>
    %0 = qnn.conv %x, %w bias %b strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 1
      : (tensor<1x3x8x8x!q>, tensor<2x3x3x3x!w>, tensor<2xi32>) -> tensor<1x2x4x4xi32>
    %1 = qnn.requantize %0 times [181, 362] axis 1 shift 16 clamp [0, 127] : (tensor<1x2x4x4xi32>) -> tensor<1x2x4x4x!y>
    return %1 : tensor<1x2x4x4x!y>
  }
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>
!wide = !quant.uniform<i16:f32, 1.25e-03>

func.func @products(%x: tensor<2x4x!q>, %w: tensor<3x4x!q>, %b: tensor<3xi32>, %c: tensor<3x2x!q>) -> (tensor<2x3xi32>, tensor<2x2x!wide>) {
  %0 = qnn.linear %x, %w bias %b : (tensor<2x4x!q>, tensor<3x4x!q>, tensor<3xi32>) -> tensor<2x3xi32>
  %1 = qnn.requantize %0 times [7] shift 17 clamp [-127, 127] : (tensor<2x3xi32>) -> tensor<2x3x!q>
  %2 = qnn.matmul %1, %c : (tensor<2x3x!q>, tensor<3x2x!q>) -> tensor<2x2xi32>
  %3 = qnn.requantize %2 times [40000] shift 16 clamp [-32768, 32767] : (tensor<2x2xi32>) -> tensor<2x2x!wide>
  %4 = qnn.linear %x, %w : (tensor<2x4x!q>, tensor<3x4x!q>) -> tensor<2x3xi32>
  return %4, %3 : tensor<2x3xi32>, tensor<2x2x!wide>
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>
!r = !quant.uniform<i8<-127:127>:f32, 2.5e-02>

func.func @elementwise(%x: tensor<2x4x!q>, %y: tensor<4x!r>) -> (tensor<2x4xi32>, tensor<2x4x!q>, tensor<2x4x!q>) {
  %0 = qnn.mul %x, %y : (tensor<2x4x!q>, tensor<4x!r>) -> tensor<2x4xi32>
  %1 = qnn.requantize %0 times [300], %x times [2, 0, -1, 7], %y times [-1000] axis 1 bias [5, 6, 7, -8] shift 12 clamp [-127, 127]
    : (tensor<2x4xi32>, tensor<2x4x!q>, tensor<4x!r>) -> tensor<2x4x!q>
  %2 = qnn.relu %x : tensor<2x4x!q>
  return %0, %1, %2 : tensor<2x4xi32>, tensor<2x4x!q>, tensor<2x4x!q>
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @pools(%x: tensor<1x2x6x6x!q>) -> (tensor<1x2x3x3xi32>, tensor<1x2x5x5x!q>) {
  %0 = qnn.sum_pool %x kernel [2, 2] strides [2, 2] : tensor<1x2x6x6x!q> -> tensor<1x2x3x3xi32>
  %1 = qnn.max_pool %x kernel [3, 3] pads [1, 1, 0, 0] : tensor<1x2x6x6x!q> -> tensor<1x2x5x5x!q>
  return %0, %1 : tensor<1x2x3x3xi32>, tensor<1x2x5x5x!q>
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @views(%x: tensor<2x3x!q>) -> tensor<2x6x!q> {
  %0 = qnn.concat %x, %x axis 0 : (tensor<2x3x!q>, tensor<2x3x!q>) -> tensor<4x3x!q>
  %1 = qnn.pad %0 low [1, 0] high [0, 1] : tensor<4x3x!q> -> tensor<5x4x!q>
  %2 = qnn.slice %1 starts [1, 1] sizes [4, 3] strides [1, 1] : tensor<5x4x!q> -> tensor<4x3x!q>
  %3 = qnn.transpose %2 perm [1, 0] : tensor<4x3x!q> -> tensor<3x4x!q>
  %4 = qnn.reshape %3 : tensor<3x4x!q> -> tensor<2x6x!q>
  return %4 : tensor<2x6x!q>
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>
!k = !quant.uniform<i16<-2047:2047>:f32, 3.0e-03>

func.func @lookup(%x: tensor<2x4x!k>, %table: tensor<4095x!q>) -> tensor<2x4x!q> {
  %0 = qnn.lookup %x, %table : (tensor<2x4x!k>, tensor<4095x!q>) -> tensor<2x4x!q>
  return %0 : tensor<2x4x!q>
}

// -----

!s = !quant.uniform<i16<-28671:28671>:f32, 3.90625e-03>
!p = !quant.uniform<i32<0:262144>:f32, 3.807261e-06>
!r = !quant.uniform<i32:f32, 1.0e-03>
!n = !quant.uniform<i16<-3000:3000>:f32, 3.0e-03>

func.func @rows(%x: tensor<2x4x!s>, %table: tensor<3375xi32>, %m: tensor<2x4xi32>, %r: tensor<2x4x!r>, %roots: tensor<49152xi32>)
    -> (tensor<2x4x!p>, tensor<2xi64>) {
  %0 = qnn.softmax %x, %table total 262656 : (tensor<2x4x!s>, tensor<3375xi32>) -> tensor<2x4x!p>
  %1 = qnn.softmax %x, %table mask %m total 262656 : (tensor<2x4x!s>, tensor<3375xi32>, tensor<2x4xi32>) -> tensor<2x4x!p>
  %2 = qnn.norm %r, %roots fraction 0 epsilon 16384 exponent 12 shift 22
    : (tensor<2x4x!r>, tensor<49152xi32>) -> tensor<2x4x!n>
  %3 = qnn.norm %r, %roots mean [16777216, 26] fraction 4 epsilon 171799 exponent 12 shift 22
    : (tensor<2x4x!r>, tensor<49152xi32>) -> tensor<2x4x!n>
  %4 = qnn.argmax %3 : tensor<2x4x!n> -> tensor<2xi64>
  return %1, %4 : tensor<2x4x!p>, tensor<2xi64>
}

// -----

!r = !quant.uniform<i32:f32, 1.0e-03>

func.func @texts(%ids: tensor<2x16xi64>, %table: tensor<96x64x!r>) -> tensor<32x64x!r> {
  %0 = qnn.reshape %ids : tensor<2x16xi64> -> tensor<32xi64>
  %1 = qnn.embedding %table, %0 : (tensor<96x64x!r>, tensor<32xi64>) -> tensor<32x64x!r>
  return %1 : tensor<32x64x!r>
}
