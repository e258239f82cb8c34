// A buffer is alive until the transfer that reads or writes it was waited for, around loops too.
// RUN: opt-tool %s -p plan-memory,verify-memory,verify-hazards | filecheck %s

// CHECK-LABEL: func.func @store
// CHECK:         %a = dma.buffer at 0 : memref<64xi8, "l1">
// CHECK-NEXT:    %b = dma.buffer at 64 : memref<64xi8, "l1">
// CHECK-NEXT:    %c = dma.buffer at 0 : memref<64xi8, "l1">
func.func @store() {
  %y = dma.buffer "output" 0 : memref<64xi8, "l2">
  %z = dma.buffer "output" 1 : memref<64xi8, "l2">
  %a = dma.buffer : memref<64xi8, "l1">
  %b = dma.buffer : memref<64xi8, "l1">
  %c = dma.buffer : memref<64xi8, "l1">
  "test.op"(%a) : (memref<64xi8, "l1">) -> ()
  %t = dma.token
  dma.start %a to %y on %t : memref<64xi8, "l1"> to memref<64xi8, "l2">
  "test.op"(%b) : (memref<64xi8, "l1">) -> ()
  dma.wait %t
  "test.op"(%c) : (memref<64xi8, "l1">) -> ()
  dma.copy %c to %z : memref<64xi8, "l1"> to memref<64xi8, "l2">
  func.return
}

// The loop hands on the token of its last store, not the one of its loads.
// CHECK-LABEL: func.func @loop
// CHECK:         %a = dma.buffer at 0 : memref<2x64xi8, "l1">
// CHECK-NEXT:    %b = dma.buffer at 256 : memref<2x64xi8, "l1">
// CHECK-NEXT:    %c = dma.buffer at 0 : memref<256xi8, "l1">
// CHECK-NEXT:    %d = dma.buffer at 0 : memref<64xi8, "l1">
func.func @loop() {
  %x = dma.buffer "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer : memref<2x64xi8, "l1">
  %b = dma.buffer : memref<2x64xi8, "l1">
  %c = dma.buffer : memref<256xi8, "l1">
  %d = dma.buffer : memref<64xi8, "l1">
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %load = dma.token
  %xv = dma.view %x : memref<64xi8, "l2"> to memref<1x64xi8, "l2">
  %yv = dma.view %y : memref<64xi8, "l2"> to memref<1x64xi8, "l2">
  %first = memref.subview %a[0, 0][1, 64][1, 1] : memref<2x64xi8, "l1"> to memref<1x64xi8, strided<[64, 1]>, "l1">
  dma.start %xv to %first on %load : memref<1x64xi8, "l2"> to memref<1x64xi8, strided<[64, 1]>, "l1">
  %store = dma.token
  %loads, %stores = scf.for %i = %c0 to %c3 step %c1 iter_args(%in = %load, %out = %store) -> (!dma.token, !dma.token) {
    dma.wait %in
    dma.wait %out
    %slot = arith.remui %i, %c2 : index
    %later = arith.addi %i, %c1 : index
    %other = arith.remui %later, %c2 : index
    %next = memref.subview %a[%other, 0][1, 64][1, 1] : memref<2x64xi8, "l1"> to memref<1x64xi8, strided<[64, 1], offset: ?>, "l1">
    %t = dma.token
    dma.start %xv to %next on %t : memref<1x64xi8, "l2"> to memref<1x64xi8, strided<[64, 1], offset: ?>, "l1">
    %now = memref.subview %a[%slot, 0][1, 64][1, 1] : memref<2x64xi8, "l1"> to memref<1x64xi8, strided<[64, 1], offset: ?>, "l1">
    %made = memref.subview %b[%slot, 0][1, 64][1, 1] : memref<2x64xi8, "l1"> to memref<1x64xi8, strided<[64, 1], offset: ?>, "l1">
    cluster.add ins(%now, %now : memref<1x64xi8, strided<[64, 1], offset: ?>, "l1">, memref<1x64xi8, strided<[64, 1], offset: ?>, "l1">)
      outs(%made : memref<1x64xi8, strided<[64, 1], offset: ?>, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
    %u = dma.token
    dma.start %made to %yv on %u : memref<1x64xi8, strided<[64, 1], offset: ?>, "l1"> to memref<1x64xi8, "l2">
    scf.yield %t, %u : !dma.token, !dma.token
  }
  dma.wait %loads
  "test.op"(%c) : (memref<256xi8, "l1">) -> ()
  dma.wait %stores
  "test.op"(%d) : (memref<64xi8, "l1">) -> ()
  func.return
}

// Two windows of one buffer are not the same bytes.
// CHECK-LABEL: func.func @windows
func.func @windows() {
  %y = dma.buffer "output" 0 : memref<2x32xi8, "l1">
  %first = memref.subview %y[0, 0][1, 32][1, 1] : memref<2x32xi8, "l1"> to memref<1x32xi8, strided<[32, 1]>, "l1">
  %second = memref.subview %y[1, 0][1, 32][1, 1] : memref<2x32xi8, "l1"> to memref<1x32xi8, strided<[32, 1], offset: 32>, "l1">
  "test.op"(%first) : (memref<1x32xi8, strided<[32, 1]>, "l1">) -> ()
  cluster.table ins(%first : memref<1x32xi8, strided<[32, 1]>, "l1">) constants(%first : memref<1x32xi8, strided<[32, 1]>, "l1">)
    outs(%second : memref<1x32xi8, strided<[32, 1], offset: 32>, "l1">) {kernel = "rn_cluster_table_s8"}
  func.return
}
