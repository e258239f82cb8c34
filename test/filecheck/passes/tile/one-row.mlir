// Cores share rows: the probabilities of one sample are one, which core 0 computes where it is.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},place-units,tile-network' --remarks=all 2>&1 | filecheck %s

// CHECK:     remark: missed: place-units: on one core alone: cores share rows, it has one
// CHECK:     func.func @one
// CHECK-NOT: tile.group
// CHECK:     quant.softmax
graph.global @e : tensor<256xi32> = dense<1000>
func.func @one(%x: tensor<1x5x!quant.uniform<i8:f32, 0.125>>) -> tensor<1x5x!quant.uniform<i8:f32, 0.00390625:-128>> {
  %e = graph.constant @e : tensor<256xi32>
  %0 = quant.softmax %x, %e : (tensor<1x5x!quant.uniform<i8:f32, 0.125>>, tensor<256xi32>) -> tensor<1x5x!quant.uniform<i8:f32, 0.00390625:-128>>
  func.return %0 : tensor<1x5x!quant.uniform<i8:f32, 0.00390625:-128>>
}
