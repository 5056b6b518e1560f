// RUN: zk-opt --convert-qnn-to-circuit

!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0, 3.0}>
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @linear.w(#ml_program.extern : tensor<3x4x!w>) : tensor<3x4x!w>
  ml_program.global private @linear.b(#ml_program.extern : tensor<3xi32>) : tensor<3xi32>
  func.func @main(%x: tensor<2x4x!q> {nn.name = "x"}) -> (tensor<2x3xi32> {nn.name = "y"}) {
    %w = ml_program.global_load_const @linear.w : tensor<3x4x!w>
    %b = ml_program.global_load_const @linear.b : tensor<3xi32>
    %y = qnn.linear %x, %w bias %b : (tensor<2x4x!q>, tensor<3x4x!w>, tensor<3xi32>) -> tensor<2x3xi32>
    return %y : tensor<2x3xi32>
  }
}

// -----

// A batched product of two activations; the second is the same for every index of the first axis.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%a: tensor<2x5x3x4x!q> {nn.name = "a"}, %b: tensor<1x5x4x2x!q> {nn.name = "b"}) -> (tensor<2x5x3x2xi32> {nn.name = "y"}) {
  %y = qnn.matmul %a, %b : (tensor<2x5x3x4x!q>, tensor<1x5x4x2x!q>) -> tensor<2x5x3x2xi32>
  return %y : tensor<2x5x3x2xi32>
}
