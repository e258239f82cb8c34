// Channel 1 reaches 2, channel 0 reaches 20: s = min(20 / 2, 20 / 6), and -3 s = -10.
// RUN: python -c "import numpy as np; np.save('%t.npy', np.array([20., -20.], 'f4').reshape(2, 1, 1, 1))"
// RUN: opt-tool %s -p 'equalize-depthwise{data=%t.npy}' | filecheck %s
// RUN: opt-tool %s -p 'equalize-depthwise{data=%t.npy}' --remarks=passed 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: opt-tool %s -p 'equalize-depthwise{data=%t.npy method=off}' | filecheck %s --check-prefix=OFF

// CHECK-DAG: graph.global @w_1 : {{.*}} = dense<{{.*}}0.333333
// CHECK-DAG: graph.global @d_1 : {{.*}} = dense<{{.*}}[3.000000e-01]
// CHECK-DAG: graph.global @narrow : {{.*}} = dense<{{.*}}[3.000000e-01]
// CHECK: [[C:%[0-9]+]] = graph.conv %x
// CHECK-NEXT: [[L:%[0-9]+]] = graph.clip [[C]] {min = -1.000000e+01 : f32}
// CHECK: [[N:%[0-9]+]] = graph.mul [[L]]
// CHECK-NEXT: [[H:%[0-9]+]] = graph.hard_swish [[N]]
// CHECK: [[W:%[0-9]+]] = graph.mul [[H]]
// CHECK-NEXT: graph.conv [[W]]
// REMARK: remark: passed: equalize-depthwise [first]: channels times 1 to 3.333, codes below -10 spared
// OFF-NOT: graph.clip
// OFF-NOT: graph.mul
graph.global @w : tensor<2x1x1x1xf32> = dense<[[[[1.0]]], [[[0.1]]]]>
graph.global @d : tensor<2x1x1x1xf32> = dense<[[[[1.0]]], [[[1.0]]]]>
func.func @net(%x: tensor<1x1x1x1xf32>) -> tensor<1x2x1x1xf32> {
  %w = graph.constant @w : tensor<2x1x1x1xf32>
  %d = graph.constant @d : tensor<2x1x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x1x1x1xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x1x1xf32> loc("first")
  %1 = graph.hard_swish %0 : (tensor<1x2x1x1xf32>) -> tensor<1x2x1x1xf32> loc("gate")
  %2 = graph.conv %1, %d {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 2 : i64} : (tensor<1x2x1x1xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x1x1xf32> loc("depthwise")
  func.return %2 : tensor<1x2x1x1xf32>
}
