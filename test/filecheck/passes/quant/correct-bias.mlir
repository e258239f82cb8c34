// Weights 0.75 stand for 0.7: with a mean input of 2 (N(2, 0)) the output is 0.1 too high, which
// the bias takes away. The float network keeps its bias under quant.real_bias.
// RUN: opt-tool %s -p correct-bias{method=analytic} --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p correct-bias{method=off} | filecheck %s --check-prefix=OFF
// RUN: not opt-tool %s -p correct-bias 2>&1 | filecheck %s --check-prefix=WRONG

// CHECK-DAG: remark: passed: correct-bias [second]: mean errors of up to 0.1 taken away
// CHECK-DAG: remark: missed: correct-bias [first]: no batch normalisation tells the mean of its input
// WRONG: correct-bias: {{.*}}method=data needs data

graph.global @w1_real : tensor<1x1xf32> = dense<1.0>
graph.global @w1 : tensor<1x1x!quant.uniform<i8<-127:127>:f32, 0.5>> = dense<2>
graph.global @w2_real : tensor<1x1xf32> = dense<0.7>
graph.global @w2 : tensor<1x1x!quant.uniform<i8<-127:127>:f32, 0.25>> = dense<3>
graph.global @b2 : tensor<1xf32> = dense<1.0>

// CHECK: graph.global @b2_1 : tensor<1xf32> = dense<9.000000e-01>
// OFF: graph.gemm %{{.*}}, %{{.*}}, %b2
// CHECK: graph.gemm {{.*}}quant.output_mean
// CHECK: %{{.*}} = graph.constant @b2_1
// CHECK: graph.gemm {{.*}}quant.real_bias = @b2
func.func @pair(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w1 = graph.constant @w1 : tensor<1x1x!quant.uniform<i8<-127:127>:f32, 0.5>>
  %f1 = quant.dcast %w1 {quant.real = @w1_real} : tensor<1x1x!quant.uniform<i8<-127:127>:f32, 0.5>> to tensor<1x1xf32>
  %0 = graph.gemm %x, %f1 {quant.output_mean = array<f32: 2.0>, quant.output_deviation = array<f32: 0.0>} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32> loc("first")
  %1 = graph.relu %0 : (tensor<1x1xf32>) -> tensor<1x1xf32>
  %w2 = graph.constant @w2 : tensor<1x1x!quant.uniform<i8<-127:127>:f32, 0.25>>
  %f2 = quant.dcast %w2 {quant.real = @w2_real} : tensor<1x1x!quant.uniform<i8<-127:127>:f32, 0.25>> to tensor<1x1xf32>
  %b2 = graph.constant @b2 : tensor<1xf32>
  %2 = graph.gemm %1, %f2, %b2 : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32> loc("second")
  func.return %2 : tensor<1x1xf32>
}
