// Operands that cannot be read as they are stored: rows that are normalized are added up, normalized again, and read by a function; a
// concatenation with constants of what reaches far and of what does not, and is read elsewhere; a logarithm next to zero.
module attributes {tessera.params = "levels/separate.safetensors"} {
  ml_program.global private @known(#ml_program.extern<tensor<1x1x4xf32>>) : tensor<1x1x4xf32>
  func.func @main(%x: tensor<1x2x4xf32> {nn.name = "x", nn.range = array<f64: -2.0, 2.0>})
      -> (tensor<1x2x4xf32> {nn.name = "y"}, tensor<1x5x4xf32> {nn.name = "z"}, tensor<1x2x4xf32> {nn.name = "l"}) {
    %known = ml_program.global_load_const @known : tensor<1x1x4xf32>
    %n = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -2.0, 2.0>} : tensor<1x2x4xf32>
    %s = nn.add %n, %x {nn.range = array<f64: -4.0, 4.0>} : (tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
    %m = nn.norm %s centred epsilon 1.0e-5 {nn.range = array<f64: -2.0, 2.0>} : tensor<1x2x4xf32>
    %t = nn.map "tanh" %s {nn.range = array<f64: -1.0, 1.0>} : tensor<1x2x4xf32>
    %y = nn.mul %t, %m {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
    %g = nn.map "sigmoid" %x {nn.range = array<f64: 0.0, 1.0>} : tensor<1x2x4xf32>
    %f = nn.mul %x, %x {nn.range = array<f64: 0.0, 8.0>} : (tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
    %z = nn.concat %known, %g, %f axis 1 {nn.range = array<f64: 0.0, 8.0>}
      : (tensor<1x1x4xf32>, tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<1x5x4xf32>
    %l = nn.map "log" %g {nn.range = array<f64: -3.0, 0.0>} : tensor<1x2x4xf32>
    return %y, %z, %l : tensor<1x2x4xf32>, tensor<1x5x4xf32>, tensor<1x2x4xf32>
  }
}
