// What no plan can be made for is refused, with the op and the bytes.
// RUN: not opt-tool %s -p 'set-platform{platform=siracusa},tile-network{memory=512}' 2>&1 | filecheck %s
// RUN: not opt-tool %s -p 'set-platform{platform=cortex-m4},tile-network' 2>&1 | filecheck %s --check-prefix=UNIT
// RUN: not opt-tool %s -p tile-network 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not opt-tool %s -p 'set-platform{platform=siracusa},tile-network{solver=magic}' 2>&1 | filecheck %s --check-prefix=SOLVER

// CHECK: error: {{.*}}quant.conv2d: the smallest tile takes {{[0-9]+}} B, l1 has 512 B; choose a platform with a larger one
// UNIT: error: {{.*}}platform cortex-m4 has no cluster
// NONE: error: {{.*}}the module has no platform
// SOLVER: error: {{.*}}no solver named 'magic': choose one of auto, cp_sat, heuristic
graph.global @w : tensor<4x1x1x4x!quant.uniform<i8:f32, 0.1>> = dense<3>
graph.global @d : tensor<4x3x3x1x!quant.uniform<i8:f32, 0.1>> = dense<-5>
graph.global @b : tensor<4xi32> = dense<77>
func.func @f(%x : tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %w = graph.constant @w : tensor<4x1x1x4x!quant.uniform<i8:f32, 0.1>>
  %d = graph.constant @d : tensor<4x3x3x1x!quant.uniform<i8:f32, 0.1>>
  %b = graph.constant @b : tensor<4xi32>
  %0 = quant.conv2d %x, %d, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 4 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [40], single, [-128, 127]>} : (tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<4x3x3x1x!quant.uniform<i8:f32, 0.1>>, tensor<4xi32>) -> tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>
  %1 = quant.conv2d %0, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [40], single, [-128, 127]>} : (tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<4x1x1x4x!quant.uniform<i8:f32, 0.1>>, tensor<4xi32>) -> tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %1 : tensor<1x32x32x4x!quant.uniform<i8:f32, 0.5:-3>>
}
