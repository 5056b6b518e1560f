// Bits that were chosen for tensors: an input of 14, sums of 8, 10 and 12 in two limbs and of 16 in three, weights of 12, a table of 12
// bits, and outputs that are exact, or of bits that were chosen.
module attributes {tessera.params = "levels/bits.safetensors"} {
  ml_program.global private @w(#ml_program.extern<tensor<8x8xf32>>) : tensor<8x8xf32>
  func.func @main(%x: tensor<1x8xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 14})
      -> (tensor<1x8xf32> {nn.name = "y"}, tensor<1x8xf32> {nn.name = "z"}, tensor<1x8xf32> {nn.name = "t"}) {
    %w = ml_program.global_load_const @w : tensor<8x8xf32>
    %0 = nn.linear %x, %w {nn.weight_bits = 12} : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
    %1 = nn.relu %0 {nn.range = array<f64: 0.0, 0.02>, nn.bits = 16} : tensor<1x8xf32>
    %2 = nn.linear %1, %w {nn.range = array<f64: -0.02, 0.02>, nn.bits = 10} : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
    %3 = nn.map "tanh" %2 {nn.range = array<f64: -0.02, 0.02>, nn.bits = 12} : tensor<1x8xf32>
    %4 = nn.linear %3, %w {nn.range = array<f64: -0.05, 0.05>, nn.bits = 12} : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
    %5 = nn.relu %4 {nn.range = array<f64: 0.0, 0.05>, nn.bits = 12} : tensor<1x8xf32>
    %6 = nn.linear %5, %w {nn.range = array<f64: -0.05, 0.05>, nn.bits = 16} : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
    %7 = nn.add %5, %1 {nn.range = array<f64: 0.0, 0.07>} : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
    return %6, %7, %1 : tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>
  }
}
