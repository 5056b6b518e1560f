// RUN: zk-opt --pass-pipeline=builtin.module(check-params)
module attributes {tessera.params = "weights.safetensors"} {
  ml_program.global private @w(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}
