// RUN: zk-opt --patterns=mistakes/30_patterns_call.pdll
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.relu %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
