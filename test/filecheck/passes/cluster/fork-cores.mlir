// All cores run one body; barriers stand where what one core wrote another reads, and nowhere else.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},fork-cores' --split-input-file | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},fork-cores' --split-input-file --remarks=analysis 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},fork-cores,verify-hazards' --split-input-file

!f = memref<64xi8, "l2">
!n = memref<64xi8, "l1">
// A load of core 0 is seen by all behind a barrier, what all have written by the store of core 0 behind
// another one; none between what core 0 does alone.
// REMARK: remark: analysis: fork-cores: 2 barriers
// CHECK-LABEL: func.func @once
// CHECK-COUNT-4: dma.buffer
// CHECK-NEXT: cluster.fork 8 {
// CHECK-NEXT:   %[[T:.*]] = dma.token
// CHECK-NEXT:   dma.start %x to %a on %[[T]]
// CHECK-NEXT:   dma.wait %[[T]]
// CHECK-NEXT:   cluster.barrier
// CHECK-NEXT:   cluster.copy ins(%a
// CHECK-NEXT:   %[[U:.*]] = dma.token
// CHECK-NEXT:   cluster.barrier
// CHECK-NEXT:   dma.start %b to %y on %[[U]]
// CHECK-NEXT:   dma.wait %[[U]]
// CHECK-NEXT: }
// CHECK-NEXT: func.return
func.func @once() {
  %x = dma.buffer at 0 "input" 0 : !f
  %y = dma.buffer at 64 "output" 0 : !f
  %a = dma.buffer at 0 : !n
  %b = dma.buffer at 64 : !n
  %t = dma.token
  dma.start %x to %a on %t : !f to !n
  dma.wait %t
  cluster.copy ins(%a : !n) outs(%b : !n) {kernel = "k"}
  %u = dma.token
  dma.start %b to %y on %u : !n to !f
  dma.wait %u
  func.return
}

// -----

!f = memref<64xi8, "l2">
!n = memref<64xi8, "l1">
// Core 0 loads, stores what it loaded and loads again: no barrier.
// REMARK: remark: analysis: fork-cores: 0 barriers
// CHECK-LABEL: func.func @alone
// CHECK-NOT: cluster.barrier
// CHECK: func.return
func.func @alone() {
  %x = dma.buffer at 0 "input" 0 : !f
  %y = dma.buffer at 64 "output" 0 : !f
  %a = dma.buffer at 0 : !n
  %t = dma.token
  dma.start %x to %a on %t : !f to !n
  dma.wait %t
  %u = dma.token
  dma.start %a to %y on %u : !n to !f
  dma.wait %u
  %v = dma.token
  dma.start %x to %a on %v : !f to !n
  dma.wait %v
  func.return
}

// -----

!f = memref<64xi8, "l2">
!n = memref<64xi8, "l1">
// Kernels that only read common bytes need none; the third reads what both wrote: one for both.
// REMARK: remark: analysis: fork-cores: 2 barriers
// CHECK-LABEL: func.func @readers
// CHECK:      cluster.fork 8 {
// CHECK:        dma.wait
// CHECK-NEXT:   cluster.barrier
// CHECK-NEXT:   cluster.copy ins(%a {{.*}} outs(%b
// CHECK-NEXT:   cluster.copy ins(%a {{.*}} outs(%c
// CHECK-NEXT:   cluster.barrier
// CHECK-NEXT:   cluster.add ins(%b, %c
// CHECK-NEXT: }
func.func @readers() {
  %x = dma.buffer at 0 "input" 0 : !f
  %a = dma.buffer at 0 : !n
  %b = dma.buffer at 64 : !n
  %c = dma.buffer at 128 : !n
  %d = dma.buffer at 192 : !n
  %t = dma.token
  dma.start %x to %a on %t : !f to !n
  dma.wait %t
  cluster.copy ins(%a : !n) outs(%b : !n) {kernel = "k"}
  cluster.copy ins(%a : !n) outs(%c : !n) {kernel = "k"}
  cluster.add ins(%b, %c : !n, !n) outs(%d : !n) {kernel = "k", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

!f = memref<64xi8, "l2">
!n = memref<64xi8, "l1">
// Buffers at one address depend on each other: the second load must not overtake the readers of the first.
// REMARK: remark: analysis: fork-cores: 3 barriers
// CHECK-LABEL: func.func @reused
// CHECK:        cluster.copy ins(%a
// CHECK-NEXT:   %[[T:.*]] = dma.token
// CHECK-NEXT:   cluster.barrier
// CHECK-NEXT:   dma.start %x to %c on %[[T]]
// CHECK-NEXT:   dma.wait %[[T]]
// CHECK-NEXT:   cluster.barrier
// CHECK-NEXT:   cluster.copy ins(%c
func.func @reused() {
  %x = dma.buffer at 0 "input" 0 : !f
  %a = dma.buffer at 0 : !n
  %b = dma.buffer at 64 : !n
  %c = dma.buffer at 0 : !n
  %d = dma.buffer at 128 : !n
  %t = dma.token
  dma.start %x to %a on %t : !f to !n
  dma.wait %t
  cluster.copy ins(%a : !n) outs(%b : !n) {kernel = "k"}
  %u = dma.token
  dma.start %x to %c on %u : !f to !n
  dma.wait %u
  cluster.copy ins(%c : !n) outs(%d : !n) {kernel = "k"}
  func.return
}

// -----

!f = memref<64xi8, "l2">
!n = memref<64xi8, "l1">
// All cores write scratch, so a kernel with the same one waits for the kernel before.
// REMARK: remark: analysis: fork-cores: 1 barriers
// CHECK-LABEL: func.func @scratch
// CHECK:      cluster.fork 8 {
// CHECK-NEXT:   cluster.copy ins(%a
// CHECK-NEXT:   cluster.barrier
// CHECK-NEXT:   cluster.copy ins(%a
// CHECK-NEXT: }
func.func @scratch() {
  %a = dma.buffer at 0 "input" 0 : !n
  %b = dma.buffer at 64 : !n
  %c = dma.buffer at 128 : !n
  %s = dma.buffer at 192 : !n
  cluster.copy ins(%a : !n) outs(%b : !n) scratch(%s : !n) {kernel = "k"}
  cluster.copy ins(%a : !n) outs(%c : !n) scratch(%s : !n) {kernel = "k"}
  func.return
}

// -----

!f = memref<64xi8, "l2">
!n = memref<64xi8, "l1">
// In a loop a round depends on the round before: the load waits for the readers of the last round. The
// first round needs the same barriers, so there are two.
// REMARK: remark: analysis: fork-cores: 2 barriers
// CHECK-LABEL: func.func @loop
// CHECK:      cluster.fork 8 {
// CHECK:        scf.for
// CHECK-NEXT:     %[[T:.*]] = dma.token
// CHECK-NEXT:     cluster.barrier
// CHECK-NEXT:     dma.start %x to %a on %[[T]]
// CHECK-NEXT:     dma.wait %[[T]]
// CHECK-NEXT:     cluster.barrier
// CHECK-NEXT:     cluster.copy ins(%a
// CHECK-NEXT:   }
// CHECK-NEXT: }
func.func @loop() {
  %x = dma.buffer at 0 "input" 0 : !f
  %a = dma.buffer at 0 : !n
  %b = dma.buffer at 64 "output" 0 : !n
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %t = dma.token
    dma.start %x to %a on %t : !f to !n
    dma.wait %t
    cluster.copy ins(%a : !n) outs(%b : !n) {kernel = "k"}
    scf.yield
  }
  func.return
}

// -----

!f = memref<64xi8, "l2">
!n = memref<64xi8, "l1">
// Tokens that a loop carries: the copy that was started before it, or in the round before, has ended where
// its token is waited for; the load into the other buffer waits for the readers of that.
// REMARK: remark: analysis: fork-cores: 2 barriers
// CHECK-LABEL: func.func @carried
// CHECK:      cluster.fork 8 {
// CHECK:        scf.for
// CHECK-NEXT:     dma.wait
// CHECK-NEXT:     cluster.barrier
// CHECK-NEXT:     cluster.copy ins(%a
// CHECK-NEXT:     dma.token
// CHECK-NEXT:     cluster.barrier
// CHECK-NEXT:     dma.start %x to %a
// CHECK-NEXT:     scf.yield
func.func @carried() {
  %x = dma.buffer at 0 "input" 0 : !f
  %a = dma.buffer at 0 : !n
  %b = dma.buffer at 64 "output" 0 : !n
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %t = dma.token
  dma.start %x to %a on %t : !f to !n
  %last = scf.for %i = %c0 to %c4 step %c1 iter_args(%now = %t) -> (!dma.token) {
    dma.wait %now
    cluster.copy ins(%a : !n) outs(%b : !n) {kernel = "k"}
    %u = dma.token
    dma.start %x to %a on %u : !f to !n
    scf.yield %u : !dma.token
  }
  dma.wait %last
  func.return
}

// -----

!f = memref<64xi8, "l2">
!n = memref<64xi8, "l1">
// What a branch may load counts behind it.
// REMARK: remark: analysis: fork-cores: 2 barriers
// CHECK-LABEL: func.func @branch
// CHECK:      cluster.fork 8 {
// CHECK:        cluster.copy ins(%a
// CHECK:        scf.if
// CHECK-NEXT:     %[[T:.*]] = dma.token
// CHECK-NEXT:     cluster.barrier
// CHECK-NEXT:     dma.start %x to %a on %[[T]]
// CHECK-NEXT:     dma.wait %[[T]]
// CHECK-NEXT:   }
// CHECK-NEXT:   cluster.barrier
// CHECK-NEXT:   cluster.copy ins(%a
func.func @branch() {
  %x = dma.buffer at 0 "input" 0 : !f
  %a = dma.buffer at 0 "input" 1 : !n
  %b = dma.buffer at 64 : !n
  %d = dma.buffer at 128 : !n
  cluster.copy ins(%a : !n) outs(%b : !n) {kernel = "k"}
  %c0 = arith.constant 0 : index
  %yes = arith.cmpi eq, %c0, %c0 : index
  scf.if %yes {
    %t = dma.token
    dma.start %x to %a on %t : !f to !n
    dma.wait %t
  }
  cluster.copy ins(%a : !n) outs(%d : !n) {kernel = "k"}
  func.return
}
