// Weights 0.3 and 0.45 round to 0, and the sum of two equal inputs is lost; with one of them rounded up
// the output is 1.0 x instead of 0.75 x. Codes stay beside the float weights, the scale stays.
// RUN: opt-tool %s -p "round-weights{data=%S/round-weights-data.npy}" --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p "round-weights{data=%S/round-weights-data.npy method=adaround}" | filecheck %s
// RUN: opt-tool %s -p "round-weights{data=%S/round-weights-data.npy method=nearest}" | filecheck %s --check-prefix=NEAREST
// RUN: not opt-tool %s -p "round-weights{data=none.npy method=best}" 2>&1 | filecheck %s --check-prefix=WRONG

// CHECK: graph.global @w_1 : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 1.0>> = dense<{{\[\[}}{{(1, 0|0, 1)}}]]>
// NEAREST-NOT: @w_1
// WRONG: round-weights: method=best is none of nearest, flips, adaround
graph.global @real : tensor<1x2xf32> = dense<[[0.3, 0.45]]>
graph.global @w : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 1.0>> = dense<0>

// CHECK: func.func @net
// CHECK: graph.constant @w_1
// CHECK-NEXT: quant.dcast %{{.*}} {quant.real = @real}
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = graph.constant @w : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 1.0>>
  %0 = quant.dcast %w {quant.real = @real} : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 1.0>> to tensor<1x2xf32>
  %1 = graph.gemm %x, %0 {trans_b = true} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x1xf32> loc("layer")
  func.return %1 : tensor<1x1xf32>
}
