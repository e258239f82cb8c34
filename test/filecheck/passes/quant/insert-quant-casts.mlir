// Quantizers stand behind what is computed; weights become integers with a scale per channel.
// RUN: opt-tool %s -p insert-quant-casts | filecheck %s
// RUN: not opt-tool %s -p 'calibrate{data=%t.npy}' 2>&1 | filecheck %s --check-prefix=NODATA

// NODATA: error: pass 'calibrate': {{.*}}.npy: No such file

graph.global @w : tensor<2x2xf32> = dense<[[1.27, -0.64], [0.0, 2.54]]>

// [-1, 1.55] takes 255 steps of 0.01, its zero is 100 above the lowest.
// CHECK-LABEL: func.func @net
// CHECK: %[[X:.*]] = quant.qcast %x : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8:f32, 0.01:-28>>
// CHECK-NEXT: quant.dcast %[[X]]
// CHECK: graph.constant @w_{{.*}} : tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {0.01, 0.02}>>
// CHECK: %[[Y:.*]] = graph.gemm
// CHECK-NEXT: %[[Z:.*]] = graph.relu %[[Y]]
// CHECK-NEXT: quant.qcast %[[Z]] : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8:f32, 0.02:-128>>
// CHECK-NEXT: %[[D:.*]] = quant.dcast
// CHECK-NEXT: %[[R:.*]] = graph.reshape %[[D]]
// CHECK-NEXT: func.return %[[R]]
func.func @net(%x: tensor<1x2xf32> {quant.range = array<f64: -1.0, 1.55>}) -> tensor<2xf32> {
  %w = graph.constant @w : tensor<2x2xf32>
  %0 = graph.gemm %x, %w {trans_b = true, quant.range = array<f64: -3.0, 3.0>} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %1 = graph.relu %0 {quant.range = array<f64: 0.0, 5.1>} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %2 = graph.reshape %1 {quant.range = array<f64: 0.0, 5.1>} : (tensor<1x2xf32>) -> tensor<2xf32>
  func.return %2 : tensor<2xf32>
}
