// Channel 1 is twice channel 0: either can go, and the fit gives its weight to the other. The data
// are positive, so that the ReLU lets all through: 5 x + 0.5 (2 x) = 6 x.
// RUN: opt-tool %s -p 'prune-channels{data="%S/data.npy"},winnow,remove-unused-globals' --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p 'prune-channels{ratio=1.0 data="%S/data.npy"}' --remarks=all 2>&1 | filecheck %s --check-prefix=STAY

// CHECK: remark: passed: prune-channels [last]: 1 of 2 input channels kept; fitted, error {{[1-9][0-9]+\.[0-9]+}} dB less
// CHECK: remark: passed: winnow [last]: inputs 2 -> 1, outputs 1 -> 1
// STAY-NOT: remark: passed
// STAY: graph.conv {{.*}}tensor<1x2x1x1xf32>)

graph.global @a : tensor<2x1x1x1xf32> = dense<[[[[1.0]]], [[[2.0]]]]>
graph.global @c : tensor<1x2x1x1xf32> = dense<[[[[5.0]], [[0.5]]]]>

// CHECK-DAG: graph.global @a{{[_0-9]*}} : tensor<1x1x1x1xf32> = dense<1.000000e+00>
// CHECK-DAG: graph.global @c{{[_0-9]*}} : tensor<1x1x1x1xf32> = dense<{{5\.99|6\.00}}{{.*}}
// CHECK-LABEL: func.func @twice
func.func @twice(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
  %a = graph.constant @a : tensor<2x1x1x1xf32>
  %0 = graph.conv %x, %a {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x2x2xf32> loc("first")
  %1 = graph.relu %0 : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %c = graph.constant @c : tensor<1x2x1x1xf32>
  %2 = graph.conv %1, %c {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x2x2xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x2x2xf32> loc("last")
  func.return %2 : tensor<1x1x2x2xf32>
}
