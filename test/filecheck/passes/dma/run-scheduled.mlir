// Scheduled, planned and on all cores the pipeline computes what it computes stage after stage; what is
// fetched too late does not.
// RUN: python -c "import numpy as np; np.save('%t.npy', np.arange(144, dtype='i1').reshape(1, 9, 4, 4) % 40)"
// RUN: opt-tool %s -p verify-hazards --run --input %t.npy --output %t.0.npy
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},software-pipeline,split-transfers,verify-hazards' -o %t.mlir --run --input %t.npy --output %t.1.npy
// RUN: opt-tool %t.mlir -p plan-memory,verify-memory,fork-cores,verify-memory,verify-hazards --run --input %t.npy --output %t.2.npy
// RUN: diff %t.0.npy %t.1.npy && diff %t.0.npy %t.2.npy
// RUN: python -c "import numpy as np; print((np.load('%t.2.npy') == 3 * np.load('%t.npy')).all())" | filecheck %s --check-prefix=SAME
// RUN: sed 's/dma.wait.*//' %t.mlir > %t.spoiled.mlir && opt-tool %t.spoiled.mlir --run --input %t.npy --output %t.3.npy
// RUN: not opt-tool %t.spoiled.mlir -p verify-hazards 2>&1 | filecheck %s --check-prefix=SPOILED
// RUN: python -c "import numpy as np; print((np.load('%t.3.npy') == 3 * np.load('%t.npy')).any())" | filecheck %s --check-prefix=DIFFERENT

// SAME: True
// SPOILED: which dma.start {{.*}} may still be writing; wait for its token before
// DIFFERENT: False
func.func @net() {
  %x = dma.buffer "input" 0 : memref<1x9x4x4xi8, "l2">
  %y = dma.buffer "output" 0 : memref<1x9x4x4xi8, "l2">
  %a = dma.buffer : memref<2x2x4x4xi8, "l1">
  %b = dma.buffer : memref<2x2x4x4xi8, "l1">
  %c = dma.buffer : memref<1x2x4x4xi8, "l1">
  dma.pipeline 5 buffers 2 constants {
  ^bb0(%i : index):
  } inputs {
  ^bb0(%i : index):
    %c2 = arith.constant 2 : index
    %c9 = arith.constant 9 : index
    %first = arith.muli %i, %c2 : index
    %stop = arith.addi %first, %c2 : index
    %end = arith.minsi %stop, %c9 : index
    %n = arith.subi %end, %first : index
    %slot = arith.remui %i, %c2 : index
    %w = memref.subview %x[0, %first, 0, 0][1, %n, 4, 4][1, 1, 1, 1] : memref<1x9x4x4xi8, "l2"> to memref<1x?x4x4xi8, strided<[144, 16, 4, 1], offset: ?>, "l2">
    %v = memref.subview %a[%slot, 0, 0, 0][1, %n, 4, 4][1, 1, 1, 1] : memref<2x2x4x4xi8, "l1"> to memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">
    dma.copy %w to %v : memref<1x?x4x4xi8, strided<[144, 16, 4, 1], offset: ?>, "l2"> to memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">
  } compute {
  ^bb0(%i : index):
    %c2 = arith.constant 2 : index
    %c9 = arith.constant 9 : index
    %first = arith.muli %i, %c2 : index
    %stop = arith.addi %first, %c2 : index
    %end = arith.minsi %stop, %c9 : index
    %n = arith.subi %end, %first : index
    %slot = arith.remui %i, %c2 : index
    %v = memref.subview %a[%slot, 0, 0, 0][1, %n, 4, 4][1, 1, 1, 1] : memref<2x2x4x4xi8, "l1"> to memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">
    %m = memref.subview %c[0, 0, 0, 0][1, %n, 4, 4][1, 1, 1, 1] : memref<1x2x4x4xi8, "l1"> to memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">
    %u = memref.subview %b[%slot, 0, 0, 0][1, %n, 4, 4][1, 1, 1, 1] : memref<2x2x4x4xi8, "l1"> to memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">
    cluster.add ins(%v, %v : memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">, memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">) outs(%m : memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">) {kernel = "k", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
    cluster.add ins(%m, %v : memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">, memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">) outs(%u : memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">) {kernel = "k", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  } store {
  ^bb0(%i : index):
    %c2 = arith.constant 2 : index
    %c9 = arith.constant 9 : index
    %first = arith.muli %i, %c2 : index
    %stop = arith.addi %first, %c2 : index
    %end = arith.minsi %stop, %c9 : index
    %n = arith.subi %end, %first : index
    %slot = arith.remui %i, %c2 : index
    %w = memref.subview %y[0, %first, 0, 0][1, %n, 4, 4][1, 1, 1, 1] : memref<1x9x4x4xi8, "l2"> to memref<1x?x4x4xi8, strided<[144, 16, 4, 1], offset: ?>, "l2">
    %u = memref.subview %b[%slot, 0, 0, 0][1, %n, 4, 4][1, 1, 1, 1] : memref<2x2x4x4xi8, "l1"> to memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1">
    dma.copy %u to %w : memref<1x?x4x4xi8, strided<[32, 16, 4, 1], offset: ?>, "l1"> to memref<1x?x4x4xi8, strided<[144, 16, 4, 1], offset: ?>, "l2">
  }
  func.return
}
