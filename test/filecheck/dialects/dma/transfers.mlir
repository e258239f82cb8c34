// Copies, tokens and pipelines read back as they were printed.
// RUN: opt-tool %s -o %t.mlir && filecheck %s --input-file %t.mlir && opt-tool %t.mlir | diff %t.mlir -
// RUN: opt-tool %s --print-generic | opt-tool - | filecheck %s

!far = memref<1x?x4x4xi8, strided<[144, 16, 4, 1], offset: ?>, "l2">
!near = memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">

// CHECK-LABEL: func.func @copies
func.func @copies(%x : !far, %a : !near, %c : memref<2x640xi8, "l1">) {
  // CHECK-NEXT: %0 = dma.constant @weights : memref<2x640xi8, "l2">
  %0 = dma.constant @weights : memref<2x640xi8, "l2">
  // CHECK-NEXT: %1 = dma.token
  %1 = dma.token
  // CHECK-NEXT: dma.start %x to %a on %1 : memref<1x?x4x4xi8, strided<[144, 16, 4, 1], offset: ?>, "l2"> to memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">
  dma.start %x to %a on %1 : !far to !near
  // CHECK-NEXT: dma.wait %1
  dma.wait %1
  // CHECK-NEXT: dma.pipeline 4 buffers 2 constants {
  // CHECK-NEXT: ^bb0(%i: index):
  // CHECK-NEXT:   dma.copy %0 to %c every 2 : memref<2x640xi8, "l2"> to memref<2x640xi8, "l1">
  // CHECK-NEXT: } inputs {
  // CHECK-NEXT: ^bb0(%i_1: index):
  // CHECK-NEXT:   dma.copy %x to %a : memref<
  // CHECK-NEXT: } compute {
  // CHECK-NEXT: ^bb0(%i_2: index):
  // CHECK-NEXT: } store {
  // CHECK-NEXT: ^bb0(%i_3: index):
  // CHECK-NEXT:   dma.copy %a to %x : memref<
  // CHECK-NEXT: }
  dma.pipeline 4 buffers 2 constants {
  ^bb0(%i : index):
    dma.copy %0 to %c every 2 : memref<2x640xi8, "l2"> to memref<2x640xi8, "l1">
  } inputs {
  ^bb0(%i : index):
    dma.copy %x to %a : !far to !near
  } compute {
  ^bb0(%i : index):
  } store {
  ^bb0(%i : index):
    dma.copy %a to %x : !near to !far
  }
  func.return
}
