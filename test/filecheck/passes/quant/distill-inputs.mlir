// The layer doubles its input. In training its output had mean 0.6 and deviation 0.8: samples have 0.3 and 0.4.
// RUN: opt-tool %s -p 'distill-inputs{file=%t.npy count=64}' --remarks=analysis 2>&1 | filecheck %s
// RUN: python -c "import numpy as np; x = np.load('%t.npy'); print('mean %.1f deviation %.1f' % (x.mean(), x.std()), x.shape)" | filecheck %s --check-prefix=SAMPLES

// CHECK: remark: analysis: distill-inputs: 64 samples, {{[0-9.]+}} off the statistics of training as noise, {{[0-9.e-]+}} in the end
// CHECK: graph.global @w : tensor<1x1x1x1xf32> = dense<2.000000e+00>
// CHECK-NOT: graph.global
// SAMPLES: mean 0.3 deviation 0.4 (64, 1, 4, 4)
graph.global @w : tensor<1x1x1x1xf32> = dense<2.0>
func.func @net(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  %w = graph.constant @w : tensor<1x1x1x1xf32>
  %0 = graph.conv %x, %w {quant.output_mean = array<f32: 0.6>, quant.output_deviation = array<f32: 0.8>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x1x4x4xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x4x4xf32> loc("first")
  func.return %0 : tensor<1x1x4x4xf32>
}
