// RUN: zk-opt --check-params

// The parameters that the module declares are in the file, with these shapes.
module attributes {tessera.params = "convert/params.safetensors"} {
  ml_program.global private @x.linear.w(#ml_program.extern : tensor<3x4xf32>) : tensor<3x4xf32>
  ml_program.global private @linear.b(#ml_program.extern : tensor<3xi32>) : tensor<3xi32>
}
