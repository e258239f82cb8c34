// A job, an addition on the cores of what it makes, a job on that: three layers whose bands take
// turns. Rows of a band that need those of a later one wait for it.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},overlap-units,cse' | filecheck %s
// RUN: opt-tool %s --remarks=passed -p 'set-platform{platform=siracusa},overlap-units' 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},overlap-units,defer-waits,plan-memory,verify-memory,fork-cores,verify-hazards' | filecheck %s --check-prefix=FORKED
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},overlap-units' | filecheck %s --check-prefix=ALONE

// REMARK: remark: passed: overlap-units: {{.*}} cycles instead of {{.*}}: add beside conv2d
// REMARK: remark: passed: overlap-units: {{.*}} cycles instead of {{.*}}: transfers earlier

!t = memref<1x24x24x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x16672xi8, "l1">

// CHECK-LABEL: func.func @block
// ALONE-LABEL: func.func @block
// FORKED-LABEL: func.func @block
func.func @block() {
  %pad = arith.constant 1 : index
  %x = dma.buffer "input" 0 : !t
  %c = dma.buffer "input" 1 : !c
  %out = dma.buffer "output" 0 : !t
  %y = dma.buffer : !t
  %z = dma.buffer : !t
  // Rows 0 to 5 need one row of padding and seven rows of the input, rows 6 to 11 eight of them.
  // CHECK: memref.subview %x[0, 0, 0, 0] [1, 7, 24, 32]
  // CHECK: %[[A:.*]] = npu.conv2d {{.*}} pads(%pad, %pad)
  // CHECK: memref.subview %x[0, 5, 0, 0] [1, 8, 24, 32]
  // CHECK: memref.subview %y[0, 6, 0, 0] [1, 6, 24, 32]
  // CHECK: %[[ZERO:.*]] = arith.constant 0 : index
  // CHECK: %[[B:.*]] = npu.conv2d {{.*}} pads(%[[ZERO]], %pad)
  // The first rows are added as soon as the first job has ended; the second one still runs.
  // CHECK: npu.wait %[[A]]
  // CHECK-NOT: npu.wait
  // CHECK: cluster.add ins({{.*}} : memref<1x4x24x32x
  // CHECK: npu.wait %[[B]]
  // The second layer begins before the first one has ended.
  // CHECK: memref.subview %z[0, 0, 0, 0] [1, 7, 24, 32]
  // CHECK: npu.conv2d
  // CHECK: npu.wait
  // CHECK: memref.subview %y[0, 20, 0, 0] [1, 4, 24, 32]
  // CHECK: cluster.add
  // CHECK-NOT: cluster.add
  // CHECK: func.return

  // ALONE: npu.conv2d
  // ALONE-NEXT: npu.wait
  // ALONE-NEXT: cluster.add
  // ALONE-NEXT: npu.conv2d
  // ALONE-NEXT: npu.wait
  // ALONE-NEXT: func.return

  // What all cores have added the NPU may read behind a barrier.
  // FORKED: cluster.fork 8
  // FORKED: npu.wait
  // FORKED: cluster.barrier
  // FORKED: cluster.add
  // FORKED: cluster.barrier
  // FORKED: npu.conv2d
  %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%pad, %pad) {layer = #npu.layer<dense, 32 to 32 channels>}
  npu.wait %a
  cluster.add ins(%x, %y : !t, !t) outs(%z : !t) {kernel = "rn_cluster_add_s8_xpulp", multipliers = array<i32: 1048576, 1048576>, bias = 1048576 : i32, shift = 21 : i32, clamp = array<i32: -128, 127>}
  %b = npu.conv2d ins(%z : !t) constants(%c : !c) outs(%out : !t) pads(%pad, %pad) {layer = #npu.layer<dense, 32 to 32 channels>}
  npu.wait %b
  func.return
}

// Only the cores have work: there are no bands, but the copy that the second addition waits for begins
// before the first one, with and without an NPU on the platform.
// CHECK-LABEL: func.func @cores_alone
// ALONE-LABEL: func.func @cores_alone
func.func @cores_alone() {
  %x = dma.buffer "input" 0 : !t
  %far = dma.buffer "input" 1 : memref<1x24x24x32x!quant.uniform<i8:f32, 0.5>, "l2">
  %y = dma.buffer : !t
  %near = dma.buffer : !t
  %out = dma.buffer "output" 0 : !t
  // CHECK: dma.start %far to %near
  // CHECK: cluster.add ins(%x, %x
  // CHECK: dma.wait
  // CHECK: cluster.add ins(%y, %near
  // CHECK-NEXT: func.return
  // ALONE: dma.start %far to %near
  // ALONE: cluster.add ins(%x, %x
  // ALONE: dma.wait
  // ALONE: cluster.add ins(%y, %near
  // ALONE-NEXT: func.return
  cluster.add ins(%x, %x : !t, !t) outs(%y : !t) {kernel = "rn_cluster_add_s8_xpulp", multipliers = array<i32: 1048576, 1048576>, bias = 1048576 : i32, shift = 21 : i32, clamp = array<i32: -128, 127>}
  %t = dma.token
  dma.start %far to %near on %t : memref<1x24x24x32x!quant.uniform<i8:f32, 0.5>, "l2"> to !t
  dma.wait %t
  cluster.add ins(%y, %near : !t, !t) outs(%out : !t) {kernel = "rn_cluster_add_s8_xpulp", multipliers = array<i32: 1048576, 1048576>, bias = 1048576 : i32, shift = 21 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// What gains nothing stays as it is: there is nothing to do beside the job.
// CHECK-LABEL: func.func @nothing_beside
func.func @nothing_beside() {
  %pad = arith.constant 1 : index
  %x = dma.buffer "input" 0 : !t
  %c = dma.buffer "input" 1 : !c
  %y = dma.buffer "output" 0 : !t
  // CHECK: %[[A:.*]] = npu.conv2d ins(%x
  // CHECK-NEXT: npu.wait %[[A]]
  %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%pad, %pad) {layer = #npu.layer<dense, 32 to 32 channels>}
  npu.wait %a
  func.return
}
