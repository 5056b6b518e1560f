// RUN: zk-opt --verify-roundtrip
// Every op of the dialect, in its shortest and its longest spelling.

func.func @conv(%x: tensor<1x4x9x8xf32> {nn.name = "image", nn.range = array<f64: -1.0, 1.0>}, %w: tensor<6x4x3x3xf32>,
                %g: tensor<6x2x3x3xf32>, %b: tensor<6xf32>) -> (tensor<1x6x7x6xf32> {nn.name = "plain"}, tensor<1x6x4x7xf32>) {
  %0 = nn.conv %x, %w : (tensor<1x4x9x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x7x6xf32>
  %1 = nn.conv %x, %g bias %b strides [2, 1] pads [1, 0, 2, 1] dilations [2, 1] groups 2 {nn.range = array<f64: 0.0, 2.5>}
    : (tensor<1x4x9x8xf32>, tensor<6x2x3x3xf32>, tensor<6xf32>) -> tensor<1x6x4x7xf32>
  return %0, %1 : tensor<1x6x7x6xf32>, tensor<1x6x4x7xf32>
}

// -----

module attributes {tessera.params = "net.safetensors"} {
  ml_program.global private @fc.weight(#ml_program.extern<tensor<3x8xf32>>) : tensor<3x8xf32>
  ml_program.global private @fc.bias(#ml_program.extern<tensor<3xf32>>) : tensor<3xf32>
  func.func @main(%x: tensor<2x5x8xf32>) -> (tensor<2x5x3xf32>, tensor<2x5x3xf32>) {
    %w = ml_program.global_load_const @fc.weight : tensor<3x8xf32>
    %b = ml_program.global_load_const @fc.bias : tensor<3xf32>
    %0 = nn.linear %x, %w bias %b : (tensor<2x5x8xf32>, tensor<3x8xf32>, tensor<3xf32>) -> tensor<2x5x3xf32>
    %1 = nn.linear %x, %w : (tensor<2x5x8xf32>, tensor<3x8xf32>) -> tensor<2x5x3xf32>
    return %0, %1 : tensor<2x5x3xf32>, tensor<2x5x3xf32>
  }
}

// -----

func.func @products(%a: tensor<7x2x3xf32>, %b: tensor<3x4xf32>, %c: tensor<2x1xf32>) -> tensor<7x2x4xf32> {
  %0 = nn.matmul %a, %b : (tensor<7x2x3xf32>, tensor<3x4xf32>) -> tensor<7x2x4xf32>
  %1 = nn.add %0, %c : (tensor<7x2x4xf32>, tensor<2x1xf32>) -> tensor<7x2x4xf32>
  %2 = nn.sub %c, %1 : (tensor<2x1xf32>, tensor<7x2x4xf32>) -> tensor<7x2x4xf32>
  %3 = nn.mul %2, %2 : (tensor<7x2x4xf32>, tensor<7x2x4xf32>) -> tensor<7x2x4xf32>
  %4 = nn.relu %3 : tensor<7x2x4xf32>
  return %4 : tensor<7x2x4xf32>
}

// -----

func.func @pools(%x: tensor<1x2x6x6xf32>) -> (tensor<1x2x5x5xf32>, tensor<1x2x3x3xf32>, tensor<1x2x4x4xf32>, tensor<1x2x1x1xf32>) {
  %0 = nn.max_pool %x kernel [2, 2] : tensor<1x2x6x6xf32> -> tensor<1x2x5x5xf32>
  %1 = nn.max_pool %x kernel [3, 3] strides [2, 2] pads [0, 0, 1, 1] : tensor<1x2x6x6xf32> -> tensor<1x2x3x3xf32>
  %2 = nn.avg_pool %x kernel [3, 3] strides [2, 2] pads [1, 1, 2, 2] count_include_pad true
    : tensor<1x2x6x6xf32> -> tensor<1x2x4x4xf32>
  %3 = nn.avg_pool %x kernel [6, 6] : tensor<1x2x6x6xf32> -> tensor<1x2x1x1xf32>
  return %0, %1, %2, %3 : tensor<1x2x5x5xf32>, tensor<1x2x3x3xf32>, tensor<1x2x4x4xf32>, tensor<1x2x1x1xf32>
}

// -----

func.func @views(%x: tensor<2x3x4xf32>, %y: tensor<2x1x4xf32>) -> tensor<6x2x2xf32> {
  %0 = nn.concat %x, %y axis 1 : (tensor<2x3x4xf32>, tensor<2x1x4xf32>) -> tensor<2x4x4xf32>
  %1 = nn.pad %0 low [0, 1, 0] high [0, 0, 2] : tensor<2x4x4xf32> -> tensor<2x5x6xf32>
  %2 = nn.pad %1 low [0, 0, 0] high [1, 0, 0] value -1.5 : tensor<2x5x6xf32> -> tensor<3x5x6xf32>
  %3 = nn.slice %2 starts [1, 0, 1] sizes [2, 2, 3] strides [1, 4, 2] : tensor<3x5x6xf32> -> tensor<2x2x3xf32>
  %4 = nn.transpose %3 perm [2, 0, 1] : tensor<2x2x3xf32> -> tensor<3x2x2xf32>
  %5 = nn.reshape %4 : tensor<3x2x2xf32> -> tensor<12xf32>
  %6 = nn.reshape %5 : tensor<12xf32> -> tensor<6x2x1xf32>
  %7 = nn.concat %6, %6 axis 2 : (tensor<6x2x1xf32>, tensor<6x2x1xf32>) -> tensor<6x2x2xf32>
  return %7 : tensor<6x2x2xf32>
}

// -----

func.func @functions(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.map "sigmoid" %x : tensor<4xf32>
  %1 = nn.map "leaky_relu" %0 parameters [0.25] {nn.range = array<f64: 0.0, 1.0>} : tensor<4xf32>
  %2 = nn.map "clip" %1 parameters [-1.0, 6.0] : tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

func.func @rows(%x: tensor<1x4x8x8xf32>, %m: tensor<8x8xf32>) -> (tensor<1x4x8x8xf32>, tensor<1x4x8xi64>) {
  %0 = nn.softmax %x : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %1 = nn.softmax %0 mask %m : (tensor<1x4x8x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8x8xf32>
  %2 = nn.norm %1 epsilon 0.0 : tensor<1x4x8x8xf32>
  %3 = nn.norm %2 centred epsilon 1.0e-5 {nn.range = array<f64: -3.0, 3.0>} : tensor<1x4x8x8xf32>
  %4 = nn.argmax %3 : tensor<1x4x8x8xf32> -> tensor<1x4x8xi64>
  return %3, %4 : tensor<1x4x8x8xf32>, tensor<1x4x8xi64>
}

// -----

func.func @texts(%ids: tensor<2x16xi64>, %table: tensor<96x64xf32>) -> (tensor<2x16x64xf32>, tensor<32x64xf32>) {
  %0 = nn.embedding %table, %ids : (tensor<96x64xf32>, tensor<2x16xi64>) -> tensor<2x16x64xf32>
  %1 = nn.reshape %ids : tensor<2x16xi64> -> tensor<32xi64>
  %2 = nn.embedding %table, %1 : (tensor<96x64xf32>, tensor<32xi64>) -> tensor<32x64xf32>
  return %0, %2 : tensor<2x16x64xf32>, tensor<32x64xf32>
}
