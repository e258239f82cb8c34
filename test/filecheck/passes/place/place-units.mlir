// What the NPU computes exactly and faster goes there; a remark says why, or why not.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},place-units' | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},place-units' | filecheck %s --check-prefix=CORES
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},place-units' --remarks=all 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: not opt-tool %s -p 'set-platform{platform=host},place-units' 2>&1 | filecheck %s --check-prefix=NONE

// REMARK: remark: passed: place-units: on npu: {{[0-9]+}} cycles, {{[0-9]+}} on cluster
// REMARK: remark: missed: place-units: stays on cluster: {{.*}}kernels are 1x1 or 3x3, not 5x5
// REMARK: remark: missed: place-units: stays on cluster: npu does not run quant.add
// NONE: error: {{.*}}platform host has no cluster

graph.global @w3 : tensor<32x3x3x32x!quant.uniform<i8:f32, 0.1>> = dense<3>
graph.global @w5 : tensor<32x5x5x32x!quant.uniform<i8:f32, 0.1>> = dense<-5>
graph.global @b : tensor<32xi32> = dense<77>
// CORES-NOT: place.unit = "npu"
func.func @f(%x : tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>> {
  %w3 = graph.constant @w3 : tensor<32x3x3x32x!quant.uniform<i8:f32, 0.1>>
  %w5 = graph.constant @w5 : tensor<32x5x5x32x!quant.uniform<i8:f32, 0.1>>
  %b = graph.constant @b : tensor<32xi32>
  // CHECK: quant.conv2d %x, %w3, {{.*}}place.unit = "npu"
  %0 = quant.conv2d %x, %w3, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[128], [20], single, [-128, 127]>} : (tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>>, tensor<32x3x3x32x!quant.uniform<i8:f32, 0.1>>, tensor<32xi32>) -> tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>>
  // CHECK: quant.conv2d {{.*}}%w5, {{.*}}place.unit = "cluster"
  %1 = quant.conv2d %0, %w5, %b {strides = array<i64: 1, 1>, pads = array<i64: 2, 2, 2, 2>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[128], [20], single, [-128, 127]>} : (tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>>, tensor<32x5x5x32x!quant.uniform<i8:f32, 0.1>>, tensor<32xi32>) -> tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>>
  // CHECK: quant.add {{.*}}place.unit = "cluster"
  %2 = quant.add %0, %1 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<1x8x8x32x!quant.uniform<i8:f32, 0.5:-3>>
}
