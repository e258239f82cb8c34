// A float network as functions of linalg ops on buffers, and on to C.
// RUN: opt-tool %s --pass-pipeline='convert-graph-to-linalg{memory=sram}' | filecheck %s
// RUN: opt-tool %s --pass-pipeline='convert-graph-to-linalg{memory=sram},plan-memory,convert-linalg-to-loops,cse,licm,loop-hoist-memref,convert-loops-to-c' -t c | filecheck %s --check-prefix=C

graph.global @w : tensor<4x3x1x1xf32> = dense<0.5>

// CHECK-LABEL: func.func @net() {
// CHECK-NEXT:  %x = dma.buffer "input" 0 {graph.name = "image"} : memref<1x3x8x8xf32, "sram">
// CHECK-NEXT:  %0 = dma.buffer : memref<1x4x8x8xf32, "sram">
// CHECK-NEXT:  func.call @conv_0(%x, %0)
// CHECK-NEXT:  %1 = dma.buffer "output" 0 {graph.name = "y"} : memref<1x4x8x8xf32, "sram">
// CHECK-NEXT:  func.call @relu_0(%0, %1)
// CHECK-NEXT:  func.return
// CHECK:       func.func private @conv_0(%x: memref<1x3x8x8xf32, "sram">, %y: memref<1x4x8x8xf32, "sram">) {
// CHECK:         linalg.generic
// CHECK:           arith.constant 0.000000e+00 : f32
// CHECK:         linalg.generic
// CHECK-SAME:      "reduction", "reduction", "reduction"
// CHECK:           arith.mulf
// CHECK:           arith.addf
// CHECK:       func.func private @relu_0

// C:      static void conv_0(const float *x, float *y) {
// C:              float t{{[0-9]+}} = y[
// C:              += x[
// C:      static void relu_0(const float *x, float *y) {
// C:                  y[(i * 8 + j) * 8 + k] = {{.*}} < 0.0f ? 0.0f : {{.*}};
// C:      void net(float *x, float *output) {
// C-NEXT:     float *const t0 = (float *)net_arena;
// C-NEXT:     conv_0(x, t0);
// C-NEXT:     relu_0(t0, output);
// C-NEXT: }
func.func @net(%x: tensor<1x3x8x8xf32> {graph.name = "image"}) -> (tensor<1x4x8x8xf32> {graph.name = "y"}) {
  %w = graph.constant @w : tensor<4x3x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<1x4x8x8xf32>
  %1 = graph.relu %0 : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  func.return %1 : tensor<1x4x8x8xf32>
}
