// RUN: zk-opt --pass-pipeline=builtin.module(check-params)
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @linear.w(#ml_program.extern : tensor<4x3xi8>) : tensor<4x3xi8>
  ml_program.global private @linear.weight(#ml_program.extern : tensor<3x4xi8>) : tensor<3x4xi8>
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}
