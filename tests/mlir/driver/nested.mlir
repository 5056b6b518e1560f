// RUN: zk-opt --pass-pipeline=builtin.module(func.func(qnn-absorb-pads,circuit-hoist-views,canonicalize)) --mlir-pass-statistics

// every function, not only @main
func.func @main(%x: tensor<1x1x6x6x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>>) -> tensor<1x1x3x3xi32> {
  %0 = qnn.pad %x low [0, 0, 1, 1] high [0, 0, 0, 0] : tensor<1x1x6x6x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>> -> tensor<1x1x7x7x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>>
  %1 = qnn.sum_pool %0 kernel [3, 3] strides [2, 2] : tensor<1x1x7x7x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>> -> tensor<1x1x3x3xi32>
  return %1 : tensor<1x1x3x3xi32>
}
func.func @other(%x: tensor<1x1x6x6x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>>) -> tensor<1x1x3x3xi32> {
  %0 = qnn.pad %x low [0, 0, 1, 1] high [0, 0, 0, 0] : tensor<1x1x6x6x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>> -> tensor<1x1x7x7x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>>
  %1 = qnn.sum_pool %0 kernel [3, 3] strides [2, 2] : tensor<1x1x7x7x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>> -> tensor<1x1x3x3xi32>
  return %1 : tensor<1x1x3x3xi32>
}
