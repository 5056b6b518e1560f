// Rows of a table by indices.
module attributes {tessera.params = "levels/embedding.safetensors"} {
  ml_program.global private @table(#ml_program.extern<tensor<7x4xf32>>) : tensor<7x4xf32>
  func.func @main(%ids: tensor<1x5xi64> {nn.name = "ids"}) -> (tensor<1x5x4xf32> {nn.name = "y"}) {
    %t = ml_program.global_load_const @table : tensor<7x4xf32>
    %0 = nn.embedding %t, %ids {nn.range = array<f64: -1.0, 1.0>} : (tensor<7x4xf32>, tensor<1x5xi64>) -> tensor<1x5x4xf32>
    return %0 : tensor<1x5x4xf32>
  }
}
