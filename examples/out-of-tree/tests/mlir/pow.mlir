// RUN: example-opt --pass-pipeline=builtin.module(expand-pow,canonicalize,cse) --mlir-pass-statistics

// x^5 = x·(x²)²: three products.
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = power.pow %x to 5 : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// x^1 = x
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = power.pow %x to 1 : tensor<4xf32>
  return %0 : tensor<4xf32>
}
