// RUN: zk-opt --pass-pipeline=builtin.module(convert-qnn-to-circuit{convolution=transform})

// Stride 1 and padding: x as it stands, the kernel flipped, the result a crop of the full convolution.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0}>
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @conv.w(#ml_program.extern : tensor<2x1x3x3x!w>) : tensor<2x1x3x3x!w>
  ml_program.global private @conv.b(#ml_program.extern : tensor<2xi32>) : tensor<2xi32>
  func.func @main(%x: tensor<1x1x5x5x!q> {nn.name = "x"}) -> (tensor<1x2x5x5xi32> {nn.name = "y"}) {
    %w = ml_program.global_load_const @conv.w : tensor<2x1x3x3x!w>
    %b = ml_program.global_load_const @conv.b : tensor<2xi32>
    %y = qnn.conv %x, %w bias %b pads [1, 1, 1, 1] : (tensor<1x1x5x5x!q>, tensor<2x1x3x3x!w>, tensor<2xi32>) -> tensor<1x2x5x5xi32>
    return %y : tensor<1x2x5x5xi32>
  }
}

// -----

// Stride 2 on an odd image: one zero after the last row and column, then two phases along each axis.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0}>
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @conv.w(#ml_program.extern : tensor<2x1x3x3x!w>) : tensor<2x1x3x3x!w>
  func.func @main(%x: tensor<1x1x7x7x!q> {nn.name = "x"}) -> (tensor<1x2x4x4xi32> {nn.name = "y"}) {
    %w = ml_program.global_load_const @conv.w : tensor<2x1x3x3x!w>
    %y = qnn.conv %x, %w strides [2, 2] pads [1, 1, 1, 1] : (tensor<1x1x7x7x!q>, tensor<2x1x3x3x!w>) -> tensor<1x2x4x4xi32>
    return %y : tensor<1x2x4x4xi32>
  }
}

// -----

// Dilation 2 leaves zeros in the kernel; with stride 2 as well it takes every second element of x and no zeros.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0}>
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @conv.w(#ml_program.extern : tensor<2x1x3x3x!w>) : tensor<2x1x3x3x!w>
  func.func @main(%x: tensor<1x1x6x6x!q> {nn.name = "x"}) -> (tensor<1x2x2x1xi32> {nn.name = "y"}) {
    %w = ml_program.global_load_const @conv.w : tensor<2x1x3x3x!w>
    %y = qnn.conv %x, %w strides [1, 2] dilations [2, 2] : (tensor<1x1x6x6x!q>, tensor<2x1x3x3x!w>) -> tensor<1x2x2x1xi32>
    return %y : tensor<1x2x2x1xi32>
  }
}

// -----

// Depthwise, two output channels for each input channel: the group is an index of all three maps.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0, 3.0, 4.0}>
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @depthwise.w(#ml_program.extern : tensor<4x1x2x2x!w>) : tensor<4x1x2x2x!w>
  func.func @main(%x: tensor<1x2x4x4x!q> {nn.name = "x"}) -> (tensor<1x4x3x3xi32> {nn.name = "y"}) {
    %w = ml_program.global_load_const @depthwise.w : tensor<4x1x2x2x!w>
    %y = qnn.conv %x, %w groups 2 : (tensor<1x2x4x4x!q>, tensor<4x1x2x2x!w>) -> tensor<1x4x3x3xi32>
    return %y : tensor<1x4x3x3xi32>
  }
}
