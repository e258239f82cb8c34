// QuantizeLinear and DequantizeLinear become casts; unsigned tensors become signed.
// RUN: opt-tool %s -p convert-qdq | filecheck %s
// RUN: opt-tool %s -p convert-qdq --remarks=analysis 2>&1 | filecheck %s --check-prefix=REMARK

graph.global @s : tensor<f32> = dense<0.5>
graph.global @z : tensor<ui8> = dense<3>
graph.global @w : tensor<2x2xui8> = dense<[[0, 128], [129, 255]]>
graph.global @ws : tensor<2xf32> = dense<[0.25, 0.125]>
graph.global @wz : tensor<2xui8> = dense<128>

// REMARK: remark: analysis: convert-qdq: @w is stored signed
// CHECK: graph.global @w_1 : tensor<2x2x!quant.uniform<i8:f32:0, {0.25, 0.125}>> = dense<{{\[\[}}-128, 0], [1, 127{{\]\]}}>

// CHECK-LABEL: func.func @casts
// CHECK: quant.qcast %x : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.5:-125>>
// CHECK-NEXT: quant.dcast %0 : tensor<1x4x!quant.uniform<i8:f32, 0.5:-125>> to tensor<1x4xf32>
func.func @casts(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %s = graph.constant @s : tensor<f32>
  %z = graph.constant @z : tensor<ui8>
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x4xui8>
  %1 = graph.dequantize_linear %0, %s, %z : (tensor<1x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x4xf32>
  func.return %1 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @weights
// CHECK: %[[W:.*]] = graph.constant @w_1 : tensor<2x2x!quant.uniform<i8:f32:0, {0.25, 0.125}>>
// CHECK-NEXT: quant.dcast %[[W]]
func.func @weights() -> tensor<2x2xf32> {
  %w = graph.constant @w : tensor<2x2xui8>
  %s = graph.constant @ws : tensor<2xf32>
  %z = graph.constant @wz : tensor<2xui8>
  %0 = graph.dequantize_linear %w, %s, %z {axis = 0 : i64} : (tensor<2x2xui8>, tensor<2xf32>, tensor<2xui8>) -> tensor<2x2xf32>
  func.return %0 : tensor<2x2xf32>
}

// The stored 0 that is padded here is the real (0 - 3) * 0.5.
// CHECK-LABEL: func.func @movement
// CHECK: graph.pad %{{.*}} {pads = array<i64: 0, 1, 0, 1>, value = -1.500000e+00 : f32} : (tensor<1x4x!quant.uniform<i8:f32, 0.5:-125>>)
// CHECK-NEXT: graph.concat %{{.*}}, %{{.*}} {axis = 1 : i64} : {{.*}} -> tensor<1x10x!quant.uniform<i8:f32, 0.5:-125>>
func.func @movement(%x: tensor<1x4xf32>, %y: tensor<1x4xf32>) -> tensor<1x10xf32> {
  %s = graph.constant @s : tensor<f32>
  %z = graph.constant @z : tensor<ui8>
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x4xui8>
  %1 = graph.quantize_linear %y, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x4xui8>
  %2 = graph.pad %0 {pads = array<i64: 0, 1, 0, 1>} : (tensor<1x4xui8>) -> tensor<1x6xui8>
  %3 = graph.concat %1, %2 {axis = 1 : i64} : (tensor<1x4xui8>, tensor<1x6xui8>) -> tensor<1x10xui8>
  %4 = graph.dequantize_linear %3, %s, %z : (tensor<1x10xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x10xf32>
  func.return %4 : tensor<1x10xf32>
}

// CHECK-LABEL: func.func @stored_result
// CHECK-SAME: -> tensor<1x4x!quant.uniform<i8:f32, 0.5:-125>>
func.func @stored_result(%x: tensor<1x4xf32>) -> tensor<1x4xui8> {
  %s = graph.constant @s : tensor<f32>
  %z = graph.constant @z : tensor<ui8>
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x4xui8>
  func.return %0 : tensor<1x4xui8>
}
