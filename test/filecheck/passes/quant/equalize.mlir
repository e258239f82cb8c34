// Two layers with a ReLU between: per channel s = sqrt(r1 / r2), so 16 and 1 become 4 and 4, 1 and 4
// become 2 and 2; the bias and what is known of the output are divided too.
// RUN: opt-tool %s -p equalize,remove-unused-globals --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p equalize{clips=off} | filecheck %s --check-prefix=OFF
// RUN: opt-tool %s -p equalize{clips=relu},remove-unused-globals | filecheck %s --check-prefix=RELU
// RUN: opt-tool %s -p equalize{strengths=0.5},remove-unused-globals | filecheck %s --check-prefix=HALF
// RUN: not opt-tool %s -p equalize{clips=no} 2>&1 | filecheck %s --check-prefix=WRONG
// RUN: not opt-tool %s -p equalize{strengths=2} 2>&1 | filecheck %s --check-prefix=STRONG

// CHECK-DAG: remark: passed: equalize [first]: inputs times 1, outputs divided by 0.5 to 4
// CHECK-DAG: remark: passed: equalize [second]: inputs times 0.5 to 4, outputs divided by 1
// CHECK-DAG: remark: missed: equalize [six]: no scales across a clip
// WRONG: equalize: clips=no is none of keep, bounded, relu, off
// STRONG: equalize: strengths are from 0 to 1, not 2
// HALF-DAG: graph.global @w1_1 : tensor<2x1x1x1xf32> = dense<{{\[\[\[\[}}8.000000e+00]]], {{\[\[\[}}1.41421354]]]]>
// HALF-DAG: graph.global @w2_1 : tensor<1x2x1x1xf32> = dense<{{\[\[\[\[}}2.000000e+00]], {{\[\[}}2.82842708]]]]>

graph.global @w1 : tensor<2x1x1x1xf32> = dense<[[[[16.0]]], [[[1.0]]]]>
graph.global @b1 : tensor<2xf32> = dense<[8.0, 1.0]>
graph.global @w2 : tensor<1x2x1x1xf32> = dense<[[[[1.0]], [[4.0]]]]>

// CHECK-DAG: graph.global @w1_1 : tensor<2x1x1x1xf32> = dense<{{\[\[\[\[}}4.000000e+00]]], {{\[\[\[}}2.000000e+00]]]]>
// CHECK-DAG: graph.global @b1_1 : tensor<2xf32> = dense<2.000000e+00>
// CHECK-DAG: graph.global @w2_1 : tensor<1x2x1x1xf32> = dense<{{\[\[\[\[}}4.000000e+00]], {{\[\[}}2.000000e+00]]]]>
// CHECK-LABEL: func.func @pair
// CHECK: graph.conv {{.*}}quant.output_mean = array<f32: 2.000000e+00, 2.000000e+00>, quant.output_deviation = array<f32: 5.000000e-01, 2.000000e+00>
// OFF-LABEL: func.func @pair
// OFF: graph.constant @w1 :
func.func @pair(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
  %w1 = graph.constant @w1 : tensor<2x1x1x1xf32>
  %b1 = graph.constant @b1 : tensor<2xf32>
  %0 = graph.conv %x, %w1, %b1 {quant.output_mean = array<f32: 8.0, 1.0>, quant.output_deviation = array<f32: 2.0, 1.0>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32> loc("first")
  %1 = graph.relu %0 : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %w2 = graph.constant @w2 : tensor<1x2x1x1xf32>
  %2 = graph.conv %1, %w2 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x2x2xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x2x2xf32> loc("second")
  func.return %2 : tensor<1x1x2x2xf32>
}

// A clip is kept, and nothing is scaled across it; or it becomes a ReLU on request.
// CHECK-LABEL: func.func @clipped
// CHECK: graph.constant @w1 :
// CHECK: graph.clip
// CHECK: graph.constant @w2 :
// RELU-LABEL: func.func @clipped
// RELU-NOT: graph.clip
// RELU: graph.relu
func.func @clipped(%x: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
  %w1 = graph.constant @w1 : tensor<2x1x1x1xf32>
  %0 = graph.conv %x, %w1 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x2x2xf32>
  %1 = graph.clip %0 {min = 0.0 : f32, max = 6.0 : f32} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32> loc("six")
  %w2 = graph.constant @w2 : tensor<1x2x1x1xf32>
  %2 = graph.conv %1, %w2 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x2x2xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x2x2xf32>
  func.return %2 : tensor<1x1x2x2xf32>
}
