// RUN: zk-opt --pass-pipeline=builtin.module(canonicalize,cse)

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

// relu(x) = x where x cannot be negative: after another relu, and after a requantize that clamps at 0.
func.func @relu(%x: tensor<4x!q>, %acc: tensor<4xi32>) -> (tensor<4x!q>, tensor<4x!q>, tensor<4x!q>) {
  %0 = qnn.relu %x : tensor<4x!q>
  %1 = qnn.relu %0 : tensor<4x!q>
  %2 = qnn.requantize %acc times [3] shift 16 clamp [0, 127] : (tensor<4xi32>) -> tensor<4x!q>
  %3 = qnn.relu %2 : tensor<4x!q>
  %4 = qnn.requantize %acc times [3] shift 16 clamp [-1, 127] : (tensor<4xi32>) -> tensor<4x!q>
  %5 = qnn.relu %4 : tensor<4x!q>
  return %1, %3, %5 : tensor<4x!q>, tensor<4x!q>, tensor<4x!q>
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

// reshape(reshape(x)) = reshape(x), transposes compose, inverse ones cancel.
func.func @views(%x: tensor<2x3x4x!q>) -> (tensor<24x!q>, tensor<2x3x4x!q>, tensor<3x2x4x!q>) {
  %0 = qnn.reshape %x : tensor<2x3x4x!q> -> tensor<6x4x!q>
  %1 = qnn.reshape %0 : tensor<6x4x!q> -> tensor<24x!q>
  %2 = qnn.transpose %x perm [1, 2, 0] : tensor<2x3x4x!q> -> tensor<3x4x2x!q>
  %3 = qnn.transpose %2 perm [2, 0, 1] : tensor<3x4x2x!q> -> tensor<2x3x4x!q>
  %4 = qnn.transpose %2 perm [0, 2, 1] : tensor<3x4x2x!q> -> tensor<3x2x4x!q>
  return %1, %3, %4 : tensor<24x!q>, tensor<2x3x4x!q>, tensor<3x2x4x!q>
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.0e-02>

// One operand, no border, everything; and equal ops are one.
func.func @nothing(%x: tensor<2x3x!q>) -> (tensor<2x3x!q>, tensor<2x3xi32>) {
  %0 = qnn.concat %x axis 1 : (tensor<2x3x!q>) -> tensor<2x3x!q>
  %1 = qnn.pad %0 low [0, 0] high [0, 0] : tensor<2x3x!q> -> tensor<2x3x!q>
  %2 = qnn.slice %1 starts [0, 0] sizes [2, 3] strides [1, 1] : tensor<2x3x!q> -> tensor<2x3x!q>
  %3 = qnn.relu %x : tensor<2x3x!q>
  %4 = qnn.relu %2 : tensor<2x3x!q>
  %5 = qnn.mul %3, %4 : (tensor<2x3x!q>, tensor<2x3x!q>) -> tensor<2x3xi32>
  return %2, %5 : tensor<2x3x!q>, tensor<2x3xi32>
}
