// A decision of a small network: what it is made of has all bits there are, and a negation is a multiplier.
module attributes {tessera.params = "levels/features.safetensors"} {
  ml_program.global private @w(#ml_program.extern<tensor<3x4xf32>>) : tensor<3x4xf32>
  func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -4.0, 4.0>})
      -> (tensor<1x3xf32> {nn.name = "decision"}, tensor<1x3xf32> {nn.name = "score"}) {
    %w = ml_program.global_load_const @w : tensor<3x4xf32>
    %0 = nn.map "tanh" %x {nn.range = array<f64: -1.0, 1.0>} : tensor<1x4xf32>
    %1 = nn.linear %0, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x4xf32>, tensor<3x4xf32>) -> tensor<1x3xf32>
    %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 4.0>} : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
    %3 = nn.map "neg" %2 {nn.range = array<f64: -4.0, 0.0>} : tensor<1x3xf32>
    %4 = nn.add %3, %1 {nn.range = array<f64: -4.0, 1.0>} : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
    %5 = nn.map "step" %4 {nn.range = array<f64: 0.0, 1.0>} : tensor<1x3xf32>
    %6 = nn.mul %5, %1 {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
    return %5, %6 : tensor<1x3xf32>, tensor<1x3xf32>
  }
}
