// 0.3 / 0.7 and 0.2 / 0.7 are 28087 / 2^16 and 18725 / 2^16 (28086.9 and 18724.6 with more digits), in steps of
// 0.7 / 2^16. The difference is read in float, too: its operands stay as they are. What is no sum (the
// sigmoid is a table, %x an input) is rounded as ever.
// RUN: opt-tool %s -p round-results | filecheck %s
// RUN: opt-tool %s -p round-results --remarks=all 2>&1 | filecheck %s --check-prefix=TOLD
// RUN: opt-tool %s -p round-results,round-results | filecheck %s
// RUN: opt-tool %s -p 'round-results,convert-graph-to-quant{rounding=single},cleanup' | filecheck %s --check-prefix=QUANT
// RUN: opt-tool %s -p 'convert-graph-to-quant{rounding=single},cleanup' | filecheck %s --check-prefix=QUANT
// RUN: opt-tool %s -p 'set-platform{platform=%S/even.toml},round-results' | filecheck %s --check-prefix=EVEN
// RUN: opt-tool %s -p 'set-platform{platform=%S/floors.toml},round-results' | filecheck %s --check-prefix=FLOOR

// TOLD: remark: passed: round-results [sum]: multipliers are off by at most 0.0023 %

// CHECK: %[[X:.*]] = quant.qcast %x : tensor
// CHECK: %[[Z:.*]] = quant.qcast %z : tensor
// CHECK: %[[WX:.*]] = quant.widen %[[X]] {multiplier = 28087 : i32} : {{.*}} to tensor<1x4x!quant.uniform<i32:f32, 1.0681152e-05:112348>>
// CHECK: %[[A:.*]] = quant.dcast %[[WX]]
// CHECK: %[[WZ:.*]] = quant.widen %[[Z]] {multiplier = 18725 : i32} : {{.*}} to tensor<1x4x!quant.uniform<i32:f32, 1.0681152e-05>>
// CHECK: %[[B:.*]] = quant.dcast %[[WZ]]
// CHECK: graph.add %[[A]], %[[B]]
// CHECK: graph.relu
// CHECK: quant.qcast %{{.*}} {rounding = "single"}
// CHECK-NOT: quant.widen
// CHECK: graph.sub
// CHECK: quant.qcast %{{.*}} {rounding = "single"}
// CHECK: graph.sigmoid
// CHECK: quant.qcast %{{.*}} : tensor

// QUANT-NOT: rounding =
// QUANT: quant.add %0, %{{.*}} {multipliers = array<i32: 28087, 18725>, bias = -79580 : i32, shift = 16 : i32, clamp = array<i32: 0, 127>}

// EVEN-NOT: quant.widen
// EVEN: {rounding = "single"}
// FLOOR-NOT: quant.widen
// FLOOR: {rounding = "floor"}
func.func @sums(%x: tensor<1x4xf32>, %z: tensor<1x4xf32>) -> (tensor<1x4x!quant.uniform<i8:f32, 0.7>>, tensor<1x4x!quant.uniform<i8:f32, 0.7>>, tensor<1x4xf32>, tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>>) {
  %0 = quant.qcast %x : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.3:4>>
  %1 = quant.dcast %0 : tensor<1x4x!quant.uniform<i8:f32, 0.3:4>> to tensor<1x4xf32>
  %2 = quant.qcast %z : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.2>>
  %3 = quant.dcast %2 : tensor<1x4x!quant.uniform<i8:f32, 0.2>> to tensor<1x4xf32>
  %4 = graph.add %1, %3 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32> loc("sum")
  %5 = graph.relu %4 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %6 = quant.qcast %5 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.7>>
  %7 = graph.sub %1, %3 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32> loc("difference")
  %8 = quant.qcast %7 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.7>>
  %9 = graph.sigmoid %1 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %10 = quant.qcast %9 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>>
  func.return %6, %8, %7, %10 : tensor<1x4x!quant.uniform<i8:f32, 0.7>>, tensor<1x4x!quant.uniform<i8:f32, 0.7>>, tensor<1x4xf32>, tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>>
}
