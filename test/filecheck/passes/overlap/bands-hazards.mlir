// Bands of one buffer: what cores and NPU touch at the same time must be apart, row by row.
// RUN: opt-tool %s -p verify-hazards --split-input-file --verify-diagnostics

!t = memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">
!b = memref<1x4x8x32x!quant.uniform<i8:f32, 0.5>, strided<[2048, 256, 32, 1]>, "l1">
!e = memref<1x4x8x32x!quant.uniform<i8:f32, 0.5>, strided<[2048, 256, 32, 1], offset: 1024>, "l1">
!c = memref<1x1312xi8, "l1">

// The upper rows are added while the job of the lower ones runs.
func.func @apart() {
  %p = arith.constant 0 : index
  %x = dma.buffer at 0 "input" 0 : !t
  %y = dma.buffer at 2048 : !t
  %z = dma.buffer at 4096 : !t
  %c = dma.buffer at 8192 "input" 1 : !c
  %x0 = memref.subview %x[0, 0, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !b
  %x1 = memref.subview %x[0, 4, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !e
  %y0 = memref.subview %y[0, 0, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !b
  %y1 = memref.subview %y[0, 4, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !e
  %z0 = memref.subview %z[0, 0, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !b
  cluster.fork 8 {
    %a = npu.conv2d ins(%x0 : !b) constants(%c : !c) outs(%y0 : !b) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
    %b = npu.conv2d ins(%x1 : !e) constants(%c : !c) outs(%y1 : !e) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
    npu.wait %a
    cluster.barrier
    cluster.max_pool2d ins(%y0 : !b) outs(%z0 : !b) pads(%p, %p) {kernel = "k", window = array<i64: 1, 1, 1, 1, 1, 1>}
    npu.wait %b
  }
  func.return
}

// -----

!t = memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">
!b = memref<1x4x8x32x!quant.uniform<i8:f32, 0.5>, strided<[2048, 256, 32, 1]>, "l1">
!e = memref<1x4x8x32x!quant.uniform<i8:f32, 0.5>, strided<[2048, 256, 32, 1], offset: 1024>, "l1">
!c = memref<1x1312xi8, "l1">

// The wait between the bands is dropped: that of the lower rows comes too late for the halo.
func.func @dropped_wait_between_bands() {
  %p = arith.constant 0 : index
  %x = dma.buffer at 0 "input" 0 : !t
  %y = dma.buffer at 2048 : !t
  %z = dma.buffer at 4096 : !t
  %c = dma.buffer at 8192 "input" 1 : !c
  %x0 = memref.subview %x[0, 0, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !b
  %x1 = memref.subview %x[0, 4, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !e
  %y0 = memref.subview %y[0, 0, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !b
  %y1 = memref.subview %y[0, 4, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !e
  %h0 = memref.subview %y[0, 0, 0, 0] [1, 5, 8, 32] [1, 1, 1, 1] : !t to memref<1x5x8x32x!quant.uniform<i8:f32, 0.5>, strided<[2048, 256, 32, 1]>, "l1">
  %z0 = memref.subview %z[0, 0, 0, 0] [1, 4, 8, 32] [1, 1, 1, 1] : !t to !b
  cluster.fork 8 {
    %a = npu.conv2d ins(%x0 : !b) constants(%c : !c) outs(%y0 : !b) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
    %b = npu.conv2d ins(%x1 : !e) constants(%c : !c) outs(%y1 : !e) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
    npu.wait %a
    cluster.barrier
    // expected-error@+1 {{reads bytes 3072..3328 of l1 (%y), which npu.conv2d}}
    cluster.max_pool2d ins(%h0 : memref<1x5x8x32x!quant.uniform<i8:f32, 0.5>, strided<[2048, 256, 32, 1]>, "l1">) outs(%z0 : !b) pads(%p, %p) {kernel = "k", window = array<i64: 2, 1, 1, 1, 1, 1>}
    npu.wait %b
  }
  func.return
}
