// A wait moves to the first op that needs the job to have ended; the next job of the queue does not.
// RUN: opt-tool %s -p defer-waits | filecheck %s
// RUN: opt-tool %s -p defer-waits --remarks=passed 2>&1 | filecheck %s --check-prefix=REMARK

// REMARK: remark: passed: defer-waits: other work goes on while the job runs

!t = memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x1312xi8, "l1">

// CHECK-LABEL: func.func @chain
func.func @chain() {
  %p = arith.constant 0 : index
  %x = dma.buffer : !t
  %y = dma.buffer : !t
  %z = dma.buffer : !t
  %u = dma.buffer : !t
  %v = dma.buffer : !t
  %c = dma.buffer : !c
  %far = dma.buffer : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l2">
  %token = dma.token
  // CHECK: %[[A:.*]] = npu.conv2d ins(%x
  %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
  npu.wait %a
  // CHECK-NEXT: %[[B:.*]] = npu.conv2d ins(%y
  %b = npu.conv2d ins(%y : !t) constants(%c : !c) outs(%z : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
  npu.wait %b
  // CHECK-NEXT: cluster.max_pool2d ins(%u
  cluster.max_pool2d ins(%u : !t) outs(%v : !t) pads(%p, %p) {kernel = "k", window = array<i64: 1, 1, 1, 1, 1, 1>}
  // CHECK-NEXT: npu.wait %[[A]]
  // CHECK-NEXT: npu.wait %[[B]]
  // CHECK-NEXT: dma.start
  dma.start %z to %far on %token : !t to memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l2">
  dma.wait %token
  // CHECK: %[[C:.*]] = npu.conv2d
  // CHECK-NEXT: npu.wait %[[C]]
  // CHECK-NEXT: cluster.max_pool2d
  %d = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
  npu.wait %d
  cluster.max_pool2d ins(%u : !t) outs(%x : !t) pads(%p, %p) {kernel = "k", window = array<i64: 1, 1, 1, 1, 1, 1>}
  func.return
}
