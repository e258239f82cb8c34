// Copies become what the engine takes: two dimensions, 131,071 bytes.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},split-transfers' | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},split-transfers' --remarks=passed 2>&1 | filecheck %s --check-prefix=REMARK

// REMARK: remark: passed: split-transfers: copy in steps of 1: 3 dimensions, up to 48 bytes
!f = memref<1x6x6x8xi8, "l2">
!n = memref<1x4x4x4xi8, "l1">
!w = memref<1x3x4x4xi8, strided<[288, 48, 8, 1], offset: ?>, "l2">
!v = memref<1x3x4x4xi8, strided<[64, 16, 4, 1]>, "l1">
// Rows of a part of the columns and channels: a loop over rows.
// CHECK-LABEL: func.func @rows
// CHECK:      %[[W:.*]] = memref.subview %x[
// CHECK-NEXT: %[[V:.*]] = memref.subview %a[
// CHECK-NEXT: %[[C0:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[C3:.*]] = arith.constant 3 : index
// CHECK-NEXT: %[[C1:.*]] = arith.constant 1 : index
// CHECK-NEXT: scf.for %[[I:.*]] = %[[C0]] to %[[C3]] step %[[C1]] {
// CHECK-NEXT:   %[[S:.*]] = memref.subview %[[W]][0, %[[I]], 0, 0] [1, 1, 4, 4]
// CHECK-NEXT:   %[[T:.*]] = memref.subview %[[V]][0, %[[I]], 0, 0] [1, 1, 4, 4]
// CHECK-NEXT:   dma.start %[[S]] to %[[T]] on %t : memref<1x1x4x4xi8, strided<[288, 48, 8, 1], offset: ?>, "l2"> to memref<1x1x4x4xi8, strided<[64, 16, 4, 1], offset: ?>, "l1">
// CHECK-NEXT: }
// CHECK-NEXT: dma.wait %t
func.func @rows(%i : index) {
  %x = dma.buffer "input" 0 : !f
  %a = dma.buffer : !n
  %t = dma.token
  %w = memref.subview %x[0, %i, 0, 0][1, 3, 4, 4][1, 1, 1, 1] : !f to !w
  %v = memref.subview %a[0, 0, 0, 0][1, 3, 4, 4][1, 1, 1, 1] : !n to !v
  dma.start %w to %v on %t : !w to !v
  dma.wait %t
  func.return
}

// Whole rows are one run at both ends, whole columns at one: one copy of at most two dimensions.
// CHECK-LABEL: func.func @fits
// CHECK-NOT: scf.for
// CHECK-COUNT-2: dma.start
func.func @fits(%i : index) {
  %x = dma.buffer "input" 0 : !f
  %a = dma.buffer : memref<1x3x6x8xi8, "l1">
  %b = dma.buffer : memref<1x3x6x4xi8, "l1">
  %t = dma.token
  %w = memref.subview %x[0, %i, 0, 0][1, 3, 6, 8][1, 1, 1, 1] : !f to memref<1x3x6x8xi8, strided<[288, 48, 8, 1], offset: ?>, "l2">
  dma.start %w to %a on %t : memref<1x3x6x8xi8, strided<[288, 48, 8, 1], offset: ?>, "l2"> to memref<1x3x6x8xi8, "l1">
  %u = memref.subview %x[0, %i, 0, 0][1, 3, 6, 4][1, 1, 1, 1] : !f to memref<1x3x6x4xi8, strided<[288, 48, 8, 1], offset: ?>, "l2">
  dma.start %u to %b on %t : memref<1x3x6x4xi8, strided<[288, 48, 8, 1], offset: ?>, "l2"> to memref<1x3x6x4xi8, "l1">
  dma.wait %t
  func.return
}

// 150,000 bytes in one run: pieces of 131,071, the last one smaller.
// CHECK-LABEL: func.func @long
// CHECK:      %[[C0:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[ALL:.*]] = arith.constant 150000 : index
// CHECK-NEXT: %[[STEP:.*]] = arith.constant 131071 : index
// CHECK-NEXT: scf.for %[[I:.*]] = %[[C0]] to %[[ALL]] step %[[STEP]] {
// CHECK-DAG:    %[[LIMIT:.*]] = arith.constant 131071 : index
// CHECK-DAG:    %[[LESS:.*]] = arith.subi %{{.*}}, %[[I]]
// CHECK-DAG:    %[[LEFT:.*]] = arith.addi %[[LESS]], %{{.*}}
// CHECK-DAG:    %[[N:.*]] = arith.minsi %[[LIMIT]], %[[LEFT]]
// CHECK-NEXT:   memref.subview %x[%[[I]]] [%[[N]]] [1]
// CHECK-NEXT:   memref.subview %a[%[[I]]] [%[[N]]] [1]
// CHECK-NEXT:   dma.start
func.func @long() {
  %x = dma.buffer "input" 0 : memref<150000xi8, "l2">
  %a = dma.buffer : memref<150000xi8, "l1">
  %t = dma.token
  dma.start %x to %a on %t : memref<150000xi8, "l2"> to memref<150000xi8, "l1">
  dma.wait %t
  func.return
}

// A row of two is too long: a loop over rows, and one over pieces of a row.
// CHECK-LABEL: func.func @wide
// CHECK:      %[[C2:.*]] = arith.constant 2 : index
// CHECK:      scf.for %[[I:.*]] = %{{.*}} to %[[C2]] step
// CHECK-NEXT:   %[[S:.*]] = memref.subview %{{.*}}[%[[I]], 0] [1, 180000]
// CHECK:        %[[ALL:.*]] = arith.constant 180000 : index
// CHECK-NEXT:   %[[STEP:.*]] = arith.constant 131071 : index
// CHECK-NEXT:   scf.for %[[J:.*]] = %{{.*}} to %[[ALL]] step %[[STEP]]
// CHECK:          memref.subview %[[S]][0, %[[J]]] [1, %{{.*}}]
// CHECK:          dma.start
func.func @wide() {
  %x = dma.buffer : memref<2x200000xi8, "l2">
  %y = dma.buffer : memref<2x180000xi8, "l1">
  %t = dma.token
  %w = memref.subview %x[0, 0][2, 180000][1, 1] : memref<2x200000xi8, "l2"> to memref<2x180000xi8, strided<[200000, 1]>, "l2">
  dma.start %w to %y on %t : memref<2x180000xi8, strided<[200000, 1]>, "l2"> to memref<2x180000xi8, "l1">
  dma.wait %t
  func.return
}

// The number of rows is not known, the buffer bounds it: 50 rows of 3,000 bytes are too much, 43 are not.
// CHECK-LABEL: func.func @bounded
// CHECK: %[[STEP:.*]] = arith.constant 43 : index
// CHECK: scf.for {{.*}} to %n step %[[STEP]]
// CHECK: dma.start
func.func @bounded(%n : index) {
  %x = dma.buffer "input" 0 : memref<100x3000xi8, "l2">
  %a = dma.buffer : memref<50x3000xi8, "l1">
  %t = dma.token
  %w = memref.subview %x[0, 0][%n, 3000][1, 1] : memref<100x3000xi8, "l2"> to memref<?x3000xi8, strided<[3000, 1]>, "l2">
  %v = memref.subview %a[0, 0][%n, 3000][1, 1] : memref<50x3000xi8, "l1"> to memref<?x3000xi8, strided<[3000, 1]>, "l1">
  dma.start %w to %v on %t : memref<?x3000xi8, strided<[3000, 1]>, "l2"> to memref<?x3000xi8, strided<[3000, 1]>, "l1">
  dma.wait %t
  func.return
}

// A minimum bounds it more tightly: 40 rows fit.
// CHECK-LABEL: func.func @least
// CHECK-NOT: scf.for
// CHECK: dma.start
func.func @least(%m : index) {
  %c40 = arith.constant 40 : index
  %n = arith.minsi %m, %c40 : index
  %x = dma.buffer "input" 0 : memref<100x3000xi8, "l2">
  %a = dma.buffer : memref<50x3000xi8, "l1">
  %t = dma.token
  %w = memref.subview %x[0, 0][%n, 3000][1, 1] : memref<100x3000xi8, "l2"> to memref<?x3000xi8, strided<[3000, 1]>, "l2">
  %v = memref.subview %a[0, 0][%n, 3000][1, 1] : memref<50x3000xi8, "l1"> to memref<?x3000xi8, strided<[3000, 1]>, "l1">
  dma.start %w to %v on %t : memref<?x3000xi8, strided<[3000, 1]>, "l2"> to memref<?x3000xi8, strided<[3000, 1]>, "l1">
  dma.wait %t
  func.return
}
