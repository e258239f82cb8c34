// 300 in one channel of %0 is undone by the layer after it: only 16 bits hold the other channel.
// RUN: python -c "import numpy as np; np.save('%t.npy', np.random.default_rng(0).normal(size=(16, 2)).astype('f4'))"
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false},mixed-precision{data=%t.npy sqnr=30}' | filecheck %s
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false},mixed-precision{data=%t.npy sqnr=30},insert-quant-casts,convert-graph-to-quant{rounding=single},cleanup' | filecheck %s --check-prefix=QUANT
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false},mixed-precision{data=%t.npy sqnr=30}' --remarks=all 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false},mixed-precision{data=%t.npy sqnr=0}' | filecheck %s --check-prefix=OFF

// CHECK: graph.gemm %x, {{.*}}quant.bits = 16 : i64
// CHECK: graph.gemm
// CHECK-NOT: quant.bits
// QUANT: quant.fully_connected {{.*}} single, [-32768, 32767]>} : (tensor<1x2x!quant.uniform<i8:f32, {{.*}}>>, {{.*}}) -> tensor<1x2x!quant.uniform<i16:f32, {{[0-9.e-]+}}>>
// QUANT: quant.fully_connected {{.*}} single, [-128, 127]>} : (tensor<1x2x!quant.uniform<i16:f32, {{.*}}>>, {{.*}}) -> tensor<1x2x!quant.uniform<i8:f32, {{.*}}>>
// REMARK: remark: analysis: mixed-precision: 0 of 3 tensors in 16 bits: {{[0-9.]+}} dB, {{[-+0-9.]+}} points lost, {{[0-9]+}} bytes of parameters, {{[0-9]+}} of activations, {{[0-9]+}} products of 8 x 8 bits (no platform)
// REMARK: remark: passed: mixed-precision: chosen: 16 bits for 1 of 3: wide
// OFF-NOT: quant.bits

// The weights of a row of @w1 are of one size: 4 bits hold them exactly, but not those of @w2.
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false},mixed-precision{data=%t.npy weight-bits=4,8 activation-bits=16 max-bytes=43}' | filecheck %s --check-prefix=WEIGHTS
// RUN: not opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false},mixed-precision{data=%t.npy weight-bits=9}' 2>&1 | filecheck %s --check-prefix=ERROR
// WEIGHTS: quant.pareto = [{{.*}}chosen = true
// WEIGHTS: graph.gemm {{.*}}quant.weight_bits = 4 : i64
// WEIGHTS: graph.gemm
// WEIGHTS-NOT: quant.weight_bits
// WEIGHTS-SAME: quant.bits = 16
// ERROR: mixed-precision: weight-bits are from 2 to 8, not (9,)
graph.global @w1 : tensor<2x2xf32> = dense<[[300.0, 300.0], [1.0, -1.0]]>
graph.global @w2 : tensor<2x2xf32> = dense<[[0.001, 1.0], [0.001, -1.0]]>
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w1 = graph.constant @w1 : tensor<2x2xf32>
  %w2 = graph.constant @w2 : tensor<2x2xf32>
  %0 = graph.gemm %x, %w1 {trans_b = true} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("wide")
  %1 = graph.gemm %0, %w2 {trans_b = true} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("last")
  func.return %1 : tensor<1x2xf32>
}
