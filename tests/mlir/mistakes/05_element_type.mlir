// RUN: zk-opt
func.func @main(%x: tensor<4xi32>) -> tensor<4xi32> {
  %0 = nn.relu %x : tensor<4xi32>
  return %0 : tensor<4xi32>
}
