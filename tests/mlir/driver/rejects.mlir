// RUN: zk-opt --pass-pipeline=builtin.module(check-params{most=1})
module attributes {tessera.params = "no_such_file.safetensors"} {
  ml_program.global private @w(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
}

// -----

module {
  ml_program.global private @w(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
}

// -----

module {
  ml_program.global private @v(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
  ml_program.global private @w(#ml_program.extern<tensor<4xf32>>) : tensor<4xf32>
}
