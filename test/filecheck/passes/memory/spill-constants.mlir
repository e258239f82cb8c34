// Constants that do not fit L2 beside the code move to the external memory: first what is fetched the least
// often for its size.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-ext},spill-constants' --remarks=passed 2>&1 | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-ext},spill-constants{code=0}' | filecheck %s --check-prefix=FITS
// RUN: not opt-tool %s -p 'set-platform{platform=siracusa},spill-constants' 2>&1 | filecheck %s --check-prefix=NOWHERE

// 1,000,000 B fetched once, 1,000,000 B fetched twice and 4,096 B of activations; L2 has 2 MiB less 4 KiB of
// stack and 192 KiB for code. All windows of what moved are in the new memory.
// CHECK: remark: passed: spill-constants: 1000000 B of constants move from l2 to ext
// CHECK-NOT: remark
// CHECK: dma.constant @often : memref<10x100000xi8, "l2">
// CHECK: %[[RARE:.*]] = dma.constant @rare : memref<10x100000xi8, "ext">
// CHECK: memref.subview %[[RARE]][{{.*}} : memref<10x100000xi8, "ext"> to memref<1x100000xi8, strided<[100000, 1], offset: ?>, "ext">
// CHECK: dma.copy {{.*}} : memref<1x100000xi8, strided<[100000, 1], offset: ?>, "ext"> to

// FITS: dma.constant @often : memref<10x100000xi8, "l2">
// FITS: dma.constant @rare : memref<10x100000xi8, "l2">

// NOWHERE: error: {{.*}}dma.constant: the constants take 107648 B more than l2 has beside 196608 B of code and the activations, and platform siracusa has no farther memory with room that a DMA engine joins with the near one
!w = memref<10x100000xi8, "l2">
!r = memref<1x100000xi8, strided<[100000, 1], offset: ?>, "l2">
func.func @net() {
  %x = dma.buffer "input" 0 : memref<4096xi8, "l2">
  %c = dma.constant @often : !w
  %d = dma.constant @rare : !w
  %a = dma.buffer : memref<1x100000xi8, "l1">
  dma.pipeline 20 buffers 1 constants {
  ^bb0(%i : index):
    %c10 = arith.constant 10 : index
    %n = arith.remui %i, %c10 : index
    %v = memref.subview %c[%n, 0][1, 100000][1, 1] : !w to !r
    dma.copy %v to %a : !r to memref<1x100000xi8, "l1">
  } inputs {
  ^bb0(%i : index):
  } compute {
  ^bb0(%i : index):
  } store {
  ^bb0(%i : index):
  }
  dma.pipeline 20 buffers 1 constants {
  ^bb0(%i : index):
    %c2 = arith.constant 2 : index
    %n = arith.divui %i, %c2 : index
    %v = memref.subview %d[%n, 0][1, 100000][1, 1] : !w to !r
    dma.copy %v to %a every 2 : !r to memref<1x100000xi8, "l1">
  } inputs {
  ^bb0(%i : index):
  } compute {
  ^bb0(%i : index):
  } store {
  ^bb0(%i : index):
  }
  %y = dma.buffer "output" 0 : memref<4096xi8, "l2">
  func.return
}
