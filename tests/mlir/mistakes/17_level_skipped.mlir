// RUN: zk-opt --pass-pipeline=builtin.module(convert-qnn-to-circuit)
func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x4xf32> {nn.name = "y"}) {
  %0 = nn.relu %x : tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}
