// From a float graph to C by named pipelines; what stays in float is told.
// RUN: python -c "import numpy as np; np.save('%t.npy', np.random.default_rng(0).normal(size=(8, 1, 4, 4)).astype('f4'))"
// RUN: opt-tool %s -p 'simplify,calibrate{data=%t.npy cache=false},insert-quant-casts,convert-graph-to-quant{rounding=single},cleanup,remove-unused-globals' | filecheck %s
// RUN: opt-tool %s -p 'simplify,calibrate{data=%t.npy cache=false},insert-quant-casts,convert-graph-to-quant{rounding=single},cleanup,remove-unused-globals,lower-to-cortexm{platform=host}' | filecheck %s --check-prefix=CORTEXM
// RUN: opt-tool %s -p 'simplify,calibrate{data=%t.npy cache=false},insert-quant-casts,convert-graph-to-quant{rounding=single},cleanup,remove-unused-globals,lower-to-cortexm{platform=host},lower-to-c' -t c | filecheck %s --check-prefix=C
// RUN: not opt-tool %s -p quantize 2>&1 | filecheck %s --check-prefix=NODATA
// RUN: not opt-tool %s -p 'lower-to-cortexm{platform=pdp11}' 2>&1 | filecheck %s --check-prefix=PLATFORM

// CHECK: quant.qcast
// CHECK: quant.conv2d {{.*}} single, [-128, 127]>
// CHECK-NOT: graph.conv
// CHECK: quant.dcast
// CORTEXM: func.func @net() attributes {dma.arenas = [#dma.arena<"sram", size = {{[0-9]+}}, bound = {{[0-9]+}}>]}
// CORTEXM: cortexm.conv2d
// C: int32_t net_run(void)
// NODATA: error: {{.*}}quantize{{.*}}data
// PLATFORM: error: pass 'set-platform': no platform "pdp11"
graph.global @w : tensor<2x1x3x3xf32> = dense<0.25>
func.func @net(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %w = graph.constant @w : tensor<2x1x3x3xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32>) -> tensor<1x2x4x4xf32>
  %1 = graph.relu %0 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  func.return %1 : tensor<1x2x4x4xf32>
}
