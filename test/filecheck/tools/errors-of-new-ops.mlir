// An op that stands for no op of the text, as the buffer of an argument, has its errors where the op stands that holds it.
// RUN: opt-tool %s -p 'set-platform{platform=host},convert-quant-to-cortexm,convert-cortexm-to-c' --verify-diagnostics

// expected-error@+1 {{pass 'convert-cortexm-to-c': dma.buffer: has no offset; run plan-memory first}}
func.func @net(%x: tensor<1x4xf32>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>> {
  %0 = quant.qcast %x : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return %0 : tensor<1x4x!quant.uniform<i8:f32, 0.5>>
}
