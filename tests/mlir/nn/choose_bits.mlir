// RUN: zk-opt --pass-pipeline=builtin.module(nn-calibrate{keep-samples=true},nn-choose-bits{target-cosine=0.9999999})

// A goal that 8 bits miss.
module attributes {tessera.samples = "nn/calibrate.safetensors"} {
  func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x4xf32> {nn.name = "y"}) {
    %0 = nn.map "sigmoid" %x : tensor<1x4xf32>
    %1 = nn.mul %0, %x : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
    return %1 : tensor<1x4xf32>
  }
}

// -----

// An input that is returned as it is.
module attributes {tessera.samples = "nn/calibrate.safetensors"} {
  func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x4xf32> {nn.name = "y"}) {
    return %x : tensor<1x4xf32>
  }
}

// -----

// Nothing to measure with.
func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}

// -----

// No such bits.
func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> tensor<1x4xf32> {
  %0 = nn.relu %x {nn.bits = 17} : tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}
