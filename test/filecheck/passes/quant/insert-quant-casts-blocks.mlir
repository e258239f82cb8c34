// Each pair of weights of an output has a scale: that of the output times an integer.
// RUN: opt-tool %s -p 'insert-quant-casts{weight-bits=3 block-size=2}' | filecheck %s
// RUN: opt-tool %s -p 'insert-quant-casts{block-size=2}' --remarks=missed 2>&1 | filecheck %s --check-prefix=EIGHT

// EIGHT: remark: {{.*}}no scale per block: 8 bits leave no room for it

// 3 bits: codes from -3 to 3; 63 = 3 * 42 * 0.5. The second block needs steps of 6 / 3 = 4 * 0.5.
// CHECK: graph.global @w_1 : tensor<1x4x!quant.uniform<i8<-127:127>:f32:0, {0.5}>> = dense<{{\[\[}}126, -42, 12, 4]]>
// CHECK: quant.dcast {{.*}}quant.blocks = {size = 2 : i64, bits = 3 : i64, steps = array<i64: 42, 4>}
graph.global @w : tensor<1x4xf32> = dense<[[63.0, -25.0, 6.0, 2.5]]>
func.func @net(%x: tensor<1x4xf32> {quant.range = array<f64: -1.0, 1.55>}) -> tensor<1x1xf32> {
  %w = graph.constant @w : tensor<1x4xf32>
  %0 = graph.gemm %x, %w {trans_b = true, quant.range = array<f64: -3.0, 3.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x1xf32>
  func.return %0 : tensor<1x1xf32>
}
