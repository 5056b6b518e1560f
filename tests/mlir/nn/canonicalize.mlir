// RUN: zk-opt --pass-pipeline=builtin.module(canonicalize,cse)

// relu(relu(x)) = relu(x), and what nothing reads is gone.
func.func @relu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.relu %x : tensor<4xf32>
  %dead = nn.add %0, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.relu %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// reshape(reshape(x)) = reshape(x); to the operand's own extents it is x.
func.func @reshape(%x: tensor<2x6xf32>) -> (tensor<12xf32>, tensor<2x6xf32>) {
  %0 = nn.reshape %x : tensor<2x6xf32> -> tensor<3x4xf32>
  %1 = nn.reshape %0 : tensor<3x4xf32> -> tensor<12xf32>
  %2 = nn.reshape %0 : tensor<3x4xf32> -> tensor<2x6xf32>
  return %1, %2 : tensor<12xf32>, tensor<2x6xf32>
}

// -----

// Transposes compose; inverse ones cancel.
func.func @transpose(%x: tensor<2x3x4xf32>) -> (tensor<3x2x4xf32>, tensor<2x3x4xf32>) {
  %0 = nn.transpose %x perm [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  %1 = nn.transpose %0 perm [0, 2, 1] : tensor<3x4x2xf32> -> tensor<3x2x4xf32>
  %2 = nn.transpose %0 perm [2, 0, 1] : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
  return %1, %2 : tensor<3x2x4xf32>, tensor<2x3x4xf32>
}

// -----

// One operand, no border, and everything.
func.func @nothing(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.concat %x axis 0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = nn.pad %0 low [0, 0] high [0, 0] value 7.0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.slice %1 starts [0, 0] sizes [2, 3] strides [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.transpose %2 perm [0, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}

// -----

// Equal ops are one op. Nothing else changes: a real pad, a real slice, a pooling.
func.func @kept(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32> {
  %0 = nn.max_pool %x kernel [2, 2] : tensor<1x1x4x4xf32> -> tensor<1x1x3x3xf32>
  %1 = nn.max_pool %x kernel [2, 2] : tensor<1x1x4x4xf32> -> tensor<1x1x3x3xf32>
  %2 = nn.mul %0, %1 : (tensor<1x1x3x3xf32>, tensor<1x1x3x3xf32>) -> tensor<1x1x3x3xf32>
  %3 = nn.pad %2 low [0, 0, 1, 1] high [0, 0, 0, 0] : tensor<1x1x3x3xf32> -> tensor<1x1x4x4xf32>
  %4 = nn.slice %3 starts [0, 0, 0, 0] sizes [1, 1, 2, 2] strides [1, 1, 2, 2] : tensor<1x1x4x4xf32> -> tensor<1x1x2x2xf32>
  return %4 : tensor<1x1x2x2xf32>
}

// -----

// A clamp to no less than it is clamped to already is nothing.
func.func @clamps(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = nn.map "clip" %x parameters [0.0, 6.0] : tensor<4xf32>
  %1 = nn.relu %0 : tensor<4xf32>
  %2 = nn.map "clip" %1 parameters [1.0, 7.0] : tensor<4xf32>
  return %1, %2 : tensor<4xf32>, tensor<4xf32>
}
