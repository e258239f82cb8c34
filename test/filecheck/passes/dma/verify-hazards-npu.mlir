// Jobs run beside the cores, in their order: what they touch is not to be touched before the wait.
// RUN: opt-tool %s -p verify-hazards --split-input-file --verify-diagnostics

!t = memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x1312xi8, "l1">

// A job may read what the one before it writes: they run one after the other.
func.func @in_order() {
  %p = arith.constant 0 : index
  %x = dma.buffer at 0 : !t
  %y = dma.buffer at 2048 : !t
  %z = dma.buffer at 4096 : !t
  %c = dma.buffer at 8192 : !c
  "test.op"(%x, %c) : (!t, !c) -> ()
  %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
  %b = npu.conv2d ins(%y : !t) constants(%c : !c) outs(%z : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
  npu.wait %a
  npu.wait %b
  func.return
}

// -----

!t = memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x1312xi8, "l1">
func.func @dropped_wait() {
  %p = arith.constant 0 : index
  %x = dma.buffer at 0 : !t
  %y = dma.buffer at 2048 : !t
  %c = dma.buffer at 8192 : !c
  "test.op"(%x, %c) : (!t, !c) -> ()
  // expected-error@+1 {{the token is never waited for; wait for it before the function ends}}
  %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
  func.return
}

// -----

!t = memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x1312xi8, "l1">
func.func @read_while_it_runs() {
  %p = arith.constant 0 : index
  %x = dma.buffer at 0 : !t
  %y = dma.buffer at 2048 : !t
  %z = dma.buffer at 4096 : !t
  %c = dma.buffer at 8192 : !c
  "test.op"(%x, %c) : (!t, !c) -> ()
  cluster.fork 8 {
    %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
    // expected-error@+1 {{may still be writing; wait for its token before}}
    cluster.max_pool2d ins(%y : !t) outs(%z : !t) pads(%p, %p) {kernel = "k", window = array<i64: 1, 1, 1, 1, 1, 1>}
    npu.wait %a
  }
  func.return
}

// -----

!t = memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x1312xi8, "l1">
func.func @missing_barrier() {
  %p = arith.constant 0 : index
  %x = dma.buffer at 0 : !t
  %y = dma.buffer at 2048 : !t
  %z = dma.buffer at 4096 : !t
  %c = dma.buffer at 8192 : !c
  "test.op"(%x, %c) : (!t, !c) -> ()
  cluster.fork 8 {
    %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
    npu.wait %a
    // expected-error@+1 {{missing barrier: reads bytes}}
    cluster.max_pool2d ins(%y : !t) outs(%z : !t) pads(%p, %p) {kernel = "k", window = array<i64: 1, 1, 1, 1, 1, 1>}
  }
  func.return
}

// -----

!t = memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x1312xi8, "l1">
func.func @job_on_a_buffer_that_is_still_loaded() {
  %p = arith.constant 0 : index
  %x = dma.buffer at 0 : !t
  %y = dma.buffer at 2048 : !t
  %c = dma.buffer at 8192 : !c
  "test.op"(%x, %c) : (!t, !c) -> ()
  %far = dma.buffer at 0 "input" 0 : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l2">
  %t = dma.token
  dma.start %far to %x on %t : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l2"> to !t
  // expected-error@+1 {{may still be writing; wait for its token before}}
  %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
  npu.wait %a
  dma.wait %t
  func.return
}
