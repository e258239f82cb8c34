// Between float ops nothing is quantized; a chain of functions of one tensor is quantized at its ends.
// RUN: opt-tool %s -p insert-quant-casts | filecheck %s
// RUN: opt-tool %s -p 'insert-quant-casts{everywhere=true}' | filecheck %s --check-prefix=ALL

// CHECK: quant.qcast %x
// CHECK: graph.gemm
// CHECK-NEXT: quant.qcast
// CHECK-NEXT: quant.dcast
// CHECK-NEXT: graph.tanh
// CHECK-NEXT: graph.mul
// CHECK-NEXT: quant.qcast
// CHECK-NEXT: quant.dcast
// CHECK: graph.gemm
// CHECK-NEXT: quant.qcast
// CHECK-NEXT: quant.dcast
// CHECK-NEXT: graph.reduce_max
// CHECK-NEXT: graph.sub
// CHECK-NEXT: func.return

// ALL: graph.tanh
// ALL-NEXT: quant.qcast
// ALL: graph.reduce_max
// ALL-NEXT: quant.qcast
// ALL: graph.sub
// ALL-NEXT: quant.qcast
graph.global @w : tensor<2x2xf32> = dense<[[1.27, -0.64], [0.5, 2.54]]>
func.func @net(%x: tensor<1x2xf32> {quant.range = array<f64: -1.0, 1.55>}) -> tensor<1x2xf32> {
  %w = graph.constant @w : tensor<2x2xf32>
  %0 = graph.gemm %x, %w {trans_b = true, quant.range = array<f64: -3.0, 3.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %1 = graph.tanh %0 {quant.range = array<f64: -1.0, 1.0>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %2 = graph.mul %0, %1 {quant.range = array<f64: 0.0, 3.0>} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %5 = graph.gemm %2, %w {quant.range = array<f64: -3.0, 3.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %3 = graph.reduce_max %5 {axes = array<i64: 1>, keepdims = true, quant.range = array<f64: 0.0, 3.0>} : (tensor<1x2xf32>) -> tensor<1x1xf32>
  %4 = graph.sub %5, %3 {quant.range = array<f64: -3.0, 0.0>} : (tensor<1x2xf32>, tensor<1x1xf32>) -> tensor<1x2xf32>
  func.return %4 : tensor<1x2xf32>
}
