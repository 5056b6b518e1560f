// RUN: zk-opt --verify-diagnostics

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>
!r = !quant.uniform<i8<-127:127>:f32, 2.5e-02>

func.func @scale_changes(%x: tensor<2x3x!q>) {
  // expected-error@+1 {{result: expected elements i8 in -127..=127 at scale 0.05, found i8 in -127..=127 at scale 0.025; requantize to change a scale}}
  %0 = qnn.reshape %x : tensor<2x3x!q> -> tensor<6x!r>
  return
}

// -----

!asymmetric = !quant.uniform<i8:f32, 5.0e-02:3>

func.func @zero_point(%x: tensor<3x!asymmetric>) {
  // expected-error@+1 {{is not symmetric: expected a signed storage type and zero point 0}}
  %0 = qnn.relu %x : tensor<3x!asymmetric>
  return
}

// -----

!axis = !quant.uniform<i8<-127:127>:f32:0, {1.0e-02, 2.0e-02}>

func.func @per_channel_activation(%x: tensor<2x3x!axis>) {
  // expected-error@+1 {{operand 0: expected one scale for the tensor, found scales on axis 0; only weights have them}}
  %0 = qnn.relu %x : tensor<2x3x!axis>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>
!axis = !quant.uniform<i8<-127:127>:f32:1, {1.0e-02, 2.0e-02, 3.0e-02}>

func.func @input_channel_scales(%x: tensor<1x3x!q>, %w: tensor<4x3x!axis>) {
  // expected-error@+1 {{operand 1: expected a scale for each of 4 output channels (axis 0), found 3 on axis 1}}
  %0 = qnn.linear %x, %w : (tensor<1x3x!q>, tensor<4x3x!axis>) -> tensor<1x4xi32>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @conv_shape(%x: tensor<1x3x8x8x!q>, %w: tensor<2x3x3x3x!q>) {
  // expected-error@+1 {{result: expected the shape 1x2x6x6 that follows from operands and attributes, found 1x2x8x8}}
  %0 = qnn.conv %x, %w : (tensor<1x3x8x8x!q>, tensor<2x3x3x3x!q>) -> tensor<1x2x8x8xi32>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @several(%x: tensor<1x4xi32>) {
  // Everything that is wrong is said at once.
  // expected-error@+6 {{multipliers of operand 0: expected 1 value, or 4 for axis 1 of 1x4, found 2}}
  // expected-error@+5 {{multipliers of operand 0: expected magnitudes below 2^31, found -2147483648}}
  // expected-error@+4 {{multipliers of operand 1: expected one that is not 0; leave the operand out}}
  // expected-error@+3 {{bias: expected 1 value, or 4 for axis 1 of 1x4, found 3}}
  // expected-error@+2 {{clamp: expected a range within the result's -127..=127, found -128..=127}}
  // The next op has all of them.
  %0 = qnn.requantize %x times [5, -2147483648], %x times [0] axis 1 bias [1, 2, 3] shift 16 clamp [-128, 127] : (tensor<1x4xi32>, tensor<1x4xi32>) -> tensor<1x4x!q>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @lists(%x: tensor<1x4xi32>) {
  // expected-error@+1 {{multipliers: expected a list for each of 2 operands, found 1}}
  %0 = "qnn.requantize"(%x, %x) {multipliers = [array<i64: 5>], shift = 16, clamp = array<i64: 0, 1>} : (tensor<1x4xi32>, tensor<1x4xi32>) -> tensor<1x4x!q>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @axis(%x: tensor<1x4xi32>) {
  // expected-error@+1 {{axis: expected less than 2 for several values, found 2}}
  %0 = qnn.requantize %x times [5, 6] axis 2 shift 16 clamp [0, 127] : (tensor<1x4xi32>) -> tensor<1x4x!q>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @shift(%x: tensor<1x4xi32>) {
  // expected-error@+1 {{'qnn.requantize' op shift: expected a number of bits in 0..=62, found 63}}
  %0 = qnn.requantize %x times [5] shift 63 clamp [0, 127] : (tensor<1x4xi32>) -> tensor<1x4x!q>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @clamp(%x: tensor<1x4xi32>) {
  // expected-error@+1 {{'qnn.requantize' op clamp: expected 2 values, least and greatest, found 1}}
  %0 = qnn.requantize %x times [5] shift 16 clamp [0] : (tensor<1x4xi32>) -> tensor<1x4x!q>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>
!r = !quant.uniform<i8<-127:127>:f32, 2.5e-02>

func.func @concat(%x: tensor<2x!q>, %y: tensor<2x!r>) {
  // expected-error@+1 {{operand 1: expected the scale of operand 0; requantize to one scale first}}
  %0 = qnn.concat %x, %y axis 0 : (tensor<2x!q>, tensor<2x!r>) -> tensor<4x!q>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @linear(%x: tensor<1x3x!q>, %w: tensor<4x2x!q>) {
  // expected-error@+1 {{weight: expected 3 columns as the input's last axis has, found 2}}
  %0 = qnn.linear %x, %w : (tensor<1x3x!q>, tensor<4x2x!q>) -> tensor<1x4xi32>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @matmul(%a: tensor<3x!q>, %b: tensor<3x2x!q>) {
  // expected-error@+1 {{expected operands of at least two axes, found 3 and 3x2}}
  %0 = qnn.matmul %a, %b : (tensor<3x!q>, tensor<3x2x!q>) -> tensor<2xi32>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @broadcast(%a: tensor<3x!q>, %b: tensor<2x!q>) {
  // expected-error@+1 {{3 and 2 do not broadcast: axis 0 has extents 3 and 2}}
  %0 = qnn.requantize %a times [1], %b times [1] shift 1 clamp [0, 127] : (tensor<3x!q>, tensor<2x!q>) -> tensor<3x!q>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @pool(%x: tensor<1x2x6x6x!q>) {
  // expected-error@+1 {{height: the window of 7 does not fit into 6 positions padded to 6}}
  %0 = qnn.sum_pool %x kernel [7, 7] : tensor<1x2x6x6x!q> -> tensor<1x2x1x1xi32>
  return
}

// -----

func.func @float(%x: tensor<3xf32>) {
  // expected-error@+1 {{operand #0 must be tensor of symmetric !quant.uniform with static extents, but got 'tensor<3xf32>'}}
  %0 = qnn.relu %x : tensor<3xf32>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @accumulator(%x: tensor<3xi64>) {
  // expected-error@+1 {{operand #0 must be variadic of tensor of symmetric !quant.uniform or i32 with static extents, but got 'tensor<3xi64>'}}
  %0 = qnn.requantize %x times [5] shift 16 clamp [0, 127] : (tensor<3xi64>) -> tensor<3x!q>
  return
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

func.func @entries(%x: tensor<4x!q>, %table: tensor<256x!q>) {
  // expected-error@+1 {{table: expected 255 entries on one axis, one for each key in -127..=127, found 256}}
  %0 = qnn.lookup %x, %table : (tensor<4x!q>, tensor<256x!q>) -> tensor<4x!q>
  return
}

// -----

!r = !quant.uniform<i32:f32, 1.0e-03>

func.func @epsilon(%r: tensor<2x4x!r>, %roots: tensor<49152xi32>) {
  // expected-error@+1 {{epsilon: expected at least 16384, so that every sum of squares has a mantissa, found 5}}
  %0 = qnn.norm %r, %roots fraction 0 epsilon 5 exponent 12 shift 22 : (tensor<2x4x!r>, tensor<49152xi32>) -> tensor<2x4x!r>
  return
}

// -----

!r = !quant.uniform<i32:f32, 1.0e-03>

func.func @roots(%r: tensor<2x4x!r>, %roots: tensor<65536xi32>) {
  // expected-error@+1 {{roots: expected 49152 entries, found 65536}}
  %0 = qnn.norm %r, %roots fraction 0 epsilon 16384 exponent 12 shift 22 : (tensor<2x4x!r>, tensor<65536xi32>) -> tensor<2x4x!r>
  return
}

// -----

!s = !quant.uniform<i16<-28671:28671>:f32, 3.90625e-03>

func.func @total(%x: tensor<2x4x!s>, %table: tensor<100xi32>) {
  // expected-error@+1 {{total: expected a number in 1..2^31, found 0}}
  %0 = qnn.softmax %x, %table total 0 : (tensor<2x4x!s>, tensor<100xi32>) -> tensor<2x4x!s>
  return
}
