// A quantized model that takes and gives real numbers.
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x64xf32> {nn.name = "x"}) -> (tensor<1x64xf32> {nn.name = "y"}) {
  %0 = qnn.quantize %x : tensor<1x64xf32> -> tensor<1x64x!q>
  %1 = qnn.relu %0 : tensor<1x64x!q>
  %2 = qnn.dequantize %1 : tensor<1x64x!q> -> tensor<1x64xf32>
  return %2 : tensor<1x64xf32>
}
