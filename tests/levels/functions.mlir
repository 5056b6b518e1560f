// Functions of sums and of functions: a table each, one lookup for what is requantized and what is looked up.
func.func @main(%x: tensor<1x64xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>})
    -> (tensor<1x64xf32> {nn.name = "a"}, tensor<1x64xf32> {nn.name = "b"}, tensor<1x64xf32> {nn.name = "c"},
        tensor<1x64xf32> {nn.name = "d"}, tensor<1x64xf32> {nn.name = "e"}) {
  %0 = nn.add %x, %x {nn.range = array<f64: -6.0, 6.0>} : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
  %1 = nn.map "sigmoid" %0 {nn.range = array<f64: 0.0, 1.0>} : tensor<1x64xf32>
  %2 = nn.map "gelu" %0 {nn.range = array<f64: -0.17, 6.0>} : tensor<1x64xf32>
  %3 = nn.mul %1, %2 {nn.range = array<f64: -0.2, 6.0>} : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
  %4 = nn.map "clip" %3 parameters [0.0, 2.0] {nn.range = array<f64: 0.0, 2.0>} : tensor<1x64xf32>
  %5 = nn.map "leaky_relu" %x parameters [0.25] {nn.range = array<f64: -0.75, 3.0>} : tensor<1x64xf32>
  %6 = nn.map "tanh" %5 {nn.range = array<f64: -0.64, 1.0>} : tensor<1x64xf32>
  %7 = nn.map "neg" %x {nn.range = array<f64: -3.0, 3.0>} : tensor<1x64xf32>
  %8 = nn.map "silu" %x {nn.range = array<f64: -0.28, 2.9>} : tensor<1x64xf32>
  %9 = nn.relu %8 {nn.range = array<f64: 0.0, 2.9>} : tensor<1x64xf32>
  return %4, %6, %7, %9, %2
    : tensor<1x64xf32>, tensor<1x64xf32>, tensor<1x64xf32>, tensor<1x64xf32>, tensor<1x64xf32>
}
