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
// -----
// a product with one number is that of the sums
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @two(#ml_program.extern : tensor<1xf32>) : tensor<1xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %two = ml_program.global_load_const @two : tensor<1xf32>
  %0 = nn.linear %x, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.mul %0, %two {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x3xf32>, tensor<1xf32>) -> tensor<2x3xf32>
  %2 = nn.map "tanh" %1 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
// -----
// the same of sums that leave the model
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
ml_program.global private @two(#ml_program.extern : tensor<1xf32>) : tensor<1xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %two = ml_program.global_load_const @two : tensor<1xf32>
  %0 = nn.linear %x, %w bias %b {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = nn.mul %0, %two {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x3xf32>, tensor<1xf32>) -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}
// -----
// and where sums are exact
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @two(#ml_program.extern : tensor<1xf32>) : tensor<1xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %two = ml_program.global_load_const @two : tensor<1xf32>
  %n = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<2x4xf32>
  %0 = nn.linear %n, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.mul %0, %two {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x3xf32>, tensor<1xf32>) -> tensor<2x3xf32>
  %2 = nn.linear %n, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %3 = nn.mul %2, %two {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x3xf32>, tensor<1xf32>) -> tensor<2x3xf32>
  %4 = nn.map "gelu" %3 {nn.range = array<f64: -0.2, 4.0>} : tensor<2x3xf32>
  return %1, %4 : tensor<2x3xf32>, tensor<2x3xf32>
}
// -----
// sums that may grow beyond all bounds are clamped
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -50.0, 60.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %a1 = nn.add %x, %x {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a2 = nn.add %a1, %a1 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a3 = nn.add %a2, %a2 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a4 = nn.add %a3, %a3 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a5 = nn.add %a4, %a4 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a6 = nn.add %a5, %a5 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a7 = nn.add %a6, %a6 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a8 = nn.add %a7, %a7 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a9 = nn.add %a8, %a8 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a10 = nn.add %a9, %a9 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a11 = nn.add %a10, %a10 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a12 = nn.add %a11, %a11 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a13 = nn.add %a12, %a12 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a14 = nn.add %a13, %a13 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a15 = nn.add %a14, %a14 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a16 = nn.add %a15, %a15 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a17 = nn.add %a16, %a16 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a18 = nn.add %a17, %a17 {nn.range = array<f64: -50.0, 60.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %n = nn.norm %a18 centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.9>} : tensor<2x4xf32>
  %g = nn.map "gelu" %n {nn.range = array<f64: -0.2, 2.0>} : tensor<2x4xf32>
  return %g : tensor<2x4xf32>
}
// -----
// a mean of normalized rows, which is next to nothing, has steps that let 32 bits hold what it may be
func.func @main(%x: tensor<1x2x2x2xf32> {nn.name = "x", nn.range = array<f64: 0.0, 1.0>}) -> (tensor<1x2x1x1xf32> {nn.name = "y0"}) {
  %f = nn.reshape %x {nn.range = array<f64: 0.0, 1.0>} : tensor<1x2x2x2xf32> -> tensor<2x4xf32>
  %n = nn.norm %f centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.9>} : tensor<2x4xf32>
  %i = nn.reshape %n {nn.range = array<f64: -1.5, 1.9>} : tensor<2x4xf32> -> tensor<1x2x2x2xf32>
  %m = nn.avg_pool %i kernel [2, 2] strides [1, 1] {nn.range = array<f64: -1.0e-8, 1.0e-8>} : tensor<1x2x2x2xf32> -> tensor<1x2x1x1xf32>
  return %m : tensor<1x2x1x1xf32>
}
// -----
// what is taken away has the other ends
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -2.0, 2.0>}, %r: tensor<2x4xf32> {nn.name = "r", nn.range = array<f64: -3.0, 5.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %p = nn.relu %r {nn.range = array<f64: 0.0, 5.0>} : tensor<2x4xf32>
  %d = nn.sub %x, %p {nn.range = array<f64: -7.0, 2.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %n = nn.norm %d centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.9>} : tensor<2x4xf32>
  %e = nn.add %x, %p {nn.range = array<f64: -2.0, 7.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %o = nn.norm %e centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.9>} : tensor<2x4xf32>
  %f = nn.add %n, %o {nn.range = array<f64: -3.0, 3.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %f : tensor<2x4xf32>
}
// -----
// what clamps leave of exact sums
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %n = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<2x4xf32>
  %0 = nn.linear %n, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 2.0>} : tensor<2x3xf32>
  %2 = nn.linear %n, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %3 = nn.map "clip" %2 parameters [-2.0, 0.0] {nn.range = array<f64: -2.0, 0.0>} : tensor<2x3xf32>
  return %1, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}
// -----
// what clamps leave of others
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %0 = nn.linear %x, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.map "clip" %0 parameters [-2.0, 0.0] {nn.range = array<f64: -2.0, 0.0>} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 4.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.map "tanh" %2 {nn.range = array<f64: 0.0, 1.0>} : tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}
// -----
// a scale that is somewhat coarser
ml_program.global private @big(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -90.0, 100.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %big = ml_program.global_load_const @big : tensor<3x4xf32>
  %0 = nn.linear %x, %big {nn.range = array<f64: -1.0, 90000.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 90.0>} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 8100.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
// -----
// a grid of 0 to 255
ml_program.global private @small(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %small = ml_program.global_load_const @small : tensor<3x4xf32>
  %0 = nn.map "fake_quantize" %x parameters [0.01, 0.0, 255.0] {nn.range = array<f64: 0.0, 2.55>} : tensor<2x4xf32>
  %1 = nn.linear %0, %small {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %2 = nn.relu %1 {nn.range = array<f64: 0.0, 2.0>} : tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
// -----
// a grid of -100 to 128
ml_program.global private @small(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %small = ml_program.global_load_const @small : tensor<3x4xf32>
  %0 = nn.map "fake_quantize" %x parameters [0.01, -100.0, 128.0] {nn.range = array<f64: -1.0, 1.28>} : tensor<2x4xf32>
  %1 = nn.linear %0, %small {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %2 = nn.relu %1 {nn.range = array<f64: 0.0, 2.0>} : tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
// -----
// a grid of -129 to 100
ml_program.global private @small(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %small = ml_program.global_load_const @small : tensor<3x4xf32>
  %0 = nn.map "fake_quantize" %x parameters [0.01, -129.0, 100.0] {nn.range = array<f64: -1.29, 1.0>} : tensor<2x4xf32>
  %1 = nn.linear %0, %small {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %2 = nn.relu %1 {nn.range = array<f64: 0.0, 2.0>} : tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
// -----
// a grid of -128 to 127
ml_program.global private @small(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %small = ml_program.global_load_const @small : tensor<3x4xf32>
  %0 = nn.map "fake_quantize" %x parameters [0.01, -128.0, 127.0] {nn.range = array<f64: -1.28, 1.27>} : tensor<2x4xf32>
  %1 = nn.linear %0, %small {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %2 = nn.relu %1 {nn.range = array<f64: 0.0, 2.0>} : tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
// -----
// normalized rows that reach about as far, and some that do not
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -2.0, 2.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %a = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<2x4xf32>
  %c = nn.norm %x epsilon 1.0e-5 {nn.range = array<f64: -2.6, 3.0>} : tensor<2x4xf32>
  %e = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -0.3, 0.3>} : tensor<2x4xf32>
  %0 = nn.linear %a, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.linear %c, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %2 = nn.linear %e, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %3 = nn.add %0, %1 {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = nn.add %3, %2 {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %4 : tensor<2x3xf32>
}
// -----
// a scale that grows after it was read
ml_program.global private @small(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @big(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -90.0, 100.0>}) -> (tensor<2x6xf32> {nn.name = "y0"}, tensor<2x3xf32> {nn.name = "y1"}) {
  %small = ml_program.global_load_const @small : tensor<3x4xf32>
  %big = ml_program.global_load_const @big : tensor<3x4xf32>
  %0 = nn.linear %x, %small {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 1.0>} : tensor<2x3xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 1.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = nn.relu %2 {nn.range = array<f64: 0.0, 1.0>} : tensor<2x3xf32>
  %4 = nn.linear %x, %big {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %5 = nn.relu %4 {nn.range = array<f64: 0.0, 1.0>} : tensor<2x3xf32>
  %6 = nn.concat %1, %5 axis 1 {nn.range = array<f64: 0.0, 1.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x6xf32>
  %7 = nn.mul %6, %6 {nn.range = array<f64: 0.0, 1.0>} : (tensor<2x6xf32>, tensor<2x6xf32>) -> tensor<2x6xf32>
  %8 = nn.map "tanh" %7 {nn.range = array<f64: 0.0, 1.0>} : tensor<2x6xf32>
  %9 = nn.mul %3, %3 {nn.range = array<f64: 0.0, 1.0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %10 = nn.map "tanh" %9 {nn.range = array<f64: 0.0, 1.0>} : tensor<2x3xf32>
  return %8, %10 : tensor<2x6xf32>, tensor<2x3xf32>
}
// -----
// sums, copies and products of what was zero
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: 0.0, 0.0>}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -3.0, 2.0>}) -> (tensor<4x2xf32> {nn.name = "y0"}, tensor<2x4xf32> {nn.name = "y1"}) {
  %t = nn.transpose %x perm [1, 0] {nn.range = array<f64: 0.0, 0.0>} : tensor<2x4xf32> -> tensor<4x2xf32>
  %s = nn.add %t, %t {nn.range = array<f64: 0.0, 0.0>} : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %u = nn.sub %s, %t {nn.range = array<f64: 0.0, 0.0>} : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a = nn.add %x, %z {nn.range = array<f64: -3.0, 2.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %p = nn.mul %a, %x {nn.range = array<f64: 0.0, 0.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %q = nn.map "tanh" %p {nn.range = array<f64: 0.0, 0.0>} : tensor<2x4xf32>
  %r = nn.add %q, %q {nn.range = array<f64: 0.0, 0.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %k = nn.mul %r, %z {nn.range = array<f64: 0.0, 0.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %l = nn.map "tanh" %u {nn.range = array<f64: 0.0, 0.0>} : tensor<4x2xf32>
  %o = nn.map "tanh" %k {nn.range = array<f64: 0.0, 0.0>} : tensor<2x4xf32>
  return %l, %o : tensor<4x2xf32>, tensor<2x4xf32>
}
// -----
// an exponential that reaches far is not steep
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %0 = nn.linear %x, %w {nn.range = array<f64: -1.0, 7.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.map "exp" %0 {nn.range = array<f64: 0.36, 1096.0>} : tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}
// -----
// a root of small numbers is steep
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: 0.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %0 = nn.mul %x, %x {nn.range = array<f64: 0.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = nn.map "sqrt" %0 {nn.range = array<f64: 0.0, 1.0>} : tensor<2x4xf32>
  %2 = nn.mul %1, %x {nn.range = array<f64: 0.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = nn.map "reciprocal" %2 {nn.range = array<f64: 1.0, 1000.0>} : tensor<2x4xf32>
  return %3 : tensor<2x4xf32>
}
// -----
// numbers of a sign, and of none
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
ml_program.global private @minus(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 8 : i64}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %minus = ml_program.global_load_const @minus : tensor<3xf32>
  %0 = nn.linear %x, %w {nn.range = array<f64: -2.0, 2.0>, nn.bits = 8 : i64} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.relu %0 {nn.range = array<f64: 0.0, 2.0>, nn.bits = 8 : i64} : tensor<2x3xf32>
  %2 = nn.add %1, %b {nn.range = array<f64: -1.0, 3.0>, nn.bits = 8 : i64} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %3 = nn.relu %2 {nn.range = array<f64: 0.0, 3.0>, nn.bits = 8 : i64} : tensor<2x3xf32>
  %4 = nn.add %3, %minus {nn.range = array<f64: -1.0, 3.0>, nn.bits = 8 : i64} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %5 = nn.map "clip" %4 parameters [-0.5, 0.5] {nn.range = array<f64: -0.5, 0.5>, nn.bits = 8 : i64} : tensor<2x3xf32>
  %6 = nn.mul %5, %3 {nn.range = array<f64: -1.0, 2.0>, nn.bits = 8 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %7 = nn.relu %6 {nn.range = array<f64: 0.0, 2.0>, nn.bits = 8 : i64} : tensor<2x3xf32>
  %8 = nn.sub %7, %3 {nn.range = array<f64: -3.0, 2.0>, nn.bits = 8 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %9 = nn.map "tanh" %8 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x3xf32>
  return %9 : tensor<2x3xf32>
}
// -----
// two outputs of one scale
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<6xf32> {nn.name = "y0"}, tensor<3xf32> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %0 = nn.linear %x, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.reshape %0 {nn.range = array<f64: -2.0, 2.0>} : tensor<2x3xf32> -> tensor<6xf32>
  %2 = nn.slice %1 starts [0] sizes [3] strides [1] {nn.range = array<f64: -2.0, 2.0>} : tensor<6xf32> -> tensor<3xf32>
  return %1, %2 : tensor<6xf32>, tensor<3xf32>
}
// -----
// moved sums are compared as they are, and results of functions are not
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @small(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @big(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<3xi64> {nn.name = "y0"}, tensor<2xi64> {nn.name = "y1"}, tensor<2xi64> {nn.name = "y2"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %small = ml_program.global_load_const @small : tensor<3x4xf32>
  %big = ml_program.global_load_const @big : tensor<3x4xf32>
  %0 = nn.linear %x, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.transpose %0 perm [1, 0] {nn.range = array<f64: -2.0, 2.0>} : tensor<2x3xf32> -> tensor<3x2xf32>
  %2 = nn.argmax %1 : tensor<3x2xf32> -> tensor<3xi64>
  %3 = nn.linear %x, %small {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %4 = nn.map "sigmoid" %3 {nn.range = array<f64: 0.1, 0.9>} : tensor<2x3xf32>
  %5 = nn.argmax %4 : tensor<2x3xf32> -> tensor<2xi64>
  %6 = nn.linear %x, %big {nn.range = array<f64: -900.0, 900.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %7 = nn.relu %6 {nn.range = array<f64: 0.0, 900.0>} : tensor<2x3xf32>
  %8 = nn.argmax %7 : tensor<2x3xf32> -> tensor<2xi64>
  return %2, %5, %8 : tensor<3xi64>, tensor<2xi64>, tensor<2xi64>
}
// -----
// results of functions that a precise model compares
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2xi64> {nn.name = "y0"}, tensor<2xi64> {nn.name = "y1"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %n = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<2x4xf32>
  %g = nn.map "gelu" %n {nn.range = array<f64: -0.2, 1.5>} : tensor<2x4xf32>
  %a = nn.argmax %g : tensor<2x4xf32> -> tensor<2xi64>
  %0 = nn.linear %n, %w {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %c = nn.argmax %0 : tensor<2x3xf32> -> tensor<2xi64>
  return %a, %c : tensor<2xi64>, tensor<2xi64>
}
// -----
// functions of functions, and what is moved between them
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<4x2xf32> {nn.name = "y0"}, tensor<4x2xf32> {nn.name = "y1"}) {
  %0 = nn.map "sigmoid" %x {nn.range = array<f64: 0.2, 0.8>} : tensor<2x4xf32>
  %1 = nn.transpose %0 perm [1, 0] {nn.range = array<f64: 0.2, 0.8>} : tensor<2x4xf32> -> tensor<4x2xf32>
  %2 = nn.map "exp" %1 {nn.range = array<f64: 1.2, 2.3>} : tensor<4x2xf32>
  %3 = nn.mul %2, %1 {nn.range = array<f64: 0.0, 2.0>} : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %4 = nn.map "tanh" %3 {nn.range = array<f64: 0.0, 1.0>} : tensor<4x2xf32>
  return %4, %2 : tensor<4x2xf32>, tensor<4x2xf32>
}
// -----
// a deep network, functions in it, and what is moved behind them
ml_program.global private @v(#ml_program.extern : tensor<4x4xf32>) : tensor<4x4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %v = ml_program.global_load_const @v : tensor<4x4xf32>
  %l0 = nn.linear %x, %v {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %r0 = nn.relu %l0 {nn.range = array<f64: 0.0, 4.0>} : tensor<2x4xf32>
  %l1 = nn.linear %r0, %v {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %r1 = nn.relu %l1 {nn.range = array<f64: 0.0, 4.0>} : tensor<2x4xf32>
  %l2 = nn.linear %r1, %v {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %r2 = nn.map "sigmoid" %l2 {nn.range = array<f64: 0.1, 0.9>} : tensor<2x4xf32>
  %l3 = nn.linear %r2, %v {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %r3 = nn.relu %l3 {nn.range = array<f64: 0.0, 4.0>} : tensor<2x4xf32>
  %l4 = nn.linear %r3, %v {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %r4 = nn.relu %l4 {nn.range = array<f64: 0.0, 4.0>} : tensor<2x4xf32>
  %l5 = nn.linear %r4, %v {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %r5 = nn.map "sigmoid" %l5 {nn.range = array<f64: 0.1, 0.9>} : tensor<2x4xf32>
  %l6 = nn.linear %r5, %v {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %r6 = nn.relu %l6 {nn.range = array<f64: 0.0, 4.0>} : tensor<2x4xf32>
  %l7 = nn.linear %r6, %v {nn.range = array<f64: -4.0, 4.0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %r7 = nn.relu %l7 {nn.range = array<f64: 0.0, 4.0>} : tensor<2x4xf32>
  %t = nn.transpose %r2 perm [1, 0] {nn.range = array<f64: 0.1, 0.9>} : tensor<2x4xf32> -> tensor<4x2xf32>
  %u = nn.transpose %t perm [1, 0] {nn.range = array<f64: 0.1, 0.9>} : tensor<4x2xf32> -> tensor<2x4xf32>
  %p = nn.mul %u, %r7 {nn.range = array<f64: 0.0, 4.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %q = nn.map "tanh" %p {nn.range = array<f64: 0.0, 1.0>} : tensor<2x4xf32>
  return %q : tensor<2x4xf32>
}
// -----
// what is taken away from both ends
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -2.0, 3.0>}, %r: tensor<2x4xf32> {nn.name = "r", nn.range = array<f64: -3.0, 5.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %p = nn.relu %r {nn.range = array<f64: 0.0, 5.0>} : tensor<2x4xf32>
  %e = nn.add %x, %p {nn.range = array<f64: -2.0, 8.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %d = nn.sub %x, %e {nn.range = array<f64: -10.0, 5.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %n = nn.norm %d epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.9>} : tensor<2x4xf32>
  return %n : tensor<2x4xf32>
}
// -----
// two inputs of a sign share a scale
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -2.0, 3.0>, nn.bits = 10 : i64}, %r: tensor<2x4xf32> {nn.name = "r", nn.range = array<f64: -3.0, 5.0>, nn.bits = 10 : i64}) -> (tensor<4x4xf32> {nn.name = "y0"}) {
  %c = nn.concat %x, %r axis 0 {nn.range = array<f64: -3.0, 5.0>, nn.bits = 10 : i64} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<4x4xf32>
  %m = nn.mul %c, %c {nn.range = array<f64: 0.0, 25.0>, nn.bits = 10 : i64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %t = nn.map "tanh" %m {nn.range = array<f64: 0.0, 1.0>} : tensor<4x4xf32>
  return %t : tensor<4x4xf32>
}
// -----
// copies of sums of what was zero
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: 0.0, 0.0>}) -> (tensor<4x2xf32> {nn.name = "y0"}) {
  %s = nn.add %x, %x {nn.range = array<f64: 0.0, 0.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t = nn.transpose %s perm [1, 0] {nn.range = array<f64: 0.0, 0.0>} : tensor<2x4xf32> -> tensor<4x2xf32>
  %u = nn.add %t, %t {nn.range = array<f64: 0.0, 0.0>} : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %y = nn.map "tanh" %u {nn.range = array<f64: 0.0, 0.0>} : tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
// -----
// sums of numbers of no sign have one, and those with numbers that may be zero have none
ml_program.global private @w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @half(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 8 : i64}) -> (tensor<2x3xf32> {nn.name = "y0"}) {
  %w = ml_program.global_load_const @w : tensor<3x4xf32>
  %half = ml_program.global_load_const @half : tensor<4xf32>
  %0 = nn.relu %x {nn.range = array<f64: 0.0, 1.0>, nn.bits = 8 : i64} : tensor<2x4xf32>
  %1 = nn.add %0, %half {nn.range = array<f64: 0.0, 2.5>, nn.bits = 8 : i64} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %2 = nn.mul %1, %1 {nn.range = array<f64: 0.0, 6.0>, nn.bits = 8 : i64} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = nn.linear %2, %w {nn.range = array<f64: -9.0, 9.0>, nn.bits = 8 : i64} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %4 = nn.mul %3, %3 {nn.range = array<f64: 0.0, 81.0>, nn.bits = 8 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %5 = nn.map "tanh" %4 {nn.range = array<f64: 0.0, 1.0>} : tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}
// -----
// normalized rows that are added up, and normalized again
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %n = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<2x4xf32>
  %a = nn.add %n, %x {nn.range = array<f64: -2.5, 2.5>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %m = nn.norm %a centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<2x4xf32>
  return %m : tensor<2x4xf32>
}
// -----
// normalized rows that just fit 16 bits
func.func @main(%x: tensor<2x64xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x64xf32> {nn.name = "y0"}) {
  %n = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -1.9, 1.9>} : tensor<2x64xf32>
  %g = nn.map "gelu" %n {nn.range = array<f64: -0.2, 1.9>} : tensor<2x64xf32>
  return %g : tensor<2x64xf32>
}
// -----
// normalized rows of two steps
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %n = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -8000.0, 8000.0>} : tensor<2x4xf32>
  %g = nn.map "gelu" %n {nn.range = array<f64: -0.2, 8000.0>} : tensor<2x4xf32>
  return %g : tensor<2x4xf32>
}
// -----
// a scale that is just what sums need
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -126.9999365, 126.9999365>}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -126.9999365, 126.9999365>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %m = nn.mul %x, %z {nn.range = array<f64: -1008.6395038799958, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t = nn.map "tanh" %m {nn.range = array<f64: -1.0e6, 1.0>} : tensor<2x4xf32>
  return %t : tensor<2x4xf32>
}
// -----
// multipliers that are one over a power of two, and sums that just leave a bit
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -126.9999365, 126.9999365>}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -126.9999365, 126.9999365>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %m = nn.mul %x, %z {nn.range = array<f64: -32751.983624, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t = nn.map "tanh" %m {nn.range = array<f64: -1.0e6, 1.0>} : tensor<2x4xf32>
  return %t : tensor<2x4xf32>
}
// -----
// sums that leave no bit more, and some that need it
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -126.9999365, 126.9999365>}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -126.9999365, 126.9999365>}) -> (tensor<2x4xf32> {nn.name = "y0"}, tensor<2x4xf32> {nn.name = "y1"}) {
  %a = nn.mul %x, %z {nn.range = array<f64: -2003.3525969711773, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t = nn.mul %a, %a {nn.range = array<f64: 0.0, 4000000.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %b = nn.mul %x, %z {nn.range = array<f64: -1524000.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %u = nn.mul %b, %b {nn.range = array<f64: 0.0, 4000000.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %t, %u : tensor<2x4xf32>, tensor<2x4xf32>
}
// -----
// a precise product with a grid, whose multiplier is one over a power of two
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -1.0, 1.0>}, %r: tensor<2x4xf32> {nn.name = "r", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}, tensor<2x4xf32> {nn.name = "y1"}) {
  %q = nn.map "fake_quantize" %z parameters [0.0625, -64.0, 63.0] {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %m = nn.mul %x, %q {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t = nn.map "tanh" %m {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %n = nn.norm %r centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<2x4xf32>
  return %t, %n : tensor<2x4xf32>, tensor<2x4xf32>
}
// -----
// what is multiplied by zeros
ml_program.global private @zero(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %zero = ml_program.global_load_const @zero : tensor<4xf32>
  %m = nn.mul %x, %zero {nn.range = array<f64: 0.0, 0.0>} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %t = nn.map "tanh" %m {nn.range = array<f64: 0.0, 0.0>} : tensor<2x4xf32>
  return %t : tensor<2x4xf32>
}
// -----
// a logarithm of small numbers is steep
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %m = nn.mul %x, %x {nn.range = array<f64: 0.01, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %g = nn.map "log" %m {nn.range = array<f64: -4.7, 0.0>} : tensor<2x4xf32>
  return %g : tensor<2x4xf32>
}
// -----
// what is decided of a moved input
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<4x2xf32> {nn.name = "y0"}) {
  %t = nn.transpose %x perm [1, 0] {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32> -> tensor<4x2xf32>
  %s = nn.map "step" %t {nn.range = array<f64: 0.0, 1.0>} : tensor<4x2xf32>
  return %s : tensor<4x2xf32>
}
// -----
// shares times what is never negative
func.func @main(%q: tensor<4x4xf32> {nn.name = "q", nn.range = array<f64: -2.0, 2.0>}, %c: tensor<4x4xf32> {nn.name = "c", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<4x4xf32> {nn.name = "y0"}) {
  %s = nn.matmul %q, %c {nn.range = array<f64: -20.0, 20.0>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %h = nn.softmax %s {nn.range = array<f64: 0.0, 1.0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %p = nn.relu %c {nn.range = array<f64: 0.0, 3.0>} : tensor<4x4xf32>
  %m = nn.matmul %h, %p {nn.range = array<f64: 0.0, 3.0>, nn.bits = 8 : i64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %t = nn.map "tanh" %m {nn.range = array<f64: 0.0, 1.0>} : tensor<4x4xf32>
  return %t : tensor<4x4xf32>
}
// -----
// products that are compared are no sums of weights
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2xi64> {nn.name = "y0"}) {
  %m = nn.mul %x, %z {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a = nn.argmax %m : tensor<2x4xf32> -> tensor<2xi64>
  return %a : tensor<2xi64>
}
// -----
// a precise model tests values of 13 bits
ml_program.global private @pos(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
ml_program.global private @one(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
ml_program.global private @b(#ml_program.extern : tensor<3xf32>) : tensor<3xf32>
func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: 0.0, 7.0>}, %r: tensor<2x4xf32> {nn.name = "r", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<1x3xf32> {nn.name = "y0"}, tensor<2x4xf32> {nn.name = "y1"}) {
  %pos = ml_program.global_load_const @pos : tensor<4xf32>
  %one = ml_program.global_load_const @one : tensor<3x4xf32>
  %b = ml_program.global_load_const @b : tensor<3xf32>
  %s = nn.mul %x, %pos {nn.range = array<f64: 0.0, 9.0>} : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  %l = nn.linear %s, %one {nn.range = array<f64: -9.0, 9.0>} : (tensor<1x4xf32>, tensor<3x4xf32>) -> tensor<1x3xf32>
  %d = nn.sub %l, %b {nn.range = array<f64: -9.0, 9.0>} : (tensor<1x3xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  %p = nn.map "step" %d {nn.range = array<f64: 0.0, 1.0>} : tensor<1x3xf32>
  %n = nn.norm %r centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<2x4xf32>
  return %p, %n : tensor<1x3xf32>, tensor<2x4xf32>
}
// -----
// two inputs side by side that are tested
ml_program.global private @one(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
func.func @main(%x: tensor<1x2xf32> {nn.name = "x", nn.range = array<f64: 0.0, 7.0>}, %z: tensor<1x2xf32> {nn.name = "z", nn.range = array<f64: 0.0, 9.0>}) -> (tensor<1x3xf32> {nn.name = "y0"}) {
  %one = ml_program.global_load_const @one : tensor<3x4xf32>
  %c = nn.concat %x, %z axis 1 {nn.range = array<f64: 0.0, 9.0>} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
  %l = nn.linear %c, %one {nn.range = array<f64: -9.0, 9.0>} : (tensor<1x4xf32>, tensor<3x4xf32>) -> tensor<1x3xf32>
  %p = nn.map "step" %l {nn.range = array<f64: 0.0, 1.0>} : tensor<1x3xf32>
  return %p : tensor<1x3xf32>
}
// -----
// what numbers alone read is not tested by that
ml_program.global private @pos(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
ml_program.global private @neg(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}, tensor<2x4xf32> {nn.name = "y1"}) {
  %pos = ml_program.global_load_const @pos : tensor<4xf32>
  %neg = ml_program.global_load_const @neg : tensor<4xf32>
  %u = nn.mul %x, %z {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a = nn.mul %u, %pos {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %c = nn.add %u, %neg {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %t = nn.map "tanh" %a {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %v = nn.map "tanh" %c {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  return %t, %v : tensor<2x4xf32>, tensor<2x4xf32>
}
// -----
// large precise models compare results of functions
ml_program.global private @huge(#ml_program.extern : tensor<512x520xf32>) : tensor<512x520xf32>
func.func @main(%x: tensor<1x520xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}, %r: tensor<2x4xf32> {nn.name = "r", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<1x512xf32> {nn.name = "y0"}, tensor<2xi64> {nn.name = "y1"}) {
  %huge = ml_program.global_load_const @huge : tensor<512x520xf32>
  %l = nn.linear %x, %huge {nn.range = array<f64: -1.0, 1.0>} : (tensor<1x520xf32>, tensor<512x520xf32>) -> tensor<1x512xf32>
  %t = nn.map "tanh" %l {nn.range = array<f64: -1.0, 1.0>} : tensor<1x512xf32>
  %n = nn.norm %r centred epsilon 1.0e-5 {nn.range = array<f64: -1.5, 1.5>} : tensor<2x4xf32>
  %g = nn.map "gelu" %n {nn.range = array<f64: -0.2, 1.5>} : tensor<2x4xf32>
  %a = nn.argmax %g : tensor<2x4xf32> -> tensor<2xi64>
  return %t, %a : tensor<1x512xf32>, tensor<2xi64>
}
// -----
// products of many bits with numbers in a deep network
ml_program.global private @pos(#ml_program.extern : tensor<4xf32>) : tensor<4xf32>
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>, nn.bits = 16 : i64}, %z: tensor<2x4xf32> {nn.name = "z", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}, tensor<2x4xf32> {nn.name = "y1"}) {
  %pos = ml_program.global_load_const @pos : tensor<4xf32>
  %p = nn.mul %x, %pos {nn.range = array<f64: -2.0, 2.0>} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %q = nn.map "tanh" %p {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %m0 = nn.mul %z, %z {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t0 = nn.map "tanh" %m0 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %m1 = nn.mul %t0, %t0 {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t1 = nn.map "tanh" %m1 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %m2 = nn.mul %t1, %t1 {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t2 = nn.map "tanh" %m2 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %m3 = nn.mul %t2, %t2 {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t3 = nn.map "tanh" %m3 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %m4 = nn.mul %t3, %t3 {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t4 = nn.map "tanh" %m4 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %m5 = nn.mul %t4, %t4 {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t5 = nn.map "tanh" %m5 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %m6 = nn.mul %t5, %t5 {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t6 = nn.map "tanh" %m6 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  %m7 = nn.mul %t6, %t6 {nn.range = array<f64: -1.0, 1.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t7 = nn.map "tanh" %m7 {nn.range = array<f64: -1.0, 1.0>} : tensor<2x4xf32>
  return %q, %t7 : tensor<2x4xf32>, tensor<2x4xf32>
}
// -----
// products of grids that are not too wide
func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<2x4xf32> {nn.name = "y0"}) {
  %q = nn.map "fake_quantize" %x parameters [0.001, -2048.0, 2048.0] {nn.range = array<f64: -2.0, 2.0>} : tensor<2x4xf32>
  %m = nn.mul %q, %q {nn.range = array<f64: 0.0, 4.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %t = nn.map "tanh" %m {nn.range = array<f64: 0.0, 1.0>} : tensor<2x4xf32>
  return %t : tensor<2x4xf32>
}
