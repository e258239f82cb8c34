// Weights 3.0 and 0.6 under the scale 1.0 become 3 and 1; 12 / 20 of it, 0.6, holds both exactly.
// RUN: opt-tool %s -p "seq-mse{data=%S/seq-mse-data.npy}" --remarks=all 2>&1 | filecheck %s
// RUN: not opt-tool %s -p "seq-mse{data=%S/no-such-file.npy}" 2>&1 | filecheck %s --check-prefix=WRONG

// CHECK: remark: passed: seq-mse [layer]: 1 of 1 scales changed
// CHECK: graph.global @w_1 : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 0.6>> = dense<{{\[\[}}5, 1]]>
// WRONG: no-such-file.npy: No such file
graph.global @real : tensor<1x2xf32> = dense<[[3.0, 0.6]]>
graph.global @w : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 1.0>> = dense<[[3, 1]]>

// CHECK: func.func @net
// CHECK: quant.dcast %{{.*}} {quant.real = @real} : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 0.6>> to tensor<1x2xf32>
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = graph.constant @w : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 1.0>>
  %0 = quant.dcast %w {quant.real = @real} : tensor<1x2x!quant.uniform<i8<-8:7>:f32, 1.0>> to tensor<1x2xf32>
  %1 = graph.gemm %x, %0 {trans_b = true} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x1xf32> loc("layer")
  func.return %1 : tensor<1x1xf32>
}
