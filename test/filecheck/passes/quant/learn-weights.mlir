// Weights 0.3 and 0.45 round to 0 under the scale 1.0, and the sum of two equal inputs is lost: one of them
// becomes 1, and the scale goes down to 0.75, which makes 0.75 x of it.
// RUN: opt-tool %s -p "learn-weights{data=%S/round-weights-data.npy}" --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p "learn-weights{data=%S/round-weights-data.npy iterations=0}" | filecheck %s --check-prefix=NOTHING
// RUN: not opt-tool %s -p "learn-weights{data=%S/round-weights-data.npy distill=8}" 2>&1 | filecheck %s --check-prefix=WRONG

// CHECK: remark: passed: learn-weights: 1 of 2 codes moved, error of the output
// CHECK: graph.global @w_1 : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 0.75{{[0-9]*}}>> = dense<{{\[\[}}{{(1, 0|0, 1)}}]]>
// NOTHING-NOT: @w_1
// WRONG: learn-weights: distill needs what batch normalisation knows, and none was folded into this network
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
