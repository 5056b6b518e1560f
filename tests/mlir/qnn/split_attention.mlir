// RUN: zk-opt --pass-pipeline=builtin.module(qnn-split-attention{rows=2},canonicalize,cse) --mlir-pass-statistics

// A causal mask: each pair of rows has the columns up to its last one.
!q = !quant.uniform<i16<-4095:4095>:f32, 1.000000e-03>
!t = !quant.uniform<i8<-3:3>:f32, 1.000000e+00>
!s = !quant.uniform<i32<0:256>:f32, 3.906250e-03>
module attributes {tessera.params = "qnn/masks.safetensors"} {
  ml_program.global private @exp(#ml_program.extern<tensor<9xi32>>) : tensor<9xi32>
  ml_program.global private @causal(#ml_program.extern<tensor<8x8xi32>>) : tensor<8x8xi32>
  func.func @main(%q: tensor<2x8x3x!q>, %k: tensor<2x3x8x!q>, %v: tensor<2x8x3x!q>) -> tensor<2x8x3x!q> {
    %exp = ml_program.global_load_const @exp : tensor<9xi32>
    %mask = ml_program.global_load_const @causal : tensor<8x8xi32>
    %0 = qnn.matmul %q, %k : (tensor<2x8x3x!q>, tensor<2x3x8x!q>) -> tensor<2x8x8xi32>
    %1 = qnn.requantize %0 times [1] shift 20 clamp [-3, 3] : (tensor<2x8x8xi32>) -> tensor<2x8x8x!t>
    %2 = qnn.reshape %1 : tensor<2x8x8x!t> -> tensor<1x2x8x8x!t>
    %3 = qnn.softmax %2, %exp mask %mask total 256 : (tensor<1x2x8x8x!t>, tensor<9xi32>, tensor<8x8xi32>) -> tensor<1x2x8x8x!s>
    %4 = qnn.reshape %3 : tensor<1x2x8x8x!s> -> tensor<2x8x8x!s>
    %5 = qnn.matmul %4, %v : (tensor<2x8x8x!s>, tensor<2x8x3x!q>) -> tensor<2x8x3xi32>
    %r5 = qnn.requantize %5 times [1] shift 8 clamp [-4095, 4095] : (tensor<2x8x3xi32>) -> tensor<2x8x3x!q>
    return %r5 : tensor<2x8x3x!q>
  }
}

// -----

// Windows leave out columns before them too, and two texts attend to themselves alone, which needs no mask.
!q = !quant.uniform<i16<-4095:4095>:f32, 1.000000e-03>
!t = !quant.uniform<i8<-3:3>:f32, 1.000000e+00>
!s = !quant.uniform<i32<0:256>:f32, 3.906250e-03>
module attributes {tessera.params = "qnn/masks.safetensors"} {
  ml_program.global private @exp(#ml_program.extern<tensor<9xi32>>) : tensor<9xi32>
  ml_program.global private @window(#ml_program.extern<tensor<8x8xi32>>) : tensor<8x8xi32>
  ml_program.global private @texts(#ml_program.extern<tensor<8x8xi32>>) : tensor<8x8xi32>
  func.func @main(%q: tensor<1x8x3x!q>, %k: tensor<1x3x8x!q>, %v: tensor<1x8x3x!q>) -> (tensor<1x8x3x!q>, tensor<1x8x3x!q>) {
    %exp = ml_program.global_load_const @exp : tensor<9xi32>
    %window = ml_program.global_load_const @window : tensor<8x8xi32>
    %texts = ml_program.global_load_const @texts : tensor<8x8xi32>
    %0 = qnn.matmul %q, %k : (tensor<1x8x3x!q>, tensor<1x3x8x!q>) -> tensor<1x8x8xi32>
    %1 = qnn.requantize %0 times [1] shift 20 clamp [-3, 3] : (tensor<1x8x8xi32>) -> tensor<1x8x8x!t>
    %2 = qnn.softmax %1, %exp mask %window total 256 : (tensor<1x8x8x!t>, tensor<9xi32>, tensor<8x8xi32>) -> tensor<1x8x8x!s>
    %3 = qnn.matmul %2, %v : (tensor<1x8x8x!s>, tensor<1x8x3x!q>) -> tensor<1x8x3xi32>
    %r3 = qnn.requantize %3 times [1] shift 8 clamp [-4095, 4095] : (tensor<1x8x3xi32>) -> tensor<1x8x3x!q>
    %4 = qnn.matmul %q, %k : (tensor<1x8x3x!q>, tensor<1x3x8x!q>) -> tensor<1x8x8xi32>
    %5 = qnn.requantize %4 times [1] shift 20 clamp [-3, 3] : (tensor<1x8x8xi32>) -> tensor<1x8x8x!t>
    %6 = qnn.softmax %5, %exp mask %texts total 256 : (tensor<1x8x8x!t>, tensor<9xi32>, tensor<8x8xi32>) -> tensor<1x8x8x!s>
    %7 = qnn.matmul %6, %v : (tensor<1x8x8x!s>, tensor<1x8x3x!q>) -> tensor<1x8x3xi32>
    %r7 = qnn.requantize %7 times [1] shift 8 clamp [-4095, 4095] : (tensor<1x8x3xi32>) -> tensor<1x8x3x!q>
    return %r3, %r7 : tensor<1x8x3x!q>, tensor<1x8x3x!q>
  }
}

// -----

// Three new tokens after four: the mask has an extent for heads. Positions that nobody attends to are left out whatever the rows.
!q = !quant.uniform<i16<-4095:4095>:f32, 1.000000e-03>
!t = !quant.uniform<i8<-3:3>:f32, 1.000000e+00>
!s = !quant.uniform<i32<0:256>:f32, 3.906250e-03>
module attributes {tessera.params = "qnn/masks.safetensors"} {
  ml_program.global private @exp(#ml_program.extern<tensor<9xi32>>) : tensor<9xi32>
  ml_program.global private @last(#ml_program.extern<tensor<1x1x3x7xi32>>) : tensor<1x1x3x7xi32>
  ml_program.global private @short(#ml_program.extern<tensor<1x1x1x4xi32>>) : tensor<1x1x1x4xi32>
  func.func @main(%q: tensor<1x2x3x3x!q>, %k: tensor<1x2x3x7x!q>, %v: tensor<1x2x7x3x!q>, %l: tensor<1x2x3x4x!q>, %w: tensor<1x2x4x3x!q>) -> (tensor<1x2x3x3x!q>, tensor<1x2x3x3x!q>) {
    %exp = ml_program.global_load_const @exp : tensor<9xi32>
    %last = ml_program.global_load_const @last : tensor<1x1x3x7xi32>
    %short = ml_program.global_load_const @short : tensor<1x1x1x4xi32>
    %0 = qnn.matmul %q, %k : (tensor<1x2x3x3x!q>, tensor<1x2x3x7x!q>) -> tensor<1x2x3x7xi32>
    %1 = qnn.requantize %0 times [1] shift 20 clamp [-3, 3] : (tensor<1x2x3x7xi32>) -> tensor<1x2x3x7x!t>
    %2 = qnn.softmax %1, %exp mask %last total 256 : (tensor<1x2x3x7x!t>, tensor<9xi32>, tensor<1x1x3x7xi32>) -> tensor<1x2x3x7x!s>
    %3 = qnn.matmul %2, %v : (tensor<1x2x3x7x!s>, tensor<1x2x7x3x!q>) -> tensor<1x2x3x3xi32>
    %r3 = qnn.requantize %3 times [1] shift 8 clamp [-4095, 4095] : (tensor<1x2x3x3xi32>) -> tensor<1x2x3x3x!q>
    %4 = qnn.matmul %q, %l : (tensor<1x2x3x3x!q>, tensor<1x2x3x4x!q>) -> tensor<1x2x3x4xi32>
    %5 = qnn.requantize %4 times [1] shift 20 clamp [-3, 3] : (tensor<1x2x3x4xi32>) -> tensor<1x2x3x4x!t>
    %6 = qnn.softmax %5, %exp mask %short total 256 : (tensor<1x2x3x4x!t>, tensor<9xi32>, tensor<1x1x1x4xi32>) -> tensor<1x2x3x4x!s>
    %7 = qnn.matmul %6, %w : (tensor<1x2x3x4x!s>, tensor<1x2x4x3x!q>) -> tensor<1x2x3x3xi32>
    %r7 = qnn.requantize %7 times [1] shift 8 clamp [-4095, 4095] : (tensor<1x2x3x3xi32>) -> tensor<1x2x3x3x!q>
    return %r3, %r7 : tensor<1x2x3x3x!q>, tensor<1x2x3x3x!q>
  }
}

// -----

// Left alone: a mask that differs from text to text where one of them needs everything, scores that are results too, and a factor of each column.
!q = !quant.uniform<i16<-4095:4095>:f32, 1.000000e-03>
!t = !quant.uniform<i8<-3:3>:f32, 1.000000e+00>
!s = !quant.uniform<i32<0:256>:f32, 3.906250e-03>
module attributes {tessera.params = "qnn/masks.safetensors"} {
  ml_program.global private @exp(#ml_program.extern<tensor<9xi32>>) : tensor<9xi32>
  ml_program.global private @padding(#ml_program.extern<tensor<2x1x1x4xi32>>) : tensor<2x1x1x4xi32>
  ml_program.global private @causal(#ml_program.extern<tensor<8x8xi32>>) : tensor<8x8xi32>
  func.func @main(%q: tensor<2x1x4x3x!q>, %k: tensor<2x1x3x4x!q>, %v: tensor<2x1x4x3x!q>, %scores: tensor<1x8x8x!t>, %w: tensor<1x8x3x!q>) -> (tensor<2x1x4x3x!q>, tensor<1x8x3x!q>) {
    %exp = ml_program.global_load_const @exp : tensor<9xi32>
    %mask = ml_program.global_load_const @padding : tensor<2x1x1x4xi32>
    %causal = ml_program.global_load_const @causal : tensor<8x8xi32>
    %0 = qnn.matmul %q, %k : (tensor<2x1x4x3x!q>, tensor<2x1x3x4x!q>) -> tensor<2x1x4x4xi32>
    %1 = qnn.requantize %0 times [1] shift 20 clamp [-3, 3] : (tensor<2x1x4x4xi32>) -> tensor<2x1x4x4x!t>
    %2 = qnn.softmax %1, %exp mask %mask total 256 : (tensor<2x1x4x4x!t>, tensor<9xi32>, tensor<2x1x1x4xi32>) -> tensor<2x1x4x4x!s>
    %3 = qnn.matmul %2, %v : (tensor<2x1x4x4x!s>, tensor<2x1x4x3x!q>) -> tensor<2x1x4x3xi32>
    %r3 = qnn.requantize %3 times [1] shift 8 clamp [-4095, 4095] : (tensor<2x1x4x3xi32>) -> tensor<2x1x4x3x!q>
    %4 = qnn.softmax %scores, %exp mask %causal total 256 : (tensor<1x8x8x!t>, tensor<9xi32>, tensor<8x8xi32>) -> tensor<1x8x8x!s>
    %5 = qnn.matmul %4, %w : (tensor<1x8x8x!s>, tensor<1x8x3x!q>) -> tensor<1x8x3xi32>
    %r5 = qnn.requantize %5 times [1] shift 8 clamp [-4095, 4095] : (tensor<1x8x3xi32>) -> tensor<1x8x3x!q>
    return %r3, %r5 : tensor<2x1x4x3x!q>, tensor<1x8x3x!q>
  }
}

// -----

// And shares that are rounded to something else than 0 where they are 0.
!q = !quant.uniform<i16<-4095:4095>:f32, 1.000000e-03>
!t = !quant.uniform<i8<-3:3>:f32, 1.000000e+00>
!s = !quant.uniform<i32<0:256>:f32, 3.906250e-03>
module attributes {tessera.params = "qnn/masks.safetensors"} {
  ml_program.global private @exp(#ml_program.extern<tensor<9xi32>>) : tensor<9xi32>
  ml_program.global private @causal(#ml_program.extern<tensor<8x8xi32>>) : tensor<8x8xi32>
  func.func @main(%q: tensor<1x8x3x!q>, %k: tensor<1x3x8x!q>, %v: tensor<1x8x3x!q>) -> tensor<1x8x3x!q> {
    %exp = ml_program.global_load_const @exp : tensor<9xi32>
    %mask = ml_program.global_load_const @causal : tensor<8x8xi32>
    %0 = qnn.matmul %q, %k : (tensor<1x8x3x!q>, tensor<1x3x8x!q>) -> tensor<1x8x8xi32>
    %1 = qnn.requantize %0 times [1] shift 20 clamp [-3, 3] : (tensor<1x8x8xi32>) -> tensor<1x8x8x!t>
    %2 = qnn.softmax %1, %exp mask %mask total 256 : (tensor<1x8x8x!t>, tensor<9xi32>, tensor<8x8xi32>) -> tensor<1x8x8x!s>
    %3 = qnn.requantize %2 times [1] bias [1] shift 0 clamp [-4095, 4095] : (tensor<1x8x8x!s>) -> tensor<1x8x8x!q>
    %4 = qnn.matmul %3, %v : (tensor<1x8x8x!q>, tensor<1x8x3x!q>) -> tensor<1x8x3xi32>
    %5 = qnn.requantize %4 times [1] shift 8 clamp [-4095, 4095] : (tensor<1x8x3xi32>) -> tensor<1x8x3x!q>
    return %5 : tensor<1x8x3x!q>
  }
}
