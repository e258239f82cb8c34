// The float weight stands behind a cast again; a scale per block stays integers, and says so.
// RUN: opt-tool %s -p fake-quantize-weights --split-input-file | filecheck %s
// RUN: opt-tool %s -p fake-quantize-weights --remarks=all --split-input-file 2>&1 | filecheck %s --check-prefix=REMARK

graph.global @w : tensor<2x2xf32> = dense<[[0.5, -1.0], [0.25, 3.0]]>
graph.global @w_1 : tensor<2x2x!quant.uniform<i8<-4:3>:f32, 0.5>> = dense<[[0, -2], [1, 3]]>
func.func @rounded() -> tensor<2x2xf32> {
  %0 = graph.constant @w_1 : tensor<2x2x!quant.uniform<i8<-4:3>:f32, 0.5>>
  %1 = quant.dcast %0 {quant.real = @w} : tensor<2x2x!quant.uniform<i8<-4:3>:f32, 0.5>> to tensor<2x2xf32>
  func.return %1 : tensor<2x2xf32>
}
// REMARK: remark: passed: fake-quantize-weights: reads @w
// CHECK:      func.func @rounded
// CHECK:        [[W:%.*]] = graph.constant @w : tensor<2x2xf32>
// CHECK-NEXT:   [[Q:%.*]] = quant.qcast [[W]] : tensor<2x2xf32> to tensor<2x2x!quant.uniform<i8<-4:3>:f32, 0.5>>
// CHECK-NEXT:   [[R:%.*]] = quant.dcast [[Q]] : tensor<2x2x!quant.uniform<i8<-4:3>:f32, 0.5>> to tensor<2x2xf32>
// CHECK-NEXT:   func.return [[R]]

// -----

graph.global @w : tensor<2x2xf32> = dense<1.0>
graph.global @w_1 : tensor<2x2x!quant.uniform<i8:f32, 0.5>> = dense<2>
func.func @no_name_and_blocks() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %0 = graph.constant @w_1 : tensor<2x2x!quant.uniform<i8:f32, 0.5>>
  %1 = quant.dcast %0 : tensor<2x2x!quant.uniform<i8:f32, 0.5>> to tensor<2x2xf32>
  %2 = quant.dcast %0 {quant.real = @w, quant.blocks = array<i64: 2, 1, 1>} : tensor<2x2x!quant.uniform<i8:f32, 0.5>> to tensor<2x2xf32>
  func.return %1, %2 : tensor<2x2xf32>, tensor<2x2xf32>
}
// REMARK: remark: missed: fake-quantize-weights: has a scale per block
// CHECK:     func.func @no_name_and_blocks
// CHECK-NOT: quant.qcast
// CHECK:     func.return
