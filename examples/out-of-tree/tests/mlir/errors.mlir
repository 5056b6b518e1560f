// RUN: example-opt --verify-diagnostics

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{exponent: expected 1..=64, found 0}}
  %0 = power.pow %x to 0 : tensor<4xf32>
  return %0 : tensor<4xf32>
}
