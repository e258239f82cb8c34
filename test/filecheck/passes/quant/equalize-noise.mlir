// Channel 1 is a hundredth of channel 0, and undone by the second layer: with one step for each weight
// and for the tensor between, channel 1 has all the noise. Made alike, both have as much.
// RUN: python -c "import numpy as np; np.save('%t.npy', np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], 'f4'))"
// RUN: opt-tool %s -p 'equalize-noise{data=%t.npy per-channel=false}' | filecheck %s
// RUN: opt-tool %s -p 'equalize-noise{data=%t.npy per-channel=false}' --remarks=passed 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: opt-tool %s -p 'equalize-noise{data=%t.npy method=off}' | filecheck %s --check-prefix=OFF

// CHECK-DAG: graph.global @a_1 : tensor<2x2xf32>
// CHECK-DAG: graph.global @b_1 : tensor<2x2xf32>
// CHECK: graph.gemm %x, %a_1
// CHECK: graph.gemm %{{.*}}, %b_1
// REMARK: remark: passed: equalize-noise [first]: inputs times 1, outputs divided by
// REMARK: remark: passed: equalize-noise [second]: inputs times
// REMARK: remark: passed: equalize-noise: noise at the output 3{{[0-9.]+}} dB less, as modelled
// OFF-NOT: @a_1
graph.global @a : tensor<2x2xf32> = dense<[[1.0, 0.0], [0.0, 0.01]]>
graph.global @b : tensor<2x2xf32> = dense<[[1.0, 0.0], [0.0, 100.0]]>
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %a = graph.constant @a : tensor<2x2xf32>
  %b = graph.constant @b : tensor<2x2xf32>
  %0 = graph.gemm %x, %a {trans_b = true} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("first")
  %1 = graph.gemm %0, %b {trans_b = true} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("second")
  func.return %1 : tensor<1x2xf32>
}
