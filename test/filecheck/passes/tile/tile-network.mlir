// Ops become groups of tiles: near tensors where there is room, chains and small tiles where there is none.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},tile-network{fuse=false}' | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},tile-network{memory=5120}' | filecheck %s --check-prefix=SMALL
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},tile-network{memory=5120 fuse=false}' | filecheck %s --check-prefix=APART
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},tile-network{fuse=false}' --remarks=analysis 2>&1 | filecheck %s --check-prefix=REMARK

// REMARK: remark: analysis: tile-network: 2 groups, {{[0-9]+}} cycles by model, {{[0-9]+}} B of l1
// REMARK: remark: analysis: tile-network: tiles 1x{{[0-9]+}}x32x4, order 0 1 2 3, {{[1-3]}} buffers, result in l1, {{[0-9]+}} B, {{[0-9]+}} cycles (compute)

// CHECK: func.func @f
// CHECK-NEXT: %0 = tile.group "cluster" near "l1" home "l1" sizes [1, {{[0-9]+}}, 32, 4] order [0, 1, 2, 3] buffers {{[1-3]}}(%x
// CHECK: tile.load
// CHECK: quant.conv2d
// CHECK-NOT: tile.store
// CHECK: %1 = tile.group "cluster" near "l1" home "l2" {{.*}}(%0
// CHECK-NOT: tile.load
// CHECK: quant.table
// CHECK: tile.store

// SMALL-COUNT-1: tile.group
// SMALL: tile.load
// SMALL: quant.conv2d
// SMALL: quant.table
// SMALL-NEXT: tile.store

// APART: tile.group {{.*}} home "l2"
// APART: tile.store
// APART: tile.group {{.*}} home "l2"
// APART: tile.load
graph.global @w : tensor<4x1x1x4x!quant.uniform<i8:f32, 0.1>> = dense<3>
graph.global @b : tensor<4xi32> = dense<77>
graph.global @t : tensor<256xi8> = dense<9>
func.func @f(%x : tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %w = graph.constant @w : tensor<4x1x1x4x!quant.uniform<i8:f32, 0.1>>
  %b = graph.constant @b : tensor<4xi32>
  %t = graph.constant @t : tensor<256xi8>
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [40], single, [-128, 127]>} : (tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<4x1x1x4x!quant.uniform<i8:f32, 0.1>>, tensor<4xi32>) -> tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>
  %1 = quant.table %0, %t : (tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<256xi8>) -> tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %1 : tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>
}
