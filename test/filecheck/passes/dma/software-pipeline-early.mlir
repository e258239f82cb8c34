// The first constants of a pipeline come while the one before computes its last round, where they fit.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},software-pipeline' | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},software-pipeline{early=false}' | filecheck %s --check-prefix=LATE
// RUN: sed 's/4000xi8/240000xi8/g' %s > %t.mlir && opt-tool %t.mlir -p 'set-platform{platform=siracusa-cores},software-pipeline' --remarks=missed 2>&1 | filecheck %s --check-prefix=FULL

// CHECK-LABEL: func.func @net
// CHECK:      %[[A:.*]] = dma.token
// CHECK-NEXT: dma.start %c to %c1 on %[[A]]
// CHECK:      dma.wait %[[A]]
// CHECK:      %[[B:.*]] = dma.token
// CHECK-NEXT: dma.start %d to %d1 on %[[B]]
// CHECK-NEXT: cluster.table ins(%m
// CHECK-NOT:  dma.start
// CHECK:      dma.wait %[[B]]
// CHECK-NEXT: cluster.table ins(%n

// LATE:      cluster.table ins(%m
// LATE:      %[[B:.*]] = dma.token
// LATE-NEXT: dma.start %d to %d1 on %[[B]]
// LATE-NEXT: dma.wait %[[B]]
// LATE-NEXT: cluster.table ins(%n

// FULL: remark: missed: software-pipeline: constants not fetched ahead: no room
// FULL:      cluster.table ins(%m
// FULL:      %[[B:.*]] = dma.token
// FULL-NEXT: dma.start %d to %d1 on %[[B]]
// FULL-NEXT: dma.wait %[[B]]
!t = memref<1x256xi8, "l1">
!v = memref<4000xi8, "l1">
func.func @net() {
  %x = dma.buffer "input" 0 : memref<4000xi8, "l2">
  %c = dma.constant @c : memref<1x256xi8, "l2">
  %d = dma.constant @d : memref<1x256xi8, "l2">
  %m = dma.buffer : !v
  %c1 = dma.buffer : !t
  %n = dma.buffer : !v
  dma.pipeline 1 buffers 1 constants {
  ^bb0(%i : index):
    dma.copy %c to %c1 : memref<1x256xi8, "l2"> to !t
  } inputs {
  ^bb0(%i : index):
    dma.copy %x to %m : memref<4000xi8, "l2"> to !v
  } compute {
  ^bb0(%i : index):
    cluster.table ins(%m : !v) constants(%c1 : !t) outs(%n : !v) {kernel = "k"}
  } store {
  ^bb0(%i : index):
  }
  %d1 = dma.buffer : !t
  %y = dma.buffer : memref<4000xi8, "l1">
  dma.pipeline 1 buffers 1 constants {
  ^bb0(%i : index):
    dma.copy %d to %d1 : memref<1x256xi8, "l2"> to !t
  } inputs {
  ^bb0(%i : index):
  } compute {
  ^bb0(%i : index):
    cluster.table ins(%n : !v) constants(%d1 : !t) outs(%y : !v) {kernel = "k"}
  } store {
  ^bb0(%i : index):
  }
  func.return
}
