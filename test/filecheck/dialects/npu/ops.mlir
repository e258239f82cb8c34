// Jobs, tokens and layers read back as they were printed.
// RUN: opt-tool %s -o %t.mlir && filecheck %s --input-file %t.mlir && opt-tool %t.mlir | diff %t.mlir -
// RUN: opt-tool %s --print-generic | opt-tool - | filecheck %s

!x = memref<1x?x?x64x!quant.uniform<i8:f32, 0.5:-3>, strided<[?, ?, ?, 1], offset: ?>, "l1">
!y = memref<1x?x?x?x!quant.uniform<i8:f32, 0.25>, strided<[?, ?, ?, 1], offset: ?>, "l1">
!v = memref<1x64x!quant.uniform<i8:f32, 0.5>, "l1">
!w = memref<1x20x!quant.uniform<i8:f32, 0.25>, "l1">

// CHECK-LABEL: func.func @jobs
func.func @jobs(%x : !x, %c : memref<1x2336xi8, "l1">, %y : !y, %v : !v, %w : !w, %d : memref<1x300xi8, "l1">, %top : index, %left : index) {
  // CHECK-NEXT: %[[A:.*]] = npu.conv2d ins(%{{.*}} : memref<1x?x?x64x!quant.uniform<i8:f32, 0.5:-3>, strided<[?, ?, ?, 1], offset: ?>, "l1">) constants(%{{.*}} : memref<1x2336xi8, "l1">) outs(%{{.*}} : memref<1x?x?x?x!quant.uniform<i8:f32, 0.25>, strided<[?, ?, ?, 1], offset: ?>, "l1">) pads(%top, %left) {layer = #npu.layer<pointwise, 64 to 32 channels, weight_bits 8, scale_bits 32, strides 2 x 1>}
  %0 = npu.conv2d ins(%x : !x) constants(%c : memref<1x2336xi8, "l1">) outs(%y : !y) pads(%top, %left) {layer = #npu.layer<pointwise, 64 to 32 channels, strides 2 x 1>}
  // CHECK-NEXT: %[[B:.*]] = npu.conv2d ins(%v : {{.*}}) constants({{.*}}) outs(%w : {{.*}}) pads(%top, %left) {layer = #npu.layer<pointwise, 64 to 32 channels, weight_bits 8, scale_bits 32>}
  %1 = npu.conv2d ins(%v : !v) constants(%c : memref<1x2336xi8, "l1">) outs(%w : !w) pads(%top, %left) {layer = #npu.layer<pointwise, 64 to 32 channels, weight_bits 8, scale_bits 32>}
  // CHECK-NEXT: npu.wait %[[A]]
  npu.wait %0
  // CHECK-NEXT: npu.wait %[[B]]
  npu.wait %1
  // CHECK-NEXT: %[[C:.*]] = npu.conv2d {{.*}} {layer = #npu.layer<depthwise, 28 to 28 channels, weight_bits 5, scale_bits 8, shift 12>}
  %2 = npu.conv2d ins(%y : !y) constants(%d : memref<1x300xi8, "l1">) outs(%y : !y) pads(%top, %left) {layer = #npu.layer<depthwise, 28 to 28 channels, weight_bits 5, scale_bits 8, shift 12>}
  npu.wait %2
  func.return
}
