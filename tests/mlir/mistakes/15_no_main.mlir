// RUN: zk-opt --pass-pipeline=builtin.module(convert-nn-to-qnn)
func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
