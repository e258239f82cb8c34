// Multipliers that the NPU's 32 bits hold; a remark for each op that it could run, or why it cannot.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},fit-requant' | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},fit-requant{scale-bits=8}' | filecheck %s --check-prefix=NARROW
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},fit-requant' --remarks=all 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: opt-tool %s -p 'set-platform{platform=host},fit-requant' | filecheck %s --check-prefix=NONE

// REMARK: remark: passed: fit-requant: multipliers are off by at most {{.*}} %, outputs before rounding by
// REMARK: remark: missed: fit-requant: it clamps to [-128, 127] only, here to [-100, 127]

graph.global @w : tensor<2x1x1x2x!quant.uniform<i8:f32, 0.1>> = dense<[[[[100, -100]]], [[[3, 4]]]]>
graph.global @b : tensor<2xi32> = dense<[1000, -77]>
func.func @f(%x : tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>> {
  %w = graph.constant @w : tensor<2x1x1x2x!quant.uniform<i8:f32, 0.1>>
  %b = graph.constant @b : tensor<2xi32>
  // CHECK: quant.conv2d {{.*}} requant = #quant.requant<[{{[0-9]+}}, {{[0-9]+}}], [{{[12]?[0-9]}}, {{[12]?[0-9]}}], single, [-128, 127]>
  // NARROW: quant.conv2d {{.*}} requant = #quant.requant<[{{[12]?[0-9]?[0-9]}}, {{[12]?[0-9]?[0-9]}}], [
  // NONE: quant.conv2d {{.*}} requant = #quant.requant<[1395864371, 1495864371], [41, 36], half_even, [-128, 127]>
  %y = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1395864371, 1495864371], [41, 36], half_even, [-128, 127]>} : (tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>, tensor<2x1x1x2x!quant.uniform<i8:f32, 0.1>>, tensor<2xi32>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
  // CHECK: quant.conv2d {{.*}} requant = #quant.requant<[1395864371], [41], single, [-100, 127]>
  %z = quant.conv2d %y, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [41], single, [-100, 127]>} : (tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>, tensor<2x1x1x2x!quant.uniform<i8:f32, 0.1>>, tensor<2xi32>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
  func.return %z : tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
}
