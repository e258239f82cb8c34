// Groups become pipelines, tensors buffers.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},convert-tile-to-dma' | filecheck %s

!x = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
!y = tensor<1x4x4x4x!quant.uniform<i8:f32, 0.25>>
!w = tensor<4x3x3x4x!quant.uniform<i8:f32, 0.1>>
!d = tensor<4x3x3x1x!quant.uniform<i8:f32, 0.1>>
!b = tensor<4xi32>
graph.global @w : !w = dense<3>
graph.global @d : !d = dense<3>
graph.global @b : !b = dense<77>

// Ragged tiles of 3 rows out of 4, stride 2, one row of padding above: round i makes the rows
// [3 i, min(3 i + 3, 4)) from [max(6 i - 1, 0), min(2 * end, 8)), at most 6 of them. Where the border cuts
// the window, the kernel pads. Constants are the same in both rounds.
// CHECK: graph.global @conv2d_constants : tensor<1x180xi8>
// CHECK: graph.global @conv2d_constants_1 : tensor<1x72xi8>
// CHECK: graph.global @conv2d_constants_2 : tensor<2x156xi8>
// CHECK-LABEL: func.func @one()
// CHECK-NEXT: %x = dma.buffer "input" 0 : memref<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>, "l2">
// CHECK-NEXT: %[[OUT:.*]] = dma.buffer : memref<2x3x4x4x!quant.uniform<i8:f32, 0.25>, "l1">
// CHECK-NEXT: %[[IN:.*]] = dma.buffer : memref<2x6x8x4x!quant.uniform<i8:f32, 0.5:-3>, "l1">
// CHECK-NEXT: %[[FAR:.*]] = dma.constant @conv2d_constants : memref<1x180xi8, "l2">
// CHECK-NEXT: %[[CHUNK:.*]] = dma.buffer : memref<1x180xi8, "l1">
// CHECK-NEXT: %[[SCRATCH:.*]] = dma.buffer : memref<{{[0-9]+}}xi8, "l1">
// CHECK-NEXT: %y = dma.buffer "output" 0 : memref<1x4x4x4x!quant.uniform<i8:f32, 0.25>, "l2">
// CHECK-NEXT: dma.pipeline 2 buffers 2 constants {
// CHECK-NEXT: ^bb0
// CHECK-NEXT:   dma.copy %[[FAR]] to %[[CHUNK]] every 2 :
// CHECK-NEXT: } inputs {
// CHECK-NEXT: ^bb0(%[[I:.*]]: index):
// CHECK-DAG:    %[[C3:.*]] = arith.constant 3
// CHECK-DAG:    %[[FIRST:.*]] = arith.muli %[[I]], %[[C3]]
// CHECK-DAG:    %[[END:.*]] = arith.addi %[[FIRST]], %[[C3]]
// CHECK-DAG:    %[[C4:.*]] = arith.constant 4
// CHECK-DAG:    %[[STOP:.*]] = arith.minsi %[[END]], %[[C4]]
// CHECK-DAG:    %[[C2:.*]] = arith.constant 2
// CHECK-DAG:    %[[FROM:.*]] = arith.muli %[[FIRST]], %[[C2]]
// CHECK-DAG:    %[[TO:.*]] = arith.muli %[[STOP]], %[[C2]]
// CHECK-DAG:    %[[M1:.*]] = arith.constant -1
// CHECK-DAG:    %[[ABOVE:.*]] = arith.addi %[[FROM]], %[[M1]]
// CHECK-DAG:    %[[C0:.*]] = arith.constant 0
// CHECK-DAG:    %[[TOP:.*]] = arith.maxsi %[[ABOVE]], %[[C0]]
// CHECK-DAG:    %[[C8:.*]] = arith.constant 8
// CHECK-DAG:    %[[BOTTOM:.*]] = arith.minsi %[[TO]], %[[C8]]
// CHECK-DAG:    %[[ROWS:.*]] = arith.subi %[[BOTTOM]], %[[TOP]]
// CHECK-DAG:    %[[W:.*]] = memref.subview %x[0, %[[TOP]], 0, 0] [1, %[[ROWS]], 8, 4] [1, 1, 1, 1]
// CHECK-DAG:    %[[SLOT:.*]] = arith.remui %[[I]], %[[C2]]
// CHECK-DAG:    %[[V:.*]] = memref.subview %[[IN]][%[[SLOT]], 0, 0, 0] [1, %[[ROWS]], 8, 4] [1, 1, 1, 1]
// CHECK:        dma.copy %[[W]] to %[[V]] : memref<1x?x8x4x{{.*}}, "l2"> to memref<1x?x8x4x{{.*}}, "l1">
// CHECK-NEXT: } compute {
// CHECK:        %[[PAD:.*]] = arith.subi %[[CTOP:.*]], %[[CFROM:.*]] : index
// CHECK:        memref.subview %[[IN]][
// CHECK:        memref.subview %[[OUT]][
// CHECK:        %[[C1:.*]] = arith.constant 1
// CHECK:        %[[PADTOP:.*]] = arith.addi %[[PAD]], %[[C1]]
// CHECK-NEXT:   cluster.conv2d ins({{.*}}) constants(%[[CHUNK]] : {{.*}}) outs({{.*}}) scratch(%[[SCRATCH]] : {{.*}}) pads(%[[PADTOP]], %[[C1]]) {{.*}}window = array<i64: 3, 3, 2, 2, 1, 1>{{.*}}chunk = #cluster.chunk<4 channels, depth 36
// CHECK-NEXT: } store {
// CHECK:        %[[S:.*]] = memref.subview %[[OUT]][{{.*}}, 0, 0, 0] [1, %[[N:.*]], 4, 4]
// CHECK-NEXT:   %[[T:.*]] = memref.subview %y[0, {{.*}}, 0, 0] [1, %[[N]], 4, 4]
// CHECK-NEXT:   dma.copy %[[S]] to %[[T]] :
// CHECK-NEXT: }
func.func @one(%x: !x) -> !y {
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 3, 4, 4] order [0, 1, 2, 3] buffers 2(%x : !x) -> !y {
  ^bb0(%a: !x):
    %w = graph.constant @w : !w
    %b = graph.constant @b : !b
    %0 = tile.load %a : !x to !x
    %1 = quant.conv2d %0, %w, %b {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [40], single, [-128, 127]>} : (!x, !w, !b) -> !y
    %2 = tile.store %1 : !y to !y
    tile.yield %2 : !y
  }
  func.return %y : !y
}

// A chain of two: the sum is computed with its halo, in a buffer of one slot; only its input is loaded.
// CHECK-LABEL: func.func @chain()
// CHECK-NEXT: %x = dma.buffer "input" 0
// CHECK-NEXT: %[[OUT:.*]] = dma.buffer : memref<2x3x8x4x{{.*}}, "l1">
// CHECK-NEXT: %[[SUM:.*]] = dma.buffer : memref<1x5x8x4x{{.*}}, "l1">
// CHECK-NEXT: %[[IN:.*]] = dma.buffer : memref<2x5x8x4x{{.*}}, "l1">
// CHECK:      dma.pipeline 3 buffers 2
// CHECK:      } inputs {
// CHECK-COUNT-1: dma.copy
// CHECK:      } compute {
// CHECK:        %[[A:.*]] = memref.subview %[[SUM]][0, 0, 0, 0] [1, %[[ROWS:.*]], 8, 4]
// CHECK-NEXT:   cluster.add ins({{.*}}) outs(%[[A]] :
// CHECK-NEXT:   %[[B:.*]] = memref.subview %[[SUM]][0, 0, 0, 0] [1, %[[ROWS]], 8, 4]
// CHECK:        %[[O:.*]] = memref.subview %[[OUT]][
// CHECK:        cluster.conv2d ins(%[[B]] : {{.*}}) outs(%[[O]] : {{.*}}groups = 4
func.func @chain(%x: !x) -> !x {
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 3, 8, 4] order [0, 1, 2, 3] buffers 2(%x : !x) -> !x {
  ^bb0(%a: !x):
    %d = graph.constant @d : !d
    %b = graph.constant @b : !b
    %0 = tile.load %a : !x to !x
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!x, !x) -> !x
    %2 = quant.conv2d %1, %d, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 4 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [40], single, [-128, 127]>} : (!x, !d, !b) -> !x
    %3 = tile.store %2 : !x to !x
    tile.yield %3 : !x
  }
  func.return %y : !x
}

// What lives in L1 is made in place and read in place; nothing is loaded or stored for it.
// CHECK-LABEL: func.func @near()
// CHECK-NEXT: %x = dma.buffer "input" 0
// CHECK-NEXT: %[[IN:.*]] = dma.buffer : memref<1x8x8x4x{{.*}}, "l1">
// CHECK-NEXT: %y = dma.buffer : memref<1x8x8x4x{{.*}}, "l1">
// CHECK-NEXT: dma.pipeline 1 buffers 2
// CHECK:      } inputs {
// CHECK:        dma.copy %x to %[[IN]] : memref<1x8x8x4x
// CHECK-NEXT: } compute {
// CHECK:        cluster.add ins(%[[IN]], %[[IN]] : {{.*}}) outs(%y :
// CHECK-NEXT: } store {
// CHECK-NEXT: ^bb0
// CHECK-NEXT: }
// CHECK:      dma.pipeline 3 buffers 2 constants {
// CHECK-NOT:    dma.copy
// CHECK:      } compute {
// CHECK:        %[[W:.*]] = memref.subview %y[0, 0, %[[FIRST:.*]], 0] [1, 8, %[[N:.*]], 4]
// CHECK:        cluster.add ins(%[[W]],
// CHECK-NEXT: } store {
// CHECK:        memref.subview %z[0, 0, {{.*}}, 0]
// CHECK:        dma.copy
func.func @near(%x: !x) -> !x {
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 2(%x : !x) -> !x {
  ^bb0(%a: !x):
    %0 = tile.load %a : !x to !x
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!x, !x) -> !x
    tile.yield %1 : !x
  }
  %z = tile.group "cluster" near "l1" home "l2" sizes [1, 8, 3, 4] order [0, 1, 2, 3] buffers 2(%y : !x) -> !x {
  ^bb0(%a: !x):
    %1 = quant.add %a, %a {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!x, !x) -> !x
    %2 = tile.store %1 : !x to !x
    tile.yield %2 : !x
  }
  func.return %z : !x
}

!n = tensor<1x2x2x16x!quant.uniform<i8:f32, 0.25>>
!p = tensor<16x1x1x4x!quant.uniform<i8:f32, 0.1>>
!q = tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5:-3>>
graph.global @p : !p = dense<3>
graph.global @c : tensor<16xi32> = dense<77>
// Tiles of 12 of 16 channels outside of rows: a chunk for each tile of channels, fetched every 2 rounds.
// CHECK-LABEL: func.func @channels()
// CHECK:      %[[FAR:.*]] = dma.constant @conv2d_constants_2 : memref<2x156xi8, "l2">
// CHECK-NEXT: %[[CHUNK:.*]] = dma.buffer : memref<2x156xi8, "l1">
// CHECK:      dma.pipeline 4 buffers 2 constants {
// CHECK-NEXT: ^bb0(%[[I:.*]]: index):
// CHECK-NEXT:   %[[C2:.*]] = arith.constant 2
// CHECK-NEXT:   %[[TILE:.*]] = arith.divui %[[I]], %[[C2]]
// CHECK-NEXT:   %[[W:.*]] = memref.subview %[[FAR]][%[[TILE]], 0] [1, 156]
// CHECK-NEXT:   %[[SLOT:.*]] = arith.remui %[[TILE]], %[[C2]]
// CHECK-NEXT:   %[[V:.*]] = memref.subview %[[CHUNK]][%[[SLOT]], 0] [1, 156]
// CHECK-NEXT:   dma.copy %[[W]] to %[[V]] every 2 :
// CHECK:      } inputs {
// CHECK-NEXT: ^bb0(%[[J:.*]]: index):
// CHECK:        %[[ROW:.*]] = arith.remui %[[J]],
// CHECK:        memref.subview %x[0, %[[ROW]], 0, 0] [1, 1, 2, 4]
// CHECK:      cluster.conv2d {{.*}} outs({{.*}} : memref<1x1x2x?x{{.*}} strided<[24, 24, 12, 1], offset: ?>, "l1">){{.*}}chunk = #cluster.chunk<12 channels, depth 4,
func.func @channels(%x: !q) -> !n {
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 1, 2, 12] order [0, 3, 1, 2] buffers 2(%x : !q) -> !n {
  ^bb0(%a: !q):
    %w = graph.constant @p : !p
    %b = graph.constant @c : tensor<16xi32>
    %0 = tile.load %a : !q to !q
    %1 = quant.conv2d %0, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [40], single, [-128, 127]>} : (!q, !p, tensor<16xi32>) -> !n
    %2 = tile.store %1 : !n to !n
    tile.yield %2 : !n
  }
  func.return %y : !n
}
