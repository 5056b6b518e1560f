// What moves data without computing has no table of its own: here something computes beside it.
func.func @main(%x: tensor<1x4x6x6xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>})
    -> (tensor<1x4x4x8xf32> {nn.name = "y"}) {
  %0 = nn.pad %x low [0, 0, 1, 2] high [0, 0, 0, 0] value 0.0 {nn.range = array<f64: -1.0, 1.0>}
    : tensor<1x4x6x6xf32> -> tensor<1x4x7x8xf32>
  %1 = nn.slice %0 starts [0, 0, 0, 0] sizes [1, 4, 4, 8] strides [1, 1, 2, 1] {nn.range = array<f64: -1.0, 1.0>}
    : tensor<1x4x7x8xf32> -> tensor<1x4x4x8xf32>
  %2 = nn.relu %1 {nn.range = array<f64: 0.0, 1.0>} : tensor<1x4x4x8xf32>
  return %2 : tensor<1x4x4x8xf32>
}
