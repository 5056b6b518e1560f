// a layer that leaves the model is wide
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %0 = nn.linear %x, %w bias %b {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
// -----
// a layer with a clamp, and one after it
ml_program.global private @v(#ml_program.extern : tensor<4x4xf32>) : tensor<4x4xf32>
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %v = ml_program.global_load_const @v : tensor<4x4xf32>
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %0 = nn.linear %x, %v {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 4.0>} : tensor<2x4xf32>
  %2 = nn.linear %1, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %3 = nn.relu %2 {nn.range = array<f64: 0.0, 2.0>} : tensor<2x3xf32>
  %4 = nn.map "sigmoid" %3 {nn.range = array<f64: 0.5, 0.9>} : tensor<2x3xf32>
  return %4 : tensor<2x3xf32>
}
// -----
// sums that do not fit make a coarser scale
ml_program.global private @big(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -90.0, 100.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %big = ml_program.global_load_const @big : tensor<3x4xf32>
  %0 = nn.linear %x, %big {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 1.0>} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 1.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
// -----
// what is kept at 8 bits and returned besides has a copy
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 3.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %0 = nn.linear %x, %w {nn.range = array<f64: -0.25, 0.5>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 0.5>} : tensor<2x3xf32>
  %2 = nn.mul %0, %1 {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.map "tanh" %2 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x3xf32>
  return %0, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}
// -----
// what functions read is fine
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %0 = nn.add %x, %x {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = nn.map "sigmoid" %0 {nn.range = array<f64: 0.1, 0.9>} : tensor<2x4xf32>
  %2 = nn.mul %1, %x {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = nn.map "clip" %2 parameters [-0.5, 0.5] {nn.range = array<f64: -0.5, 0.5>} : tensor<2x4xf32>
  %4 = nn.map "exp" %3 {nn.range = array<f64: 0.6, 1.7>} : tensor<2x4xf32>
  return %4 : tensor<2x4xf32>
}
// -----
// a logarithm near zero is steep
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %0 = nn.mul %x, %x {nn.range = array<f64: 0.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = nn.map "log" %0 {nn.range = array<f64: -16.0, 0.0>} : tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}
// -----
// what is moved, joined or compared has one scale
func.func @main(%x: tensor<1x2x4x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}, %r: tensor<1x2x4x4xf32> {nn.name = "r", nn.range = array<f64: 0.0, 3.0>}) -> (tensor<1x4x1x1xf32> {nn.name = "y0"}) {
  %0 = nn.max_pool %x kernel [2, 2] strides [2, 2] {nn.range = array<f64: -1.0, 1.0>} : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
  %1 = nn.pad %0 low [0, 0, 1, 0] high [0, 0, 0, 1] value 0.0 {nn.range = array<f64: -1.0, 1.0>} : tensor<1x2x2x2xf32> -> tensor<1x2x3x3xf32>
  %2 = nn.slice %r starts [0, 0, 0, 1] sizes [1, 2, 3, 3] strides [1, 1, 1, 1] {nn.range = array<f64: 0.0, 3.0>} : tensor<1x2x4x4xf32> -> tensor<1x2x3x3xf32>
  %3 = nn.concat %1, %2 axis 1 {nn.range = array<f64: -1.0, 3.0>} : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x4x3x3xf32>
  %4 = nn.relu %3 {nn.range = array<f64: 0.0, 3.0>} : tensor<1x4x3x3xf32>
  %5 = nn.avg_pool %4 kernel [3, 3] strides [1, 1] {nn.range = array<f64: 0.0, 2.0>} : tensor<1x4x3x3xf32> -> tensor<1x4x1x1xf32>
  %6 = nn.map "sigmoid" %5 {nn.range = array<f64: 0.5, 0.9>} : tensor<1x4x1x1xf32>
  return %6 : tensor<1x4x1x1xf32>
}
// -----
// the end of a residual block is rounded once
ml_program.global private @k(#ml_program.extern : tensor<2x1x3x3xf32>) : tensor<2x1x3x3xf32>
ml_program.global private @kb(#ml_program.extern : tensor<2xf32>) : tensor<2xf32>
func.func @main(%x: tensor<1x1x4x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}, %r: tensor<1x2x4x4xf32> {nn.name = "r", nn.range = array<f64: -2.0, 2.0>}) -> (tensor<1x2x4x4xf32> {nn.name = "y0"}) {
  %k = ml_program.global_load_const @k : tensor<2x1x3x3xf32>
  %kb = ml_program.global_load_const @kb : tensor<2xf32>
  %0 = nn.conv %x, %k bias %kb pads [1, 1, 1, 1] {nn.range = array<f64: -4.0, 4.0>} : (tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = nn.add %r, %0 {nn.range = array<f64: -6.0, 6.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = nn.relu %1 {nn.range = array<f64: 0.0, 6.0>} : tensor<1x2x4x4xf32>
  %3 = nn.sub %2, %r {nn.range = array<f64: -2.0, 6.0>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %4 = nn.map "sigmoid" %3 {nn.range = array<f64: 0.1, 0.9>} : tensor<1x2x4x4xf32>
  return %4 : tensor<1x2x4x4xf32>
}
// -----
// sums that comparisons alone read are as they are
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2xi64> {nn.name = "y0"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %0 = nn.linear %x, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.argmax %0 : tensor<2x3xf32> -> tensor<2xi64>
  return %1 : tensor<2xi64>
}
// -----
// 5 bits were asked for
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 5 : i64}) -> (tensor<2x3xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %0 = nn.linear %x, %w bias %b {nn.range = array<f64: -2.0, 2.0>, nn.bits = 5 : i64} : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 2.0>, nn.bits = 5 : i64} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 4.0>, nn.bits = 5 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.sub %2, %1 {nn.range = array<f64: -1.0, 4.0>, nn.bits = 5 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = nn.map "sigmoid" %3 {nn.range = array<f64: 0.2, 1.0>, nn.bits = 5 : i64} : tensor<2x3xf32>
  return %4, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}
// -----
// 8 bits were asked for
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 8 : i64}) -> (tensor<2x3xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %0 = nn.linear %x, %w bias %b {nn.range = array<f64: -2.0, 2.0>, nn.bits = 8 : i64} : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 2.0>, nn.bits = 8 : i64} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 4.0>, nn.bits = 8 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.sub %2, %1 {nn.range = array<f64: -1.0, 4.0>, nn.bits = 8 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = nn.map "sigmoid" %3 {nn.range = array<f64: 0.2, 1.0>, nn.bits = 8 : i64} : tensor<2x3xf32>
  return %4, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}
// -----
// 10 bits were asked for
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 10 : i64}) -> (tensor<2x3xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %0 = nn.linear %x, %w bias %b {nn.range = array<f64: -2.0, 2.0>, nn.bits = 10 : i64} : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 2.0>, nn.bits = 10 : i64} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 4.0>, nn.bits = 10 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.sub %2, %1 {nn.range = array<f64: -1.0, 4.0>, nn.bits = 10 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = nn.map "sigmoid" %3 {nn.range = array<f64: 0.2, 1.0>, nn.bits = 10 : i64} : tensor<2x3xf32>
  return %4, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}
// -----
// 12 bits were asked for
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 12 : i64}) -> (tensor<2x3xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %0 = nn.linear %x, %w bias %b {nn.range = array<f64: -2.0, 2.0>, nn.bits = 12 : i64} : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 2.0>, nn.bits = 12 : i64} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 4.0>, nn.bits = 12 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.sub %2, %1 {nn.range = array<f64: -1.0, 4.0>, nn.bits = 12 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = nn.map "sigmoid" %3 {nn.range = array<f64: 0.2, 1.0>, nn.bits = 12 : i64} : tensor<2x3xf32>
  return %4, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}
// -----
// 13 bits were asked for
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 13 : i64}) -> (tensor<2x3xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %0 = nn.linear %x, %w bias %b {nn.range = array<f64: -2.0, 2.0>, nn.bits = 13 : i64} : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 2.0>, nn.bits = 13 : i64} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 4.0>, nn.bits = 13 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.sub %2, %1 {nn.range = array<f64: -1.0, 4.0>, nn.bits = 13 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = nn.map "sigmoid" %3 {nn.range = array<f64: 0.2, 1.0>, nn.bits = 13 : i64} : tensor<2x3xf32>
  return %4, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}
// -----
// 16 bits were asked for
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 16 : i64}) -> (tensor<2x3xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %0 = nn.linear %x, %w bias %b {nn.range = array<f64: -2.0, 2.0>, nn.bits = 16 : i64} : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 2.0>, nn.bits = 16 : i64} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 4.0>, nn.bits = 16 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.sub %2, %1 {nn.range = array<f64: -1.0, 4.0>, nn.bits = 16 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = nn.map "sigmoid" %3 {nn.range = array<f64: 0.2, 1.0>, nn.bits = 16 : i64} : tensor<2x3xf32>
  return %4, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}
// -----
// products of many bits, of which nothing was said
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 16 : i64}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -1.0, 1.0>, nn.bits = 16 : i64}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %0 = nn.mul %x, %z {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = nn.map "tanh" %0 {nn.range = array<f64: -0.8, 0.8>} : tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}
// -----
// features that reach very differently far, and tests of them
ml_program.global private @one(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1000.0, 1000.0>, nn.reach = array<f64: 1000.0, 1.0, 0.5, 20.0>}) -> (tensor<1x3xf32> {nn.name = "y0"}) {
  %one = ml_program.global_load_const @one : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %0 = nn.linear %x, %one {nn.range = array<f64: -1000.0, 1000.0>} : (tensor<1x4xf32>, tensor<3x4xf32>) -> tensor<1x3xf32>
  %1 = nn.sub %0, %b {nn.range = array<f64: -1000.0, 1000.0>} : (tensor<1x3xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  %2 = nn.map "step" %1 {nn.range = array<f64: 0.0, 1.0>} : tensor<1x3xf32>
  return %2 : tensor<1x3xf32>
}
// -----
// features that a layer reads
ml_program.global private @pos(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1000.0, 1000.0>, nn.reach = array<f64: 1000.0, 1.0, 0.5, 20.0>}) -> (tensor<1x3xf32> {nn.name = "y0"}) {
  %pos = ml_program.global_load_const @pos : tensor<4xf32>
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %0 = nn.mul %x, %pos {nn.range = array<f64: -3.0, 3.0>} : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  %1 = nn.linear %0, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x4xf32>, tensor<3x4xf32>) -> tensor<1x3xf32>
  %2 = nn.relu %1 {nn.range = array<f64: 0.0, 2.0>} : tensor<1x3xf32>
  return %2 : tensor<1x3xf32>
}
// -----
// tests of a value that is scaled
ml_program.global private @pos(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
ml_program.global private @one(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: 0.0, 7.0>}) -> (tensor<1x3xf32> {nn.name = "y0"}) {
  %pos = ml_program.global_load_const @pos : tensor<4xf32>
  %one = ml_program.global_load_const @one : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %s = nn.mul %x, %pos {nn.range = array<f64: 0.0, 9.0>} : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  %0 = nn.linear %s, %one {nn.range = array<f64: -9.0, 9.0>} : (tensor<1x4xf32>, tensor<3x4xf32>) -> tensor<1x3xf32>
  %1 = nn.sub %0, %b {nn.range = array<f64: -9.0, 9.0>} : (tensor<1x3xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  %2 = nn.map "step" %1 {nn.range = array<f64: 0.0, 1.0>} : tensor<1x3xf32>
  return %2 : tensor<1x3xf32>
}
// -----
// a grid that the model states
ml_program.global private @small(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %small = ml_program.global_load_const @small : tensor<3x4xf32>
  %0 = nn.map "fake_quantize" %x parameters [0.015625, -64.0, 63.0] {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %1 = nn.linear %0, %small {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %2 = nn.map "fake_quantize" %1 parameters [0.03125, -128.0, 127.0] {nn.range = array<f64: -2.0, 2.0>} : tensor<2x3xf32>
  %3 = nn.relu %2 {nn.range = array<f64: 0.0, 2.0>} : tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}
// -----
// a large grid
ml_program.global private @small(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %small = ml_program.global_load_const @small : tensor<3x4xf32>
  %0 = nn.map "fake_quantize" %x parameters [0.001, -3000.0, 3000.0] {nn.range = array<f64: -3.0, 3.0>} : tensor<2x4xf32>
  %1 = nn.linear %0, %small {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %3 = nn.relu %1 {nn.range = array<f64: 0.0, 2.0>} : tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}
// -----
// what calibration never saw but as zero reaches as far as it may
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: 0.0, 0.0>}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -2.0, 2.0>}) -> (tensor<4x2xf32> {nn.name = "y0"}, tensor<2x4xf32> {nn.name = "y1"}) {
  %0 = nn.mul %x, %z {nn.range = array<f64: 0.0, 0.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = nn.add %0, %z {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = nn.transpose %0 perm [1, 0] {nn.range = array<f64: 0.0, 0.0>} : tensor<2x4xf32> -> tensor<4x2xf32>
  %3 = nn.map "sigmoid" %2 {nn.range = array<f64: 0.5, 0.5>} : tensor<4x2xf32>
  %4 = nn.map "sigmoid" %1 {nn.range = array<f64: 0.1, 0.9>} : tensor<2x4xf32>
  return %3, %4 : tensor<4x2xf32>, tensor<2x4xf32>
}
// -----
// a softmax and the product with its shares
ml_program.global private @m(#ml_program.extern : tensor<4x4xf32>) : tensor<4x4xf32>
func.func @main(%q: tensor<4x4xf32> {nn.name = "q", nn.range = array<f64: -2.0, 2.0>}, %c: tensor<4x4xf32> {nn.name = "c", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<4x4xf32> {nn.name = "y0"}) {
  %m = ml_program.global_load_const @m : tensor<4x4xf32>
  %0 = nn.matmul %q, %c {nn.range = array<f64: -20.0, 20.0>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.softmax %0 mask %m {nn.range = array<f64: 0.0, 1.0>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.matmul %1, %c {nn.range = array<f64: -3.0, 3.0>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = nn.add %2, %q {nn.range = array<f64: -4.0, 4.0>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %3 : tensor<4x4xf32>
}
// -----
// normalizations, and what is added to them
ml_program.global private @pos(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
ml_program.global private @v(#ml_program.extern : tensor<4x4xf32>) : tensor<4x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -2.0, 2.0>}, %r: tensor<2x4xf32> {nn.name = "r", nn.range = array<f64: -50.0, 60.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}, tensor<2x4xf32> {nn.name = "y1"}) {
  %pos = ml_program.global_load_const @pos : tensor<4xf32>
  %v = ml_program.global_load_const @v : tensor<4x4xf32>
  %a = nn.add %x, %r {nn.range = array<f64: -52.0, 62.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %0 = nn.norm %a centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.9>} : tensor<2x4xf32>
  %1 = nn.mul %0, %pos {nn.range = array<f64: -3.0, 3.0>} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %2 = nn.linear %1, %v {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %3 = nn.add %2, %a {nn.range = array<f64: -55.0, 65.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %4 = nn.norm %3 epsilon 1.0e-3 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %5 = nn.map "gelu" %4 {nn.range = array<f64: -0.2, 1.0>} : tensor<2x4xf32>
  return %5, %3 : tensor<2x4xf32>, tensor<2x4xf32>
}
// -----
// two layers of very different sums share no shift
ml_program.global private @wide(#ml_program.extern : tensor<4x64xf32>) : tensor<4x64xf32>
ml_program.global private @big(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x64xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %wide = ml_program.global_load_const @wide : tensor<4x64xf32>
  %big = ml_program.global_load_const @big : tensor<3x4xf32>
  %0 = nn.linear %x, %wide {nn.range = array<f64: -0.01, 0.01>} : (tensor<2x64xf32>, tensor<4x64xf32>) -> tensor<2x4xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 0.01>} : tensor<2x4xf32>
  %2 = nn.linear %1, %big {nn.range = array<f64: -900.0, 900.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %3 = nn.relu %2 {nn.range = array<f64: 0.0, 900.0>} : tensor<2x3xf32>
  %4 = nn.mul %3, %3 {nn.range = array<f64: 0.0, 810000.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %5 = nn.map "sigmoid" %4 {nn.range = array<f64: 0.5, 1.0>} : tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}
// -----
// rows that are looked up, and compared in a precise model
ml_program.global private @t(#ml_program.extern : tensor<6x4xf32>) : tensor<6x4xf32>
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%ids: tensor<1x2xi64> {nn.name = "ids"}) -> (tensor<1x2xi64> {nn.name = "y0"}) {
  %t = ml_program.global_load_const @t : tensor<6x4xf32>
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %0 = nn.embedding %t, %ids {nn.range = array<f64: -2.0, 2.0>} : (tensor<6x4xf32>, tensor<1x2xi64>) -> tensor<1x2x4xf32>
  %1 = nn.norm %0 centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<1x2x4xf32>
  %2 = nn.linear %1, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x2x4xf32>, tensor<3x4xf32>) -> tensor<1x2x3xf32>
  %3 = nn.argmax %2 : tensor<1x2x3xf32> -> tensor<1x2xi64>
  return %3 : tensor<1x2xi64>
}
// -----
// a weight that activations are added to, negative or not
ml_program.global private @pos(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
ml_program.global private @neg(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: 0.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %pos = ml_program.global_load_const @pos : tensor<4xf32>
  %neg = ml_program.global_load_const @neg : tensor<4xf32>
  %0 = nn.add %x, %pos {nn.range = array<f64: 0.0, 2.0>} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 2.0>} : tensor<2x4xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 4.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = nn.sub %2, %neg {nn.range = array<f64: -1.0, 4.0>} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %4 = nn.map "tanh" %3 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  return %4 : tensor<2x4xf32>
}
