// RUN: zk-opt --pass-pipeline=builtin.module(nn-calibrate)

// Three samples of x, named beside the IR: they are not named any more afterwards.
module attributes {tessera.samples = "nn/calibrate.safetensors"} {
  func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x4xf32> {nn.name = "y"}) {
    %0 = nn.relu %x : tensor<1x4xf32>
    return %0 : tensor<1x4xf32>
  }
}

// -----

// Calibrated already.
func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}

// -----

// Nothing to calibrate with.
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}

// -----

// Samples of other extents.
module attributes {tessera.samples = "nn/calibrate.safetensors"} {
  func.func @main(%x: tensor<1x5xf32> {nn.name = "x"}) -> tensor<1x5xf32> {
    return %x : tensor<1x5xf32>
  }
}

// -----

// Samples of another input.
module attributes {tessera.samples = "nn/calibrate.safetensors"} {
  func.func @main(%x: tensor<1x4xf32> {nn.name = "image"}) -> tensor<1x4xf32> {
    return %x : tensor<1x4xf32>
  }
}
