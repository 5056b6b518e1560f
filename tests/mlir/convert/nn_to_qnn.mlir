// RUN: zk-opt --convert-nn-to-qnn

// Weights get a scale per output channel, biases the scale of the sums; a ReLU is the clamp of the requantize before it.
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @x.conv.w(#ml_program.extern : tensor<2x1x3x3xf32>) : tensor<2x1x3x3xf32>
  ml_program.global private @x.conv.b(#ml_program.extern : tensor<2xf32>) : tensor<2xf32>
  func.func @main(%x: tensor<1x1x4x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<1x2x4x4xf32> {nn.name = "y"}) {
    %w = ml_program.global_load_const @x.conv.w : tensor<2x1x3x3xf32>
    %b = ml_program.global_load_const @x.conv.b : tensor<2xf32>
    %0 = nn.conv %x, %w bias %b pads [1, 1, 1, 1] {nn.range = array<f64: -4.0, 4.0>}
      : (tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
    %1 = nn.relu %0 {nn.range = array<f64: 0.0, 4.0>} : tensor<1x2x4x4xf32>
    return %1 : tensor<1x2x4x4xf32>
  }
}

// -----

module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @x.linear.w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
  func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y"}) {
    %w = ml_program.global_load_const @x.linear.w : tensor<3x4xf32>
    %0 = nn.linear %x, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  }
}

// -----

// Sums bring operands of different scales to one; a difference has a negative multiplier. Products multiply scales.
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>},
    %y: tensor<2x4xf32> {nn.name = "y", nn.range = array<f64: -3.0, 3.0>})
    -> (tensor<2x4xf32> {nn.name = "z"}, tensor<2x4xf32> {nn.name = "d"}, tensor<2x2xf32> {nn.name = "m"}) {
  %0 = nn.add %x, %y {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = nn.sub %0, %x {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = nn.mul %x, %y {nn.range = array<f64: -3.0, 3.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = nn.transpose %2 perm [1, 0] {nn.range = array<f64: -3.0, 3.0>} : tensor<2x4xf32> -> tensor<4x2xf32>
  %4 = nn.matmul %x, %3 {nn.range = array<f64: -9.0, 9.0>} : (tensor<2x4xf32>, tensor<4x2xf32>) -> tensor<2x2xf32>
  return %0, %1, %4 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x2xf32>
}

// -----

// An average is a sum, divided by the requantize after it. What moves data keeps its scale; what is joined gets one scale.
func.func @main(%x: tensor<1x2x4x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>})
    -> (tensor<1x2x2x2xf32> {nn.name = "a"}, tensor<1x36xf32> {nn.name = "b"}) {
  %0 = nn.avg_pool %x kernel [2, 2] strides [2, 2] {nn.range = array<f64: -1.0, 1.0>} : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
  %1 = nn.max_pool %x kernel [2, 2] strides [2, 2] {nn.range = array<f64: -1.0, 1.0>} : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
  %2 = nn.pad %1 low [0, 0, 1, 0] high [0, 0, 0, 1] value 0.0 {nn.range = array<f64: -1.0, 1.0>} : tensor<1x2x2x2xf32> -> tensor<1x2x3x3xf32>
  %3 = nn.slice %x starts [0, 0, 0, 1] sizes [1, 2, 3, 3] strides [1, 1, 1, 1] {nn.range = array<f64: -2.0, 2.0>} : tensor<1x2x4x4xf32> -> tensor<1x2x3x3xf32>
  %4 = nn.concat %2, %3 axis 1 {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x4x3x3xf32>
  %5 = nn.reshape %4 {nn.range = array<f64: -2.0, 2.0>} : tensor<1x4x3x3xf32> -> tensor<1x36xf32>
  return %0, %5 : tensor<1x2x2x2xf32>, tensor<1x36xf32>
}

// -----

// A function is a table. What only tables read has 12 bits; a function that clamps is the clamp of the requantize before it.
func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>})
    -> (tensor<1x4xf32> {nn.name = "y"}, tensor<1x4xf32> {nn.name = "z"}) {
  %0 = nn.add %x, %x {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = nn.map "sigmoid" %0 {nn.range = array<f64: 0.1, 0.9>} : tensor<1x4xf32> loc("gate")
  %2 = nn.mul %1, %x {nn.range = array<f64: -1.0, 1.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %3 = nn.map "clip" %2 parameters [-0.5, 0.5] {nn.range = array<f64: -0.5, 0.5>} : tensor<1x4xf32>
  %4 = nn.add %3, %x {nn.range = array<f64: -1.5, 1.5>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %5 = nn.map "sqrt" %1 {nn.range = array<f64: 0.3, 1.0>} : tensor<1x4xf32> loc("root")
  return %4, %5 : tensor<1x4xf32>, tensor<1x4xf32>
}

// -----

// The end of a residual block: two layers and a value are rounded once, with the clamp of the ReLU after them. A layer that somebody
// else reads is rounded for itself.
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @x.conv.w(#ml_program.extern : tensor<2x1x3x3xf32>) : tensor<2x1x3x3xf32>
  ml_program.global private @x.conv.b(#ml_program.extern : tensor<2xf32>) : tensor<2xf32>
  func.func @main(%x: tensor<1x1x4x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>},
      %r: tensor<1x2x4x4xf32> {nn.name = "r", nn.range = array<f64: -2.0, 2.0>})
      -> (tensor<1x2x4x4xf32> {nn.name = "y"}, tensor<1x2x4x4xf32> {nn.name = "z"}) {
    %w = ml_program.global_load_const @x.conv.w : tensor<2x1x3x3xf32>
    %b = ml_program.global_load_const @x.conv.b : tensor<2xf32>
    %0 = nn.conv %x, %w bias %b pads [1, 1, 1, 1] {nn.range = array<f64: -4.0, 4.0>}
      : (tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
    %1 = nn.conv %x, %w pads [1, 1, 1, 1] {nn.range = array<f64: -3.0, 3.0>}
      : (tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32>) -> tensor<1x2x4x4xf32>
    %2 = nn.sub %0, %1 {nn.range = array<f64: -5.0, 5.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %3 = nn.add %r, %2 {nn.range = array<f64: -6.0, 6.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %4 = nn.relu %3 {nn.range = array<f64: 0.0, 6.0>} : tensor<1x2x4x4xf32>
    %5 = nn.conv %x, %w pads [1, 1, 1, 1] {nn.range = array<f64: -3.0, 3.0>}
      : (tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32>) -> tensor<1x2x4x4xf32>
    %6 = nn.add %5, %r {nn.range = array<f64: -5.0, 5.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %7 = nn.mul %6, %5 {nn.range = array<f64: -5.0, 5.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    return %4, %7 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
  }
}

// -----

// A normalization by constants is one requantization: numbers for channels are multipliers, and a bias.
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @x.conv.b(#ml_program.extern : tensor<2xf32>) : tensor<2xf32>
  func.func @main(%x: tensor<3x2xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<3x2xf32> {nn.name = "y"}) {
    %b = ml_program.global_load_const @x.conv.b : tensor<2xf32>
    %0 = nn.mul %x, %b {nn.range = array<f64: -1.0, 1.0>} : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
    %1 = nn.add %0, %b {nn.range = array<f64: -2.0, 2.0>} : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
    return %1 : tensor<3x2xf32>
  }
}

// -----

// Sums that are compared alone are neither rounded nor clamped: one unit for all channels, and a shift of 0.
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @x.linear.w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
  func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2xi64> {nn.name = "y"}) {
    %w = ml_program.global_load_const @x.linear.w : tensor<3x4xf32>
    %0 = nn.linear %x, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
    %1 = nn.argmax %0 : tensor<2x3xf32> -> tensor<2xi64>
    return %1 : tensor<2xi64>
  }
}

// -----

// The average of a large window: its multiplier is a small number, which is rounded, and what that adds to the greatest sum is counted.
func.func @main(%x: tensor<1x1x112x112xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 12 : i64}) -> (tensor<1x1x1x1xf32> {nn.name = "y"}) {
  %0 = nn.avg_pool %x kernel [112, 112] strides [1, 1] {nn.range = array<f64: -0.02, 0.02>, nn.bits = 12 : i64} : tensor<1x1x112x112xf32> -> tensor<1x1x1x1xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 0.02>, nn.bits = 12 : i64} : tensor<1x1x1x1xf32>
  %2 = nn.map "sigmoid" %1 {nn.range = array<f64: 0.5, 0.52>} : tensor<1x1x1x1xf32>
  return %2 : tensor<1x1x1x1xf32>
}

// -----

// What a normalization and a layer read is rounded for the layer, once.
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @x.linear.w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
  func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -2.0, 2.0>})
      -> (tensor<2x4xf32> {nn.name = "n"}, tensor<2x3xf32> {nn.name = "y"}) {
    %w = ml_program.global_load_const @x.linear.w : tensor<3x4xf32>
    %0 = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -2.0, 2.0>} : tensor<2x4xf32>
    %1 = nn.linear %x, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
    return %0, %1 : tensor<2x4xf32>, tensor<2x3xf32>
  }
}
