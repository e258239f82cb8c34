// Every op of the quant dialect reads back as it was printed.
// RUN: opt-tool %s -o %t.mlir && filecheck %s --input-file %t.mlir && opt-tool %t.mlir | diff %t.mlir -
// RUN: opt-tool %s --print-generic | opt-tool - | filecheck %s

// CHECK: quant.conv2d %x, %w, %b {strides = array<i64: 1, 2>, pads = array<i64: 1, 0, 1, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1395864371], [41], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5:-3>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.25>>, tensor<3xi32>) -> tensor<1x4x1x3x!quant.uniform<i8:f32, 0.125>>
func.func @conv2d(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5:-3>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.25>>, %b: tensor<3xi32>) {
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 2>, pads = array<i64: 1, 0, 1, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1395864371], [41], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5:-3>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.25>>, tensor<3xi32>) -> tensor<1x4x1x3x!quant.uniform<i8:f32, 0.125>>
  func.return
}

// CHECK: quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824, 1073741825], [33, 34], double, [-100, 100]>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<2x4x!quant.uniform<i8:f32:0, {0.5, 0.25}>>, tensor<2xi32>) -> tensor<1x2x!quant.uniform<i8:f32, 0.125>>
func.func @fully_connected(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<2x4x!quant.uniform<i8:f32:0, {0.5, 0.25}>>, %b: tensor<2xi32>) {
  %0 = quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824, 1073741825], [33, 34], double, [-100, 100]>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<2x4x!quant.uniform<i8:f32:0, {0.5, 0.25}>>, tensor<2xi32>) -> tensor<1x2x!quant.uniform<i8:f32, 0.125>>
  func.return
}

// CHECK: quant.add %x, %y {multipliers = array<i32: 1024, 512>, bias = -7 : i32, shift = 10 : i32, clamp = array<i32: -1, 127>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
func.func @add(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %y: tensor<1x4x!quant.uniform<i8:f32, 0.25>>) {
  %0 = quant.add %x, %y {multipliers = array<i32: 1024, 512>, bias = -7 : i32, shift = 10 : i32, clamp = array<i32: -1, 127>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// CHECK: quant.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "nchw", requant = #quant.requant<[1073741824], [32], half_even, [-128, 127]>} : (tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
func.func @avg_pool2d(%x: tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) {
  %0 = quant.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "nchw", requant = #quant.requant<[1073741824], [32], half_even, [-128, 127]>} : (tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// CHECK: quant.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 1, 1>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>
func.func @max_pool2d(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  %0 = quant.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 1, 1>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// CHECK: quant.unfold %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x4x20x!quant.uniform<i8:f32, 0.5>>
func.func @unfold(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  %0 = quant.unfold %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x4x20x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// CHECK: quant.table %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.25>>
func.func @table(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %t: tensor<256xi8>) {
  %0 = quant.table %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.25>>
  func.return
}

// CHECK: quant.softmax %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi32>) -> tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>>
func.func @softmax(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %t: tensor<256xi32>) {
  %0 = quant.softmax %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi32>) -> tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>>
  func.return
}

// CHECK: quant.qcast %x : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8:f32:1, {0.5, 0.25:3}>>
// CHECK: quant.dcast %0 : tensor<1x2x!quant.uniform<i8:f32:1, {0.5, 0.25:3}>> to tensor<1x2xf32>
func.func @casts(%x: tensor<1x2xf32>) {
  %0 = quant.qcast %x : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8:f32:1, {0.5, 0.25:3}>>
  %1 = quant.dcast %0 : tensor<1x2x!quant.uniform<i8:f32:1, {0.5, 0.25:3}>> to tensor<1x2xf32>
  func.return
}

// CHECK: quant.mul %a, %b {requant = #quant.requant<[1073741824], [33], single, [-128, 127]>} : (tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x1x1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>
func.func @mul(%a: tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x1x1x4x!quant.uniform<i8:f32, 0.5>>) {
  %0 = quant.mul %a, %b {requant = #quant.requant<[1073741824], [33], single, [-128, 127]>} : (tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x1x1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// Tables for 16-bit inputs.
// CHECK: quant.table %x, %t : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<513xi16>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
// CHECK: quant.softmax %x, %e : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<512xi32>) -> tensor<1x4x!quant.uniform<i16:f32, 3.0517578e-05>>
func.func @wide(%x: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %t: tensor<513xi16>, %e: tensor<512xi32>) {
  %0 = quant.table %x, %t : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<513xi16>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  %1 = quant.softmax %x, %e : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<512xi32>) -> tensor<1x4x!quant.uniform<i16:f32, 3.0517578e-05>>
  func.return
}

// CHECK: quant.matmul %a, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x2x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x3x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x3x!quant.uniform<i8:f32, 0.5>>
func.func @matmul(%a: tensor<1x2x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x4x3x!quant.uniform<i8:f32, 0.5>>) {
  %0 = quant.matmul %a, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x2x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x3x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// CHECK: quant.layer_norm %x, %w, %b {epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>} : (tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
func.func @layer_norm(%x: tensor<2x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<4xi32>, %b: tensor<4xi32>) {
  %0 = quant.layer_norm %x, %w, %b {epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>} : (tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}
