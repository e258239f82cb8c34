// The accumulator of the first layer counts in steps of 0.5 * 0.25 and 0.5 * 0.125: 1.0 and -0.4 are 8
// and -6.4 of them. What the input of the second one is stands in float, and with it its bias.
// RUN: opt-tool %s -p round-biases | filecheck %s
// RUN: opt-tool %s -p round-biases --remarks=all 2>&1 | filecheck %s --check-prefix=TOLD
// RUN: opt-tool %s -p round-biases,round-biases | filecheck %s --check-prefix=TWICE
// RUN: opt-tool %s -p round-biases,convert-graph-to-quant,cleanup | filecheck %s --check-prefix=QUANT

// TOLD-DAG: remark: passed: round-biases [first]: the bias moves by at most 0.025
// TOLD-DAG: remark: missed: round-biases [great]: the bias leaves i32 at the scale of the accumulator

graph.global @w1 : tensor<2x1x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.125}>> = dense<[[3], [5]]>
graph.global @b1 : tensor<2xf32> = dense<[1.0, -0.4]>
graph.global @w2 : tensor<1x2x!quant.uniform<i8<-127:127>:f32, 0.25>> = dense<3>
graph.global @b2 : tensor<1xf32> = dense<0.3>
graph.global @b3 : tensor<2xf32> = dense<[1.0, 1.0e9]>

// CHECK: graph.global @b1_1 : tensor<2x!quant.uniform<i32:f32:0, {0.125, 0.0625}>> = dense<[8, -6]>
// CHECK: %[[STORED:.*]] = graph.constant @b1_1
// CHECK: %[[BIAS:.*]] = quant.dcast %[[STORED]] {quant.real = @b1}
// CHECK: graph.gemm %{{.*}}, %{{.*}}, %[[BIAS]]
// CHECK: graph.gemm %{{.*}}, %{{.*}}, %b2
// CHECK: graph.gemm %{{.*}}, %{{.*}}, %b3
// TWICE: !quant.uniform<i32:f32:0, {0.125, 0.0625}>> = dense<[8, -6]>
// TWICE-NOT: graph.global @b1_2
// The zero point 4 goes into it: 8 - 4 * 3 and -6 - 4 * 5.
// QUANT: graph.global @w1_bias : tensor<2xi32> = dense<[-4, -26]>
func.func @layers(%x: tensor<1x1xf32>) -> (tensor<1x2x!quant.uniform<i8:f32, 0.5>>, tensor<1x1xf32>, tensor<1x2xf32>) {
  %0 = quant.qcast %x : tensor<1x1xf32> to tensor<1x1x!quant.uniform<i8:f32, 0.5:4>>
  %1 = quant.dcast %0 : tensor<1x1x!quant.uniform<i8:f32, 0.5:4>> to tensor<1x1xf32>
  %w1 = graph.constant @w1 : tensor<2x1x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.125}>>
  %f1 = quant.dcast %w1 : tensor<2x1x!quant.uniform<i8<-127:127>:f32:0, {0.25, 0.125}>> to tensor<2x1xf32>
  %b1 = graph.constant @b1 : tensor<2xf32>
  %2 = graph.gemm %1, %f1, %b1 {trans_b = true} : (tensor<1x1xf32>, tensor<2x1xf32>, tensor<2xf32>) -> tensor<1x2xf32> loc("first")
  %3 = quant.qcast %2 : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8:f32, 0.5>>
  %w2 = graph.constant @w2 : tensor<1x2x!quant.uniform<i8<-127:127>:f32, 0.25>>
  %f2 = quant.dcast %w2 : tensor<1x2x!quant.uniform<i8<-127:127>:f32, 0.25>> to tensor<1x2xf32>
  %b2 = graph.constant @b2 : tensor<1xf32>
  %4 = graph.gemm %2, %f2, %b2 {trans_b = true} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x1xf32> loc("float")
  %b3 = graph.constant @b3 : tensor<2xf32>
  %5 = graph.gemm %1, %f1, %b3 {trans_b = true} : (tensor<1x1xf32>, tensor<2x1xf32>, tensor<2xf32>) -> tensor<1x2xf32> loc("great")
  func.return %3, %4, %5 : tensor<1x2x!quant.uniform<i8:f32, 0.5>>, tensor<1x1xf32>, tensor<1x2xf32>
}
