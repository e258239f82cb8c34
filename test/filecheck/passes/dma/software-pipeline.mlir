// What overlaps with what, by the number of buffers.
// RUN: opt-tool %s -p software-pipeline | filecheck %s

!far = memref<1x8x4xi8, "l2">
!row = memref<1x1x4xi8, strided<[32, 4, 1], offset: ?>, "l2">
!one = memref<1x1x4xi8, strided<[4, 4, 1], offset: ?>, "l1">
// One buffer: nothing overlaps.
// CHECK-LABEL: func.func @alone
// CHECK:      %[[C7:.*]] = arith.constant 7 : index
// CHECK:      scf.for %[[I:.*]] = %{{.*}} to %[[C7]] step
// CHECK-NEXT:   %[[T:.*]] = dma.token
// CHECK-NEXT:   %[[W:.*]] = memref.subview %x[0, %[[I]], 0]
// CHECK-NEXT:   dma.start %[[W]] to %a on %[[T]]
// CHECK-NEXT:   dma.wait %[[T]]
// CHECK-NEXT:   cluster.copy ins(%a
// CHECK-NEXT:   %[[U:.*]] = dma.token
// CHECK-NEXT:   %[[V:.*]] = memref.subview %y[0, %[[I]], 0]
// CHECK-NEXT:   dma.start %b to %[[V]] on %[[U]]
// CHECK-NEXT:   dma.wait %[[U]]
// CHECK-NEXT: }
func.func @alone() {
  %x = dma.buffer "input" 0 : !far
  %y = dma.buffer "output" 0 : !far
  %a = dma.buffer : memref<1x1x4xi8, "l1">
  %b = dma.buffer : memref<1x1x4xi8, "l1">
  dma.pipeline 8 buffers 1 constants {
  ^bb0(%i : index):
  } inputs {
  ^bb0(%i : index):
    %w = memref.subview %x[0, %i, 0][1, 1, 4][1, 1, 1] : !far to !row
    dma.copy %w to %a : !row to memref<1x1x4xi8, "l1">
  } compute {
  ^bb0(%i : index):
    cluster.copy ins(%a : memref<1x1x4xi8, "l1">) outs(%b : memref<1x1x4xi8, "l1">) {kernel = "k"}
  } store {
  ^bb0(%i : index):
    %w = memref.subview %y[0, %i, 0][1, 1, 4][1, 1, 1] : !far to !row
    dma.copy %b to %w : memref<1x1x4xi8, "l1"> to !row
  }
  func.return
}

// Two: while a round computes the next one's input comes and the result of the one before leaves.
// CHECK-LABEL: func.func @two
// CHECK:      %[[T0:.*]] = dma.token
// CHECK-NEXT: memref.subview %x[0, 0, 0]
// CHECK-NEXT: memref.subview %a[0, 0, 0]
// CHECK-NEXT: dma.start {{.*}} on %[[T0]]
// CHECK-NEXT: dma.wait %[[T0]]
// CHECK-NEXT: %[[T1:.*]] = dma.token
// CHECK-NEXT: memref.subview %x[0, 1, 0]
// CHECK-NEXT: memref.subview %a[1, 0, 0]
// CHECK-NEXT: dma.start {{.*}} on %[[T1]]
// CHECK-NEXT: memref.subview %a[0, 0, 0]
// CHECK-NEXT: memref.subview %b[0, 0, 0]
// CHECK-NEXT: cluster.copy
// CHECK-NEXT: dma.wait %[[T1]]
// CHECK-NEXT: %[[S0:.*]] = dma.token
// CHECK-NEXT: memref.subview %y[0, 0, 0]
// CHECK-NEXT: memref.subview %b[0, 0, 0]
// CHECK-NEXT: dma.start {{.*}} on %[[S0]]
// CHECK-NEXT: %[[T2:.*]] = dma.token
// CHECK-NEXT: memref.subview %x[0, 2, 0]
// CHECK-NEXT: memref.subview %a[0, 0, 0]
// CHECK-NEXT: dma.start {{.*}} on %[[T2]]
// CHECK-NEXT: memref.subview %a[1, 0, 0]
// CHECK-NEXT: memref.subview %b[1, 0, 0]
// CHECK-NEXT: cluster.copy
// CHECK:      %[[LOAD:.*]], %[[STORE:.*]] = scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[L:.*]] = %[[T2]], %[[S:.*]] = %[[S0]]) -> (!dma.token, !dma.token) {
// CHECK-NEXT:   dma.wait %[[L]]
// CHECK-NEXT:   dma.wait %[[S]]
// CHECK:        %[[BEFORE:.*]] = arith.addi %[[I]],
// CHECK-NEXT:   %[[NS:.*]] = dma.token
// CHECK:        memref.subview %y[0, %[[BEFORE]], 0]
// CHECK:        dma.start {{.*}} on %[[NS]]
// CHECK:        %[[AFTER:.*]] = arith.addi %[[I]],
// CHECK-NEXT:   %[[NL:.*]] = dma.token
// CHECK:        memref.subview %x[0, %[[AFTER]], 0]
// CHECK:        dma.start {{.*}} on %[[NL]]
// CHECK:        %[[SLOT:.*]] = arith.remui %[[I]],
// CHECK-NEXT:   memref.subview %a[%[[SLOT]], 0, 0]
// CHECK-NEXT:   memref.subview %b[%[[SLOT]], 0, 0]
// CHECK-NEXT:   cluster.copy
// CHECK-NEXT:   scf.yield %[[NL]], %[[NS]]
// CHECK-NEXT: }
// CHECK-NEXT: dma.wait %[[LOAD]]
// CHECK-NEXT: dma.wait %[[STORE]]
// CHECK-NEXT: %[[S6:.*]] = dma.token
// CHECK-NEXT: memref.subview %y[0, 6, 0]
// CHECK-NEXT: memref.subview %b[0, 0, 0]
// CHECK-NEXT: dma.start {{.*}} on %[[S6]]
// CHECK-NEXT: memref.subview %a[1, 0, 0]
// CHECK-NEXT: memref.subview %b[1, 0, 0]
// CHECK-NEXT: cluster.copy
// CHECK-NEXT: %[[S7:.*]] = dma.token
// CHECK-NEXT: memref.subview %y[0, 7, 0]
// CHECK-NEXT: memref.subview %b[1, 0, 0]
// CHECK-NEXT: dma.start {{.*}} on %[[S7]]
// CHECK-NEXT: dma.wait %[[S6]]
// CHECK-NEXT: dma.wait %[[S7]]
// CHECK-NEXT: func.return
func.func @two() {
  %x = dma.buffer "input" 0 : !far
  %y = dma.buffer "output" 0 : !far
  %a = dma.buffer : memref<2x1x4xi8, "l1">
  %b = dma.buffer : memref<2x1x4xi8, "l1">
  dma.pipeline 8 buffers 2 constants {
  ^bb0(%i : index):
  } inputs {
  ^bb0(%i : index):
    %c2 = arith.constant 2 : index
    %slot = arith.remui %i, %c2 : index
    %w = memref.subview %x[0, %i, 0][1, 1, 4][1, 1, 1] : !far to !row
    %v = memref.subview %a[%slot, 0, 0][1, 1, 4][1, 1, 1] : memref<2x1x4xi8, "l1"> to !one
    dma.copy %w to %v : !row to !one
  } compute {
  ^bb0(%i : index):
    %c2 = arith.constant 2 : index
    %slot = arith.remui %i, %c2 : index
    %v = memref.subview %a[%slot, 0, 0][1, 1, 4][1, 1, 1] : memref<2x1x4xi8, "l1"> to !one
    %u = memref.subview %b[%slot, 0, 0][1, 1, 4][1, 1, 1] : memref<2x1x4xi8, "l1"> to !one
    cluster.copy ins(%v : !one) outs(%u : !one) {kernel = "k"}
  } store {
  ^bb0(%i : index):
    %c2 = arith.constant 2 : index
    %slot = arith.remui %i, %c2 : index
    %w = memref.subview %y[0, %i, 0][1, 1, 4][1, 1, 1] : !far to !row
    %u = memref.subview %b[%slot, 0, 0][1, 1, 4][1, 1, 1] : memref<2x1x4xi8, "l1"> to !one
    dma.copy %u to %w : !one to !row
  }
  func.return
}

// Three: the inputs of two rounds are on their way; the result is made in place.
// CHECK-LABEL: func.func @three
// CHECK:      dma.start {{.*}} on %[[T0:.*]] :
// CHECK:      dma.start {{.*}} on %[[T1:.*]] :
// CHECK-NEXT: dma.wait %[[T0]]
// CHECK:      memref.subview %x[0, 2, 0]
// CHECK:      memref.subview %a[2, 0, 0]
// CHECK:      dma.start {{.*}} on %[[T2:.*]] :
// CHECK:      cluster.copy
// CHECK:      %[[L6:.*]], %[[L7:.*]] = scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[A:.*]] = %[[T1]], %[[B:.*]] = %[[T2]]) -> (!dma.token, !dma.token) {
// CHECK-NEXT:   dma.wait %[[A]]
// CHECK-NEXT:   %[[C2:.*]] = arith.constant 2 : index
// CHECK-NEXT:   %[[AHEAD:.*]] = arith.addi %[[I]], %[[C2]]
// CHECK-NEXT:   %[[NEW:.*]] = dma.token
// CHECK:        memref.subview %x[0, %[[AHEAD]], 0]
// CHECK:        dma.start {{.*}} on %[[NEW]] :
// CHECK-NOT:    dma.wait
// CHECK:        cluster.copy
// CHECK-NEXT:   scf.yield %[[B]], %[[NEW]]
// CHECK-NEXT: }
// CHECK-NEXT: dma.wait %[[L6]]
// CHECK-NOT:  dma.start
// CHECK:      cluster.copy
// CHECK-NEXT: dma.wait %[[L7]]
// CHECK-NOT:  dma.start
// CHECK:      cluster.copy
// CHECK-NEXT: func.return
func.func @three() {
  %x = dma.buffer "input" 0 : !far
  %a = dma.buffer : memref<3x1x4xi8, "l1">
  %b = dma.buffer : memref<8x1x4xi8, "l1">
  dma.pipeline 8 buffers 3 constants {
  ^bb0(%i : index):
  } inputs {
  ^bb0(%i : index):
    %c3 = arith.constant 3 : index
    %slot = arith.remui %i, %c3 : index
    %w = memref.subview %x[0, %i, 0][1, 1, 4][1, 1, 1] : !far to !row
    %v = memref.subview %a[%slot, 0, 0][1, 1, 4][1, 1, 1] : memref<3x1x4xi8, "l1"> to !one
    dma.copy %w to %v : !row to !one
  } compute {
  ^bb0(%i : index):
    %c3 = arith.constant 3 : index
    %slot = arith.remui %i, %c3 : index
    %v = memref.subview %a[%slot, 0, 0][1, 1, 4][1, 1, 1] : memref<3x1x4xi8, "l1"> to !one
    %u = memref.subview %b[%i, 0, 0][1, 1, 4][1, 1, 1] : memref<8x1x4xi8, "l1"> to !one
    cluster.copy ins(%v : !one) outs(%u : !one) {kernel = "k"}
  } store {
  ^bb0(%i : index):
  }
  func.return
}

// One round: no loop, and constants come while the input does.
// CHECK-LABEL: func.func @once
// CHECK:      %[[C:.*]] = dma.token
// CHECK-NEXT: dma.start %c to %d on %[[C]] :
// CHECK-NEXT: %[[X:.*]] = dma.token
// CHECK-NEXT: dma.start %x to %a on %[[X]] :
// CHECK-NEXT: dma.wait %[[C]]
// CHECK-NEXT: dma.wait %[[X]]
// CHECK-NEXT: cluster.copy
// CHECK-NEXT: %[[Y:.*]] = dma.token
// CHECK-NEXT: dma.start %b to %y on %[[Y]] :
// CHECK-NEXT: dma.wait %[[Y]]
// CHECK-NEXT: func.return
func.func @once() {
  %x = dma.buffer "input" 0 : memref<4xi8, "l2">
  %y = dma.buffer "output" 0 : memref<4xi8, "l2">
  %c = dma.constant @c : memref<4xi8, "l2">
  %a = dma.buffer : memref<4xi8, "l1">
  %b = dma.buffer : memref<4xi8, "l1">
  %d = dma.buffer : memref<4xi8, "l1">
  dma.pipeline 1 buffers 2 constants {
  ^bb0(%i : index):
    dma.copy %c to %d : memref<4xi8, "l2"> to memref<4xi8, "l1">
  } inputs {
  ^bb0(%i : index):
    dma.copy %x to %a : memref<4xi8, "l2"> to memref<4xi8, "l1">
  } compute {
  ^bb0(%i : index):
    cluster.copy ins(%a : memref<4xi8, "l1">) outs(%b : memref<4xi8, "l1">) {kernel = "k"}
  } store {
  ^bb0(%i : index):
    dma.copy %b to %y : memref<4xi8, "l1"> to memref<4xi8, "l2">
  }
  func.return
}

// What changes every 4 rounds is fetched in rounds 0 and 4 only, with the input on one token.
// CHECK-LABEL: func.func @rarely
// CHECK:      memref.subview %c[0, 0]
// CHECK:      dma.start
// CHECK:      scf.for %[[I:.*]] = %{{.*}} to
// CHECK:        %[[NEXT:.*]] = arith.addi %[[I]],
// CHECK-NEXT:   %[[T:.*]] = dma.token
// CHECK:        %[[W:.*]] = memref.subview %c[
// CHECK:        %[[V:.*]] = memref.subview %d[
// CHECK:        %[[C4:.*]] = arith.constant 4 : index
// CHECK-NEXT:   %[[REST:.*]] = arith.remui %[[NEXT]], %[[C4]]
// CHECK-NEXT:   %[[C0:.*]] = arith.constant 0 : index
// CHECK-NEXT:   %[[DUE:.*]] = arith.cmpi eq, %[[REST]], %[[C0]]
// CHECK-NEXT:   scf.if %[[DUE]] {
// CHECK-NEXT:     dma.start %[[W]] to %[[V]] on %[[T]] :
// CHECK-NEXT:   }
// CHECK:        memref.subview %x[0, %[[NEXT]], 0]
// CHECK:        dma.start {{.*}} on %[[T]] :
// CHECK:        scf.yield %[[T]]
// CHECK:      }
// CHECK-NOT:  dma.start
// CHECK:      func.return
func.func @rarely() {
  %x = dma.buffer "input" 0 : !far
  %c = dma.constant @c : memref<2x4xi8, "l2">
  %d = dma.buffer : memref<2x4xi8, "l1">
  %a = dma.buffer : memref<2x1x4xi8, "l1">
  %b = dma.buffer : memref<8x1x4xi8, "l1">
  dma.pipeline 8 buffers 2 constants {
  ^bb0(%i : index):
    %c4 = arith.constant 4 : index
    %c2 = arith.constant 2 : index
    %turn = arith.divui %i, %c4 : index
    %slot = arith.remui %turn, %c2 : index
    %w = memref.subview %c[%turn, 0][1, 4][1, 1] : memref<2x4xi8, "l2"> to memref<1x4xi8, strided<[4, 1], offset: ?>, "l2">
    %v = memref.subview %d[%slot, 0][1, 4][1, 1] : memref<2x4xi8, "l1"> to memref<1x4xi8, strided<[4, 1], offset: ?>, "l1">
    dma.copy %w to %v every 4 : memref<1x4xi8, strided<[4, 1], offset: ?>, "l2"> to memref<1x4xi8, strided<[4, 1], offset: ?>, "l1">
  } inputs {
  ^bb0(%i : index):
    %c2 = arith.constant 2 : index
    %slot = arith.remui %i, %c2 : index
    %w = memref.subview %x[0, %i, 0][1, 1, 4][1, 1, 1] : !far to !row
    %v = memref.subview %a[%slot, 0, 0][1, 1, 4][1, 1, 1] : memref<2x1x4xi8, "l1"> to !one
    dma.copy %w to %v : !row to !one
  } compute {
  ^bb0(%i : index):
    %c2 = arith.constant 2 : index
    %slot = arith.remui %i, %c2 : index
    %v = memref.subview %a[%slot, 0, 0][1, 1, 4][1, 1, 1] : memref<2x1x4xi8, "l1"> to !one
    %u = memref.subview %b[%i, 0, 0][1, 1, 4][1, 1, 1] : memref<8x1x4xi8, "l1"> to !one
    cluster.copy ins(%v : !one) outs(%u : !one) {kernel = "k"}
  } store {
  ^bb0(%i : index):
  }
  func.return
}
