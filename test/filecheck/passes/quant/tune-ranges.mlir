// One sample holds 50, and clip makes 1 of it: nothing above 1 needs codes, which calibration cannot see.
// RUN: python -c "import numpy as np; x = np.random.default_rng(0).uniform(-1, 1, (16, 2)).astype('f4'); x[0, 0] = 50; np.save('%t.npy', x)"
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false},tune-ranges{data=%t.npy samples=16}' | filecheck %s
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false},tune-ranges{data=%t.npy samples=16}' --remarks=all 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false},tune-ranges{data=%t.npy samples=0}' | filecheck %s --check-prefix=OFF

// CHECK: func.func @net(%x: tensor<1x2xf32> {quant.range = array<f64: -{{[01]\.[0-9e+]*}}, {{[01]\..*}}>})
// REMARK: remark: analysis: tune-ranges: input0: from [{{.*}}, 50] to [{{.*}}, {{[01][.0-9]*}}]
// REMARK: remark: passed: tune-ranges: ranges of {{[0-9]}} of 3 tensors looked at, error {{[0-9.]+}} dB less
// OFF: quant.range = array<f64: {{.*}}, 5.000000e+01>
graph.global @w : tensor<2x2xf32> = dense<[[1.0, 0.5], [-0.5, 1.0]]>
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = graph.constant @w : tensor<2x2xf32>
  %0 = graph.clip %x {min = -1.0 : f32, max = 1.0 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("limit")
  %1 = graph.gemm %0, %w {trans_b = true} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("layer")
  func.return %1 : tensor<1x2xf32>
}
