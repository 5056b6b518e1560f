// Features that reach very differently far: compared with numbers, brought to zero mean and one deviation, and read by a layer.
module attributes {tessera.params = "levels/features.safetensors"} {
  ml_program.global private @one(#ml_program.extern<tensor<4x4xf32>>) : tensor<4x4xf32>
  ml_program.global private @thresholds(#ml_program.extern<tensor<1x4xf32>>) : tensor<1x4xf32>
  ml_program.global private @mean(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
  ml_program.global private @factor(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
  ml_program.global private @w(#ml_program.extern<tensor<3x4xf32>>) : tensor<3x4xf32>
  func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: 0.0, 1000.0>, nn.reach = array<f64: 1000.0, 30.0, 1.0, 0.01>})
      -> (tensor<1x4xf32> {nn.name = "tests"}, tensor<1x4xf32> {nn.name = "scaled"}, tensor<1x3xf32> {nn.name = "layer"}) {
    %one = ml_program.global_load_const @one : tensor<4x4xf32>
    %thresholds = ml_program.global_load_const @thresholds : tensor<1x4xf32>
    %mean = ml_program.global_load_const @mean : tensor<4xf32>
    %factor = ml_program.global_load_const @factor : tensor<4xf32>
    %w = ml_program.global_load_const @w : tensor<3x4xf32>
    %0 = nn.linear %x, %one {nn.range = array<f64: 0.0, 1000.0>} : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32>
    %1 = nn.sub %0, %thresholds {nn.range = array<f64: -500.0, 500.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
    %2 = nn.map "step" %1 {nn.range = array<f64: 0.0, 1.0>} : tensor<1x4xf32>
    %3 = nn.sub %x, %mean {nn.range = array<f64: -500.0, 500.0>} : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
    %4 = nn.mul %3, %factor {nn.range = array<f64: -4.0, 4.0>} : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
    %5 = nn.relu %4 {nn.range = array<f64: 0.0, 4.0>} : tensor<1x4xf32>
    %6 = nn.linear %x, %w {nn.range = array<f64: -3.0, 3.0>} : (tensor<1x4xf32>, tensor<3x4xf32>) -> tensor<1x3xf32>
    %7 = nn.relu %6 {nn.range = array<f64: 0.0, 3.0>} : tensor<1x3xf32>
    return %2, %5, %7 : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x3xf32>
  }
}
