// What no plan can be made for is refused, with the op and the bytes.
// RUN: not opt-tool %s -p 'set-platform{platform=siracusa},tile-network{memory=128}' 2>&1 | filecheck %s
// RUN: not opt-tool %s -p 'set-platform{platform=cortex-m4},tile-network' 2>&1 | filecheck %s --check-prefix=UNIT
// RUN: not opt-tool %s -p tile-network 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not opt-tool %s -p 'set-platform{platform=siracusa},tile-network{solver=magic}' 2>&1 | filecheck %s --check-prefix=SOLVER

// CHECK: error: {{.*}}quant.conv2d: the smallest tile takes {{[0-9]+}} B, l1 has 128 B; choose a platform with a larger one
// UNIT: error: {{.*}}platform cortex-m4 has no cluster
// NONE: error: {{.*}}the module has no platform
// SOLVER: error: {{.*}}no solver named 'magic': choose one of auto, cp_sat, heuristic
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
