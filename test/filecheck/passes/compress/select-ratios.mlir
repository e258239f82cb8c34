// The weight of the first layer has rank 1, that of the second does not: the first is compressed, the
// second stays.
// RUN: opt-tool %s -p 'select-ratios{data="%S/data.npy" ratio=0.9 method=weight-svd candidates=0.5,0.75 cache=false}' --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %s -p 'select-ratios{data="%S/data.npy" ratio=0.9 method=weight-svd candidates=0.5,0.75 cache=false},weight-svd{ratio=1.0}' | filecheck %s --check-prefix=AFTER
// RUN: not opt-tool %s -p 'select-ratios{data="%S/data.npy" ratio=0.2 method=weight-svd candidates=0.5}' 2>&1 | filecheck %s --check-prefix=FAR
// RUN: not opt-tool %s -p 'select-ratios{data="%S/data.npy" method=spatial-svd}' 2>&1 | filecheck %s --check-prefix=NONE

// CHECK: remark: passed: select-ratios [thin]: rank 1 of 4 (ratio 0.5), alone sqnr
// CHECK: remark: missed: select-ratios [full]: stays: no ratio that saves something keeps sqnr
// CHECK: remark: analysis: select-ratios{{.*}}: macs 32 -> 24, ratio 0.750; each alone keeps
// FAR: error: {{.*}}select-ratios: weight-svd of all layers to 0.5 still takes 0.500 of the macs, not 0.2; give a greater ratio, lower candidates, or another method after this one
// NONE: error: {{.*}}select-ratios: spatial-svd can compress no layer of this network

graph.global @a : tensor<4x4xf32> = dense<[[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 4.0], [3.0, 6.0, 9.0, 12.0]]>
graph.global @b : tensor<4x4xf32> = dense<[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]>

// CHECK-LABEL: func.func @two
// CHECK: graph.gemm {{.*}}compress.ratio = 5.000000e-01 : f64, compress.score = {{.*}} : f64}
// CHECK: graph.gemm {{.*}}compress.ratio = 1.000000e+00 : f64}
// AFTER: graph.gemm {{.*}}-> tensor<1x1xf32>
// AFTER: graph.gemm {{.*}}-> tensor<1x4xf32>
// AFTER-NOT: compress
// AFTER: graph.gemm {{.*}}-> tensor<1x4xf32>
// AFTER: func.return
func.func @two(%x: tensor<1x1x2x2xf32>) -> tensor<1x4xf32> {
  %0 = graph.reshape %x : (tensor<1x1x2x2xf32>) -> tensor<1x4xf32>
  %a = graph.constant @a : tensor<4x4xf32>
  %1 = graph.gemm %0, %a : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32> loc("thin")
  %2 = graph.relu %1 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %3 = graph.reshape %0 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %4 = graph.add %2, %3 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %b = graph.constant @b : tensor<4x4xf32>
  %5 = graph.gemm %4, %b : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32> loc("full")
  func.return %5 : tensor<1x4xf32>
}
