// RUN: zk-opt --verify-diagnostics

func.func @rank(%x: tensor<4x9x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{'nn.conv' op input: expected 4 axes, found 3 (4x9x8)}}
  %0 = nn.conv %x, %w : (tensor<4x9x8xf32>, tensor<6x4x3x3xf32>) -> tensor<6x7x6xf32>
  return
}

// -----

func.func @channels(%x: tensor<1x3x9x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{weight: expected 3 input channels per group (3 channels in 1 groups), found 4}}
  %0 = nn.conv %x, %w : (tensor<1x3x9x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x7x6xf32>
  return
}

// -----

func.func @groups(%x: tensor<1x4x9x8xf32>, %w: tensor<6x2x3x3xf32>) {
  // expected-error@+1 {{groups: expected a divisor of 4 input and 6 output channels, found 4}}
  %0 = nn.conv %x, %w groups 4 : (tensor<1x4x9x8xf32>, tensor<6x2x3x3xf32>) -> tensor<1x6x7x6xf32>
  return
}

// -----

func.func @bias(%x: tensor<1x4x9x8xf32>, %w: tensor<6x4x3x3xf32>, %b: tensor<5xf32>) {
  // expected-error@+1 {{bias: expected 6 elements on one axis, found 5}}
  %0 = nn.conv %x, %w bias %b : (tensor<1x4x9x8xf32>, tensor<6x4x3x3xf32>, tensor<5xf32>) -> tensor<1x6x7x6xf32>
  return
}

// -----

func.func @stride_count(%x: tensor<1x4x9x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{'nn.conv' attribute 'strides': expected 2 values, found 3}}
  %0 = nn.conv %x, %w strides [1, 1, 1] : (tensor<1x4x9x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x7x6xf32>
  return
}

// -----

func.func @negative(%x: tensor<1x4x9x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{'nn.conv' attribute 'pads': expected array<i64: ..> without negative values, found array<i64: 0, -1, 0, 0>}}
  %0 = nn.conv %x, %w pads [0, -1, 0, 0] : (tensor<1x4x9x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x7x5xf32>
  return
}

// -----

func.func @window(%x: tensor<1x4x2x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{height: the window of 3 does not fit into 2 positions padded to 2}}
  %0 = nn.conv %x, %w : (tensor<1x4x2x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x1x6xf32>
  return
}

// -----

func.func @huge(%x: tensor<1x4x2x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{kernel: expected at most 2147483648, found 9223372036854775807}}
  %0 = nn.conv %x, %w dilations [9223372036854775807, 1] : (tensor<1x4x2x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x1x6xf32>
  return
}

// -----

func.func @result(%x: tensor<1x4x9x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{result: expected the shape 1x6x7x6 that follows from operands and attributes, found 1x6x9x8}}
  %0 = nn.conv %x, %w : (tensor<1x4x9x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x9x8xf32>
  return
}

// -----

func.func @range(%x: tensor<4xf32>) {
  // expected-error@+1 {{'nn.relu' op attribute 'nn.range': expected array<f64: low, high> with finite low ≤ high}}
  %0 = nn.relu %x {nn.range = array<f64: 1.0, 0.0>} : tensor<4xf32>
  return
}

// -----

func.func @linear(%x: tensor<2x8xf32>, %w: tensor<3x7xf32>) {
  // expected-error@+1 {{weight: expected 8 columns as the input's last axis has, found 7}}
  %0 = nn.linear %x, %w : (tensor<2x8xf32>, tensor<3x7xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @matmul(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error@+1 {{inner extents differ: 2x3 has 3 columns, 4x5 has 4 rows}}
  %0 = nn.matmul %a, %b : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @broadcast(%a: tensor<2x3xf32>, %b: tensor<4xf32>) {
  // expected-error@+1 {{2x3 and 4 do not broadcast: axis 1 has extents 3 and 4}}
  %0 = nn.add %a, %b : (tensor<2x3xf32>, tensor<4xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @pool(%x: tensor<1x2x6x6xf32>) {
  // expected-error@+1 {{pads: expected less than the window [2, 2] on every side, found [2, 0, 0, 0]}}
  %0 = nn.max_pool %x kernel [2, 2] pads [2, 0, 0, 0] : tensor<1x2x6x6xf32> -> tensor<1x2x7x5xf32>
  return
}

// -----

func.func @pool_stride(%x: tensor<1x2x6x6xf32>) {
  // expected-error@+1 {{height: expected window and stride of at least 1, found window 2, stride 0}}
  %0 = nn.avg_pool %x kernel [2, 2] strides [0, 1] : tensor<1x2x6x6xf32> -> tensor<1x2x7x5xf32>
  return
}

// -----

func.func @reshape(%x: tensor<2x6xf32>) {
  // expected-error@+1 {{expected 12 elements as in 2x6, found 15 in 3x5}}
  %0 = nn.reshape %x : tensor<2x6xf32> -> tensor<3x5xf32>
  return
}

// -----

func.func @transpose(%x: tensor<2x6xf32>) {
  // expected-error@+1 {{perm: expected a permutation of 2 axes, found [0, 0]}}
  %0 = nn.transpose %x perm [0, 0] : tensor<2x6xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @concat(%x: tensor<2x6xf32>, %y: tensor<3x6xf32>) {
  // expected-error@+1 {{operand 1: expected the extents 2x6 except on axis 1, found 3x6}}
  %0 = nn.concat %x, %y axis 1 : (tensor<2x6xf32>, tensor<3x6xf32>) -> tensor<2x12xf32>
  return
}

// -----

func.func @pad(%x: tensor<2x6xf32>) {
  // expected-error@+1 {{low: expected one value for each of 2 axes, found 1}}
  %0 = nn.pad %x low [1] high [0, 0] : tensor<2x6xf32> -> tensor<3x6xf32>
  return
}

// -----

func.func @slice(%x: tensor<2x6xf32>) {
  // expected-error@+1 {{axis 1: the slice ends at position 7, but there are 6 positions}}
  %0 = nn.slice %x starts [0, 1] sizes [2, 3] strides [1, 3] : tensor<2x6xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @element(%x: tensor<2x6xf64>) {
  // expected-error@+1 {{operand #0 must be tensor of f32 with static extents, but got 'tensor<2x6xf64>'}}
  %0 = nn.relu %x : tensor<2x6xf64>
  return
}

// -----

func.func @dynamic(%x: tensor<?x6xf32>) {
  // expected-error@+1 {{operand #0 must be tensor of f32 with static extents, but got 'tensor<?x6xf32>'}}
  %0 = nn.relu %x : tensor<?x6xf32>
  return
}

// -----

func.func @function(%x: tensor<4xf32>) {
  // expected-error@+1 {{function: expected one of abs, acos, acosh,}}
  %0 = nn.map "sigmoidal" %x : tensor<4xf32>
  return
}

// -----

func.func @parameters(%x: tensor<4xf32>) {
  // expected-error@+1 {{parameters: expected 2 numbers (min, max) for "clip", found [1.0]}}
  %0 = nn.map "clip" %x parameters [1.0] : tensor<4xf32>
  return
}

// -----

func.func @spelling(%x: tensor<4xf32>) {
  // expected-error@+1 {{function: "relu" is spelled nn.relu}}
  %0 = nn.map "relu" %x : tensor<4xf32>
  return
}

// -----

func.func @mask(%x: tensor<2x8xf32>, %m: tensor<3x8xf32>) {
  // expected-error@+1 {{2x8 and 3x8 do not broadcast}}
  %0 = nn.softmax %x mask %m : (tensor<2x8xf32>, tensor<3x8xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @wide_mask(%x: tensor<8xf32>, %m: tensor<2x8xf32>) {
  // expected-error@+1 {{mask: expected extents that broadcast to 8, found 2x8}}
  %0 = nn.softmax %x mask %m : (tensor<8xf32>, tensor<2x8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @epsilon(%x: tensor<2x8xf32>) {
  // expected-error@+1 {{epsilon: expected a finite number of at least 0, found -1}}
  %0 = nn.norm %x epsilon -1.0 : tensor<2x8xf32>
  return
}

// -----

func.func @indices(%ids: tensor<2xf32>, %table: tensor<96x64xf32>) {
  // expected-error@+1 {{'nn.embedding' op operand #1 must be tensor of i64}}
  %0 = nn.embedding %table, %ids : (tensor<96x64xf32>, tensor<2xf32>) -> tensor<2x64xf32>
  return
}
