// RUN: zk-opt --pass-pipeline=builtin.module(nn-calibrate)
module attributes {tessera.samples = "mistakes/25_patterns_broken.pdll"} {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}
