// The casts at the border go; what else reads an input keeps it in float.
// RUN: opt-tool %s -p integer-io | filecheck %s
// RUN: opt-tool %s -p integer-io --remarks=passed 2>&1 | filecheck %s --check-prefix=REMARK

// REMARK: remark: passed: integer-io: input is tensor<1x2x!quant.uniform<i8:f32, 0.5>>
// REMARK: remark: passed: integer-io: output is tensor<1x2x!quant.uniform<i8:f32, 0.5>>

// CHECK-LABEL: func.func @both(%x: tensor<1x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x!quant.uniform<i8:f32, 0.5>>
// CHECK-NEXT: func.return %x
func.func @both(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %0 = quant.qcast %x : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8:f32, 0.5>>
  %1 = quant.dcast %0 : tensor<1x2x!quant.uniform<i8:f32, 0.5>> to tensor<1x2xf32>
  func.return %1 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @read_twice(%x: tensor<1x2xf32>) -> tensor<1x2xf32>
func.func @read_twice(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %0 = quant.qcast %x : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8:f32, 0.5>>
  %1 = quant.dcast %0 : tensor<1x2x!quant.uniform<i8:f32, 0.5>> to tensor<1x2xf32>
  %2 = graph.add %1, %x : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %2 : tensor<1x2xf32>
}
