// RUN: zk-opt --pass-pipeline=builtin.module(convert-nn-to-qnn)
func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x4xf32> {nn.name = "y"}) {
  %0 = nn.add %x, %x : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32> loc("add1")
  return %0 : tensor<1x4xf32>
}
