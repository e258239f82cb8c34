// Quantizers have the grids that the platform takes; what it does not compute in integers is named.
// RUN: opt-tool %s -p 'set-platform{platform=%S/shifts.toml},insert-quant-casts' --remarks=missed 2>&1 | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=%S/shifts.toml},insert-quant-casts,convert-graph-to-quant{rounding=platform},cleanup,verify-quantization' | filecheck %s --check-prefix=QUANT

// CHECK: remark: {{.*}}stays in float: its codes count from -128, platform shifts takes strict activations

// 1.55 / 127 is 0.0122: 2**-6 is the next power of two. 2.54 / 127 is 0.02: 2**-5; half of that would
// clip the greatest weight, which costs more than it gains.
// CHECK: quant.qcast %x : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8<-127:127>:f32, 0.015625>>
// CHECK: graph.constant @w_{{.*}} : tensor<2x2x!quant.uniform<i8<-127:127>:f32, 0.03125>>
// CHECK: %[[Y:.*]] = graph.gemm
// CHECK-NEXT: quant.qcast %[[Y]] : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8<-127:127>:f32, 0.03125>>
// CHECK-NEXT: %[[D:.*]] = quant.dcast
// CHECK-NEXT: %[[S:.*]] = graph.softmax %[[D]] {{.*}}quant.float
// CHECK-NEXT: func.return %[[S]]

// scale 2**-6 * 2**-5 / 2**-5 = 2**30 / 2**36
// QUANT: quant.fully_connected {{.*}}#quant.requant<[1073741824, 1073741824], [36, 36], single, [-127, 127]>
// QUANT: graph.softmax
graph.global @w : tensor<2x2xf32> = dense<[[1.27, -0.64], [0.5, 2.54]]>
func.func @net(%x: tensor<1x2xf32> {quant.range = array<f64: -1.0, 1.55>}) -> tensor<1x2xf32> {
  %w = graph.constant @w : tensor<2x2xf32>
  %0 = graph.gemm %x, %w {trans_b = true, quant.range = array<f64: -3.0, 3.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %1 = graph.softmax %0 {axis = 1 : i64, quant.range = array<f64: 0.0, 1.0>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %1 : tensor<1x2xf32>
}
