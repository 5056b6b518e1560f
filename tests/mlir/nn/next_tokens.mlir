// RUN: zk-opt --pass-pipeline=builtin.module(nn-next-tokens{first=2})

// Scores of the last two of four positions are compared.
ml_program.global private @table(#ml_program.extern : tensor<8x8xf32>) : tensor<8x8xf32>
func.func @main(%ids: tensor<1x4xi64> {nn.name = "ids"}) -> (tensor<1x4x8xf32> {nn.name = "logits"}) {
  %table = ml_program.global_load_const @table : tensor<8x8xf32>
  %0 = nn.embedding %table, %ids : (tensor<8x8xf32>, tensor<1x4xi64>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}

// -----

// Two results are none of a model of tokens.
ml_program.global private @table(#ml_program.extern : tensor<8x8xf32>) : tensor<8x8xf32>
func.func @main(%ids: tensor<4xi64> {nn.name = "ids"}) -> (tensor<4x8xf32> {nn.name = "a"}, tensor<4x8xf32> {nn.name = "b"}) {
  %table = ml_program.global_load_const @table : tensor<8x8xf32>
  %0 = nn.embedding %table, %ids : (tensor<8x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>
  return %0, %0 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// A picture is no text.
func.func @main(%x: tensor<4x8xf32> {nn.name = "x"}) -> (tensor<4x8xf32> {nn.name = "y"}) {
  %0 = nn.relu %x : tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// One row of scores for four positions.
ml_program.global private @table(#ml_program.extern : tensor<8x8xf32>) : tensor<8x8xf32>
func.func @main(%ids: tensor<1x4xi64> {nn.name = "ids"}) -> (tensor<1x32xf32> {nn.name = "logits"}) {
  %table = ml_program.global_load_const @table : tensor<8x8xf32>
  %0 = nn.embedding %table, %ids : (tensor<8x8xf32>, tensor<1x4xi64>) -> tensor<1x4x8xf32>
  %1 = nn.reshape %0 : tensor<1x4x8xf32> -> tensor<1x32xf32>
  return %1 : tensor<1x32xf32>
}

// -----

// Layers behind the last mixing of positions are computed for those that count.
ml_program.global private @table(#ml_program.extern : tensor<8x8xf32>) : tensor<8x8xf32>
ml_program.global private @head(#ml_program.extern : tensor<6x8xf32>) : tensor<6x8xf32>
func.func @main(%ids: tensor<1x4xi64> {nn.name = "ids"}) -> (tensor<1x4x6xf32> {nn.name = "logits"}) {
  %table = ml_program.global_load_const @table : tensor<8x8xf32>
  %head = ml_program.global_load_const @head : tensor<6x8xf32>
  %0 = nn.embedding %table, %ids : (tensor<8x8xf32>, tensor<1x4xi64>) -> tensor<1x4x8xf32>
  %1 = nn.reshape %0 : tensor<1x4x8xf32> -> tensor<4x8xf32>
  %2 = nn.linear %1, %head : (tensor<4x8xf32>, tensor<6x8xf32>) -> tensor<4x6xf32>
  %3 = nn.reshape %2 : tensor<4x6xf32> -> tensor<1x4x6xf32>
  return %3 : tensor<1x4x6xf32>
}
