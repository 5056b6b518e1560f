// Rows of tables by indices: of a short one, and of a long one.
module attributes {tessera.params = "levels/embedding.safetensors"} {
  ml_program.global private @table(#ml_program.extern<tensor<7x4xf32>>) : tensor<7x4xf32>
  ml_program.global private @long(#ml_program.extern<tensor<43x2xf32>>) : tensor<43x2xf32>
  func.func @main(%ids: tensor<1x5xi64> {nn.name = "ids"}, %others: tensor<1x5xi64> {nn.name = "others"}) -> (tensor<1x5x4xf32> {nn.name = "y"}, tensor<1x5x2xf32> {nn.name = "z"}) {
    %t = ml_program.global_load_const @table : tensor<7x4xf32>
    %0 = nn.embedding %t, %ids {nn.range = array<f64: -1.0, 1.0>} : (tensor<7x4xf32>, tensor<1x5xi64>) -> tensor<1x5x4xf32>
    %u = ml_program.global_load_const @long : tensor<43x2xf32>
    %1 = nn.embedding %u, %others {nn.range = array<f64: -1.0, 1.0>} : (tensor<43x2xf32>, tensor<1x5xi64>) -> tensor<1x5x2xf32>
    return %0, %1 : tensor<1x5x4xf32>, tensor<1x5x2xf32>
  }
}
