// qcast(op(dcast(x))) is one integer op; what has no integer form stays, with a remark.
// RUN: opt-tool %s -p convert-graph-to-quant,dce | filecheck %s
// RUN: opt-tool %s -p 'convert-graph-to-quant{rounding=single},dce' | filecheck %s --check-prefix=SINGLE
// RUN: opt-tool %s -p convert-graph-to-quant --remarks=missed 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: not opt-tool %s -p 'convert-graph-to-quant{rounding=up}' 2>&1 | filecheck %s --check-prefix=WRONG

// WRONG: error: pass 'convert-graph-to-quant': unknown rounding 'up', expected one of single, double, half_even, floor

graph.global @one : tensor<f32> = dense<1.0>
graph.global @w : tensor<2x3x1x1x!quant.uniform<i8:f32:0, {0.5, 0.25}>> = dense<[[[[1]], [[2]], [[3]]], [[[4]], [[5]], [[6]]]]>
graph.global @ones : tensor<1x2xf32> = dense<1.0>
graph.global @b : tensor<2xf32> = dense<[1.0, -1.0]>

// Bias: 1 / (0.5 * 0.5) + 3 * 6 and -1 / (0.5 * 0.25) + 3 * 15; multipliers 0.5 and 0.25; relu is the clamp.
// CHECK: graph.global @w_bias : tensor<2xi32> = dense<[22, 37]>
// Layer normalization: weights are scale / 0.5 * 2**24, biases (shift / 0.5 - 3) * 2**14.
// CHECK: graph.global @scale_q : tensor<4xi32> = dense<[33554432, -67108864, 16777216, 0]>
// CHECK: graph.global @shift_q : tensor<4xi32> = dense<[-49152, -16384, 16384, -81920]>
// CHECK-LABEL: func.func @conv
// CHECK: quant.conv2d %x, %{{.*}}, %{{.*}} {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nchw", requant = #quant.requant<[1073741824, 1073741824], [31, 32], half_even, [-3, 127]>}
// SINGLE-LABEL: func.func @conv
// SINGLE: #quant.requant<[1073741824, 1073741824], [31, 32], single, [-3, 127]>
func.func @conv(%x: tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x3x2x2xf32>
  %w = graph.constant @w : tensor<2x3x1x1x!quant.uniform<i8:f32:0, {0.5, 0.25}>>
  %1 = quant.dcast %w : tensor<2x3x1x1x!quant.uniform<i8:f32:0, {0.5, 0.25}>> to tensor<2x3x1x1xf32>
  %b = graph.constant @b : tensor<2xf32>
  %2 = graph.conv %0, %1, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x2x2xf32>, tensor<2x3x1x1xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
  %3 = graph.relu %2 : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %4 = quant.qcast %3 : tensor<1x2x2x2xf32> to tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %4 : tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5:-3>>
}

// Two multipliers of 2**22 with 128 each stay in i32, 2**23 would not; with single they have 15 bits.
// CHECK-LABEL: func.func @add
// CHECK-NEXT: quant.add %x, %y {multipliers = array<i32: 4194304, 4194304>, bias = 14680064 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>}
// SINGLE-LABEL: func.func @add
// SINGLE-NEXT: quant.add %x, %y {multipliers = array<i32: 16384, 16384>, bias = 57344 : i32, shift = 14 : i32, clamp = array<i32: -128, 127>}
func.func @add(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>, %y: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %1 = quant.dcast %y : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %2 = graph.add %0, %1 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %3 = quant.qcast %2 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %3 : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// CHECK-LABEL: func.func @mean
// CHECK-NEXT: quant.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "nchw", requant = #quant.requant<[1073741824], [32], half_even, [-128, 127]>}
func.func @mean(%x: tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x3x2x2xf32>
  %1 = graph.global_average_pool %0 : (tensor<1x3x2x2xf32>) -> tensor<1x3x1x1xf32>
  %2 = quant.qcast %1 : tensor<1x3x1x1xf32> to tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5:-3>>
}

// CHECK-LABEL: func.func @max
// CHECK-NEXT: %[[M:.*]] = quant.max_pool2d %x
// CHECK-NEXT: func.return %[[M]]
func.func @max(%x: tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x3x2x2xf32>
  %1 = graph.max_pool %0 {kernel_shape = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x2x2xf32>) -> tensor<1x3x1x1xf32>
  %2 = quant.qcast %1 : tensor<1x3x1x1xf32> to tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5:-3>>
}

// CHECK-LABEL: func.func @max_of_integers
// CHECK-NEXT: quant.max_pool2d %x
func.func @max_of_integers(%x: tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5:-3>> {
  %1 = graph.max_pool %x {kernel_shape = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %1 : tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5:-3>>
}

// CHECK-LABEL: func.func @reshape
// CHECK-NEXT: graph.reshape %x : (tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x12x!quant.uniform<i8:f32, 0.5:-3>>
// CHECK-NEXT: func.return
func.func @reshape(%x: tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x12x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x3x2x2xf32>
  %1 = graph.reshape %0 : (tensor<1x3x2x2xf32>) -> tensor<1x12xf32>
  %2 = quant.qcast %1 : tensor<1x12xf32> to tensor<1x12x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<1x12x!quant.uniform<i8:f32, 0.5:-3>>
}

// CHECK-LABEL: func.func @softmax
// CHECK: %[[T:.*]] = graph.constant @softmax_table : tensor<256xi32>
// CHECK-NEXT: quant.softmax %x, %[[T]]
func.func @softmax(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %1 = graph.softmax %0 {axis = 1 : i64} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = quant.qcast %1 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>>
  func.return %2 : tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>>
}

// CHECK-LABEL: func.func @table
// CHECK: %[[T:.*]] = graph.constant @tanh_table : tensor<256xi8>
// CHECK-NEXT: quant.table %x, %[[T]]
func.func @table(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %1 = graph.tanh %0 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = quant.qcast %1 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// Several pointwise ops of one tensor are one table: x * max(x + 1, 0).
// CHECK-LABEL: func.func @chain
// CHECK-NEXT: graph.constant @mul_table
// CHECK-NEXT: quant.table %x
// CHECK-NEXT: func.return
func.func @chain(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5>> to tensor<1x4xf32>
  %one = graph.constant @one : tensor<f32>
  %1 = graph.add %0, %one : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %2 = graph.relu %1 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %3 = graph.mul %0, %2 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %4 = quant.qcast %3 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return %4 : tensor<1x4x!quant.uniform<i8:f32, 0.5>>
}

// 0.5 * 0.5 / 0.5 = 2**30 / 2**31
// CHECK-LABEL: func.func @multiply
// CHECK-NEXT: quant.mul %x, %y {requant = #quant.requant<[1073741824], [31], half_even, [-128, 127]>}
// CHECK-NEXT: func.return
func.func @multiply(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>, %y: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %3 = quant.dcast %y : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %1 = graph.mul %0, %3 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = quant.qcast %1 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// The factor comes second, with the rank of the other operand; the activation is the clamp.
// CHECK-LABEL: func.func @scale_channels
// CHECK-NEXT: %[[F:.*]] = graph.reshape %f : (tensor<3x1x1x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x3x1x1x!quant.uniform<i8:f32, 0.5>>
// CHECK-NEXT: quant.mul %x, %[[F]] {requant = #quant.requant<[1073741824], [31], half_even, [-3, 127]>}
func.func @scale_channels(%x: tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>, %f: tensor<3x1x1x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x3x2x2xf32>
  %1 = quant.dcast %f : tensor<3x1x1x!quant.uniform<i8:f32, 0.5>> to tensor<3x1x1xf32>
  %2 = graph.mul %1, %0 : (tensor<3x1x1xf32>, tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
  %3 = graph.relu %2 : (tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
  %4 = quant.qcast %3 : tensor<1x3x2x2xf32> to tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %4 : tensor<1x3x2x2x!quant.uniform<i8:f32, 0.5:-3>>
}

// Axes of the factor that are no neighbours have no integer form.
// REMARK-DAG: remark: missed: convert-graph-to-quant{{.*}}: graph.mul stays in float
// CHECK-LABEL: func.func @scale_apart
// CHECK: graph.mul
func.func @scale_apart(%x: tensor<2x3x2x!quant.uniform<i8:f32, 0.5>>, %f: tensor<2x1x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x3x2x!quant.uniform<i8:f32, 0.5>> {
  %0 = quant.dcast %x : tensor<2x3x2x!quant.uniform<i8:f32, 0.5>> to tensor<2x3x2xf32>
  %1 = quant.dcast %f : tensor<2x1x2x!quant.uniform<i8:f32, 0.5>> to tensor<2x1x2xf32>
  %2 = graph.mul %0, %1 : (tensor<2x3x2xf32>, tensor<2x1x2xf32>) -> tensor<2x3x2xf32>
  %3 = quant.qcast %2 : tensor<2x3x2xf32> to tensor<2x3x2x!quant.uniform<i8:f32, 0.5>>
  func.return %3 : tensor<2x3x2x!quant.uniform<i8:f32, 0.5>>
}

// A difference has a negative multiplier.
// CHECK-LABEL: func.func @subtract
// CHECK-NEXT: quant.add %x, %y {multipliers = array<i32: 4194304, -4194304>, bias = 2097152 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>}
func.func @subtract(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %y: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5>> to tensor<1x4xf32>
  %1 = quant.dcast %y : tensor<1x4x!quant.uniform<i8:f32, 0.5>> to tensor<1x4xf32>
  %2 = graph.sub %0, %1 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %3 = quant.qcast %2 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return %3 : tensor<1x4x!quant.uniform<i8:f32, 0.5>>
}

// One operand of a concatenation lies on the grid of the result, one goes there by a table, and one is a constant.
// CHECK-LABEL: func.func @join
// CHECK-DAG: %[[Y:.*]] = quant.table %y, %{{.*}} : (tensor<1x4x!quant.uniform<i8:f32, 0.25>>, tensor<256xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
// CHECK-DAG: %[[C:.*]] = graph.constant @ones_q : tensor<1x2x!quant.uniform<i8:f32, 0.5:-3>>
// CHECK: graph.concat %x, %[[Y]], %[[C]] {axis = 1 : i64}
func.func @join(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>, %y: tensor<1x4x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x10x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %1 = quant.dcast %y : tensor<1x4x!quant.uniform<i8:f32, 0.25>> to tensor<1x4xf32>
  %c = graph.constant @ones : tensor<1x2xf32>
  %2 = graph.concat %0, %1, %c {axis = 1 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x2xf32>) -> tensor<1x10xf32>
  %3 = quant.qcast %2 : tensor<1x10xf32> to tensor<1x10x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %3 : tensor<1x10x!quant.uniform<i8:f32, 0.5:-3>>
}

// Slices and pads with zero move stored integers.
// CHECK-LABEL: func.func @cut_and_pad
// CHECK-NEXT: graph.slice %x
// CHECK-NEXT: graph.pad
// CHECK-NEXT: func.return
func.func @cut_and_pad(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %1 = graph.slice %0 {offsets = array<i64: 0, 3>, sizes = array<i64: 1, 2>, strides = array<i64: 1, -1>} : (tensor<1x4xf32>) -> tensor<1x2xf32>
  %2 = graph.pad %1 {pads = array<i64: 0, 1, 0, 1>, mode = "constant", value = 0.0 : f32} : (tensor<1x2xf32>) -> tensor<1x4xf32>
  %3 = quant.qcast %2 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %3 : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// No stored integer stands for 0.3.
// CHECK-LABEL: func.func @pad_off_the_grid
// CHECK: graph.pad {{.*}} -> tensor<1x6xf32>
func.func @pad_off_the_grid(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x6x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %2 = graph.pad %0 {pads = array<i64: 0, 1, 0, 1>, mode = "constant", value = 0.3 : f32} : (tensor<1x4xf32>) -> tensor<1x6xf32>
  %3 = quant.qcast %2 : tensor<1x6xf32> to tensor<1x6x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %3 : tensor<1x6x!quant.uniform<i8:f32, 0.5:-3>>
}

// REMARK-DAG: remark: missed: convert-graph-to-quant{{.*}}: an integer softmax has an output scale of 1/256
// CHECK-LABEL: func.func @other_scale
// CHECK: quant.qcast
func.func @other_scale(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x4xf32>
  %1 = graph.softmax %0 {axis = 1 : i64} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = quant.qcast %1 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<1x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// Attention: both operands are activations; 0.5 * 0.5 / 0.5 = 2**30 / 2**31.
// CHECK-LABEL: func.func @attend
// CHECK-NEXT: quant.matmul %x, %y {requant = #quant.requant<[1073741824], [31], half_even, [-128, 127]>}
// CHECK-NEXT: func.return
func.func @attend(%x: tensor<2x3x4x!quant.uniform<i8:f32, 0.5:-3>>, %y: tensor<2x4x5x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<2x3x5x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<2x3x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<2x3x4xf32>
  %1 = quant.dcast %y : tensor<2x4x5x!quant.uniform<i8:f32, 0.5:-3>> to tensor<2x4x5xf32>
  %2 = graph.matmul %0, %1 : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
  %3 = quant.qcast %2 : tensor<2x3x5xf32> to tensor<2x3x5x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %3 : tensor<2x3x5x!quant.uniform<i8:f32, 0.5:-3>>
}

// REMARK-DAG: remark: missed: convert-graph-to-quant{{.*}}: a sum of products may reach 4294967296, beyond i32
// CHECK-LABEL: func.func @attend_wide
// CHECK: graph.matmul
func.func @attend_wide(%x: tensor<3x4x!quant.uniform<i16:f32, 0.5>>, %y: tensor<4x5x!quant.uniform<i16:f32, 0.5>>) -> tensor<3x5x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<3x4x!quant.uniform<i16:f32, 0.5>> to tensor<3x4xf32>
  %1 = quant.dcast %y : tensor<4x5x!quant.uniform<i16:f32, 0.5>> to tensor<4x5xf32>
  %2 = graph.matmul %0, %1 : (tensor<3x4xf32>, tensor<4x5xf32>) -> tensor<3x5xf32>
  %3 = quant.qcast %2 : tensor<3x5xf32> to tensor<3x5x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %3 : tensor<3x5x!quant.uniform<i8:f32, 0.5:-3>>
}

graph.global @scale : tensor<4xf32> = dense<[1.0, -2.0, 0.5, 0.0]>
graph.global @shift : tensor<4xf32> = dense<[0.0, 1.0, 2.0, -1.0]>

// epsilon (4 / 0.5)**2 is 16.
// CHECK-LABEL: func.func @normalize
// CHECK: quant.layer_norm %x, %{{.*}}, %{{.*}} {epsilon = 16 : i64, shift = 44 : i32, clamp = array<i32: -3, 127>}
// CHECK-NEXT: func.return
func.func @normalize(%x: tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<2x4xf32>
  %w = graph.constant @scale : tensor<4xf32>
  %b = graph.constant @shift : tensor<4xf32>
  %1 = graph.layer_normalization %0, %w, %b {epsilon = 0.25 : f32} : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %2 = graph.relu %1 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = quant.qcast %2 : tensor<2x4xf32> to tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %3 : tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// A bias of 2**18 steps has no 14 fraction bits in i32.
// REMARK-DAG: remark: missed: convert-graph-to-quant{{.*}}: its scale or bias does not fit in i32 steps
// CHECK-LABEL: func.func @far_off
// CHECK: graph.layer_normalization
graph.global @far : tensor<4xf32> = dense<131072.0>
func.func @far_off(%x: tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>> {
  %0 = quant.dcast %x : tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<2x4xf32>
  %w = graph.constant @scale : tensor<4xf32>
  %b = graph.constant @far : tensor<4xf32>
  %1 = graph.layer_normalization %0, %w, %b {epsilon = 0.25 : f32} : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %2 = quant.qcast %1 : tensor<2x4xf32> to tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<2x4x!quant.uniform<i8:f32, 0.5:-3>>
}
