// Channel 1 is read with weight 0: it goes from both sides of the sum, the batch norm and the
// convolutions that make it. Where something else needs it, it stays, and a remark says so.
// RUN: opt-tool %s -p prune-channels,winnow,remove-unused-globals --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p winnow --remarks=missed 2>&1 | filecheck %s --check-prefix=MASKED
// RUN: not opt-tool %s -p prune-channels{ratio=0} 2>&1 | filecheck %s --check-prefix=RATIO

// CHECK-DAG: remark: missed: prune-channels [first]: its input channels must stay: inputs, or needed elsewhere as a whole
// CHECK-DAG: remark: passed: prune-channels [last]: 1 of 2 input channels kept
// CHECK-DAG: remark: passed: winnow [first]: inputs 1 -> 1, outputs 2 -> 1
// CHECK-DAG: remark: passed: winnow [last]: inputs 2 -> 1, outputs 1 -> 1
// MASKED: remark: missed: winnow [zero]: 1 inputs have weight 0, but something else needs them or makes them
// RATIO: error: {{.*}}prune-channels: ratio: a ratio is above 0 and at most 1 (all of the layer), not 0

graph.global @a : tensor<2x1x1x1xf32> = dense<[[[[1.0]]], [[[2.0]]]]>
graph.global @b : tensor<2x1x1x1xf32> = dense<[[[[3.0]]], [[[4.0]]]]>
graph.global @s : tensor<2xf32> = dense<[1.0, 2.0]>
graph.global @c : tensor<1x2x1x1xf32> = dense<[[[[5.0]], [[0.5]]]]>
graph.global @z : tensor<1x2x1x1xf32> = dense<[[[[5.0]], [[0.0]]]]>

// CHECK-DAG: graph.global @c{{[_0-9]*}} : tensor<1x1x1x1xf32> = dense<5.000000e+00>
// CHECK-DAG: graph.global @a{{[_0-9]*}} : tensor<1x1x1x1xf32> = dense<1.000000e+00>
// CHECK-LABEL: func.func @sum
// CHECK: graph.conv {{.*}} -> tensor<1x1x2x2xf32>
// CHECK: graph.batch_normalization {{.*}}tensor<1xf32>) -> tensor<1x1x2x2xf32>
// CHECK: graph.add {{.*}} -> tensor<1x1x2x2xf32>
// CHECK: graph.relu {{.*}} -> tensor<1x1x2x2xf32>
// CHECK: graph.conv {{.*}}tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
func.func @sum(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
  %a = graph.constant @a : tensor<2x1x1x1xf32>
  %0 = graph.conv %x, %a {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x2x2xf32> loc("first")
  %b = graph.constant @b : tensor<2x1x1x1xf32>
  %1 = graph.conv %x, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x2x2xf32> loc("second")
  %s = graph.constant @s : tensor<2xf32>
  %2 = graph.batch_normalization %1, %s, %s, %s, %s {epsilon = 0.0 : f32} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
  %3 = graph.add %0, %2 : (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %4 = graph.relu %3 : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %c = graph.constant @c : tensor<1x2x1x1xf32>
  %5 = graph.conv %4, %c {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x2x2xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x2x2xf32> loc("last")
  func.return %5 : tensor<1x1x2x2xf32>
}

// CHECK-LABEL: func.func @needed
// CHECK: graph.conv {{.*}}tensor<1x2x1x1xf32>) -> tensor<1x1x2x2xf32>
func.func @needed(%x: tensor<1x2x2x2xf32>) -> tensor<1x1x2x2xf32> {
  %z = graph.constant @z : tensor<1x2x1x1xf32>
  %0 = graph.conv %x, %z {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x2x2xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x2x2xf32> loc("zero")
  func.return %0 : tensor<1x1x2x2xf32>
}
