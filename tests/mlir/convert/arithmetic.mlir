// RUN: zk-opt --convert-qnn-to-circuit

// A parameter for each channel is repeated by a view.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @sum.b(#ml_program.extern : tensor<2x1x1x!q>) : tensor<2x1x1x!q>
  func.func @main(%x: tensor<1x2x3x3x!q> {nn.name = "x"}) -> (tensor<1x2x3x3x!q> {nn.name = "y"}) {
    %b = ml_program.global_load_const @sum.b : tensor<2x1x1x!q>
    %1 = qnn.requantize %x times [38400], %b times [-25600] shift 16 clamp [-127, 127]
      : (tensor<1x2x3x3x!q>, tensor<2x1x1x!q>) -> tensor<1x2x3x3x!q>
    %2 = qnn.relu %1 : tensor<1x2x3x3x!q>
    return %2 : tensor<1x2x3x3x!q>
  }
}

// -----

!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<2x3x!q> {nn.name = "x"}, %y: tensor<3x!q> {nn.name = "y"}) -> (tensor<2x3xi32> {nn.name = "z"}) {
  %0 = qnn.mul %x, %y : (tensor<2x3x!q>, tensor<3x!q>) -> tensor<2x3xi32>
  return %0 : tensor<2x3xi32>
}
