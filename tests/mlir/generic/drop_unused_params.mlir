// RUN: zk-opt --pass-pipeline=builtin.module(drop-unused-params) --mlir-pass-statistics

// One of two parameters is read.
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @unused(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

// Nothing is declared, so nothing changes.
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
