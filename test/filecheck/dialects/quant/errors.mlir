// What no quant op may be: the message names the op and the limit.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{unknown layout 'hwcn', expected nchw or nhwc}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "hwcn", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x18x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{quant.conv2d: the weight must be 4-D}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x18x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{quant.conv2d: the input must be 4-D, got}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{a window has two extents, strides and dilations, and four pads}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{a window has two extents, strides and dilations, and four pads}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{a window has two extents, strides and dilations, and four pads}}
  %0 = quant.max_pool2d %x {kernel = array<i64: 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{extents, strides and dilations are at least 1, pads at least 0}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 0, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{extents, strides and dilations are at least 1, pads at least 0}}
  %0 = quant.max_pool2d %x {kernel = array<i64: 0, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{extents, strides and dilations are at least 1, pads at least 0}}
  %0 = quant.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, -1, 0, 0>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x2x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{a 3x3 window does not fit in 2x4}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x2x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{the result has shape 1x3x2x3, expected 1x2x2x3}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x3x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x1x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{2 groups do not divide 2 input and 3 output channels}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 2 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x1x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x1x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{the weight takes 1 input channels, expected 2}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x1x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<2xi32>) {
  // expected-error@+1 {{the bias has shape 2, expected 3}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<2xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi8>) {
  // expected-error@+1 {{the bias holds i8, expected i32}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi8>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5:1>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{the weight must have zero point 0}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5:1>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2xi8>, %b: tensor<3xi32>) {
  // expected-error@+1 {{expected quantized elements, got tensor<3x3x3x2xi8>}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2xi8>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2xf32>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{the input must be quantized, got tensor<1x4x4x2xf32>}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2xf32>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32:3, {0.5, 0.25}>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{the input must have one scale per tensor}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32:3, {0.5, 0.25}>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{2 multipliers for 3 output channels}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1, 2], [36, 36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3xi32>) {
  // expected-error@+1 {{the clamp [-128, 128] is not within [-128, 127] of the result type}}
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1], [36], single, [-128, 128]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>, tensor<3x3x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>) -> tensor<1x2x2x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<2x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<2xi32>) {
  // expected-error@+1 {{quant.fully_connected: input and weight must be 2-D}}
  %0 = quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<4x!quant.uniform<i8:f32, 0.5>>, tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<2xi32>) -> tensor<1x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<2x3x!quant.uniform<i8:f32, 0.5>>, %b: tensor<2xi32>) {
  // expected-error@+1 {{the weight has shape 2x3, expected 2x4}}
  %0 = quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<2x3x!quant.uniform<i8:f32, 0.5>>, tensor<2xi32>) -> tensor<1x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<2x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<2xi32>) {
  // expected-error@+1 {{the result has shape 1x3, expected 1x2}}
  %0 = quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<2xi32>) -> tensor<1x3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<2x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<2xi32>) {
  // expected-error@+1 {{the result must be quantized, got tensor<1x2xf32>}}
  %0 = quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<2xi32>) -> tensor<1x2xf32>
  func.return
}

// -----

func.func @f(%a: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x3x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{the right operand has shape 1x3, expected 1x4}}
  %0 = quant.add %a, %b {multipliers = array<i32: 1024, 512>, bias = 512 : i32, shift = 10 : i32, clamp = array<i32: -128, 127>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x3x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{quant.add: the shift must lie in [0, 31]}}
  %0 = quant.add %a, %b {multipliers = array<i32: 1024, 512>, bias = 512 : i32, shift = 32 : i32, clamp = array<i32: -128, 127>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{expected two multipliers and a clamp of two}}
  %0 = quant.add %a, %b {multipliers = array<i32: 1>, bias = 512 : i32, shift = 10 : i32, clamp = array<i32: -128, 127>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{expected two multipliers and a clamp of two}}
  %0 = quant.add %a, %b {multipliers = array<i32: 1024, 512>, bias = 512 : i32, shift = 10 : i32, clamp = array<i32: 1, 2, 3>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{the products may reach [-2147483648, 2130706432] and the bias is -1: the sum leaves i32; use a smaller shift}}
  %0 = quant.add %a, %b {multipliers = array<i32: 8388608, 8388608>, bias = -1 : i32, shift = 10 : i32, clamp = array<i32: -128, 127>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{the products may reach [-2147483776, 2130706559] and the bias is 1000: the sum leaves i32; use a smaller shift}}
  %0 = quant.add %a, %b {multipliers = array<i32: 8388609, 8388608>, bias = 1000 : i32, shift = 10 : i32, clamp = array<i32: -128, 127>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{the clamp [-129, 127] is not within [-128, 127] of the result type}}
  %0 = quant.add %a, %b {multipliers = array<i32: 1024, 512>, bias = 512 : i32, shift = 10 : i32, clamp = array<i32: -129, 127>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<1x4xf32>, %b: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{the operand must be quantized, got tensor<1x4xf32>}}
  %0 = quant.add %a, %b {multipliers = array<i32: 1024, 512>, bias = 512 : i32, shift = 10 : i32, clamp = array<i32: -128, 127>} : (tensor<1x4xf32>, tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{expected a 4-D input in nchw or nhwc}}
  %0 = quant.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "x"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{the result has the input's element type}}
  %0 = quant.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.25>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{2 multipliers for 1 output channels}}
  %0 = quant.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", requant = #quant.requant<[1, 2], [36, 36], single, [-128, 127]>} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4096x4096x1x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{quant.avg_pool2d: the window sum may overflow i32}}
  %0 = quant.avg_pool2d %x {kernel = array<i64: 4096, 4096>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc", requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x4096x4096x1x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x1x1x1x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %t: tensor<256xi8>) {
  // expected-error@+1 {{the result has shape 1x5, expected 1x4}}
  %0 = quant.table %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi8>) -> tensor<1x5x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i4:f32, 0.5>>, %t: tensor<256xi8>) {
  // expected-error@+1 {{tables are for 8-bit and 16-bit inputs, not 4-bit}}
  %0 = quant.table %x, %t : (tensor<1x4x!quant.uniform<i4:f32, 0.5>>, tensor<256xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %t: tensor<255xi8>) {
  // expected-error@+1 {{the table has shape 255, expected 256}}
  %0 = quant.table %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<255xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %t: tensor<256xi8>) {
  // expected-error@+1 {{the table holds i8, expected i16}}
  %0 = quant.table %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi8>) -> tensor<1x4x!quant.uniform<i16:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %t: tensor<256xi8>) {
  // expected-error@+1 {{the table holds i8, expected i32}}
  %0 = quant.softmax %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %t: tensor<256xi32>) {
  // expected-error@+1 {{the table has shape 256, expected 512}}
  %0 = quant.softmax %x, %t : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<256xi32>) -> tensor<1x4x!quant.uniform<i8:f32, 0.00390625:-128>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %t: tensor<256xi32>) {
  // expected-error@+1 {{the result's scale must be 1/256}}
  %0 = quant.softmax %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi32>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4xf32>) {
  // expected-error@+1 {{the result has shape 1x5, expected 1x4}}
  %0 = quant.qcast %x : tensor<1x4xf32> to tensor<1x5x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4xf32>) {
  // expected-error@+1 {{expected a quantized type, got tensor<1x4xi8>}}
  %0 = quant.qcast %x : tensor<1x4xf32> to tensor<1x4xi8>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{!quant.uniform<i8:f32, 0.5> expresses f32, not f64}}
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5>> to tensor<1x4xf64>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32:1, {0.5, 0.25}>>) {
  // expected-error@+1 {{2 scales along axis 1 of tensor<1x4x}}
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32:1, {0.5, 0.25}>> to tensor<1x4xf32>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32:2, {0.5, 0.25}>>) {
  // expected-error@+1 {{2 scales along axis 2 of tensor<1x4x}}
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32:2, {0.5, 0.25}>> to tensor<1x4xf32>
  func.return
}

// -----

// 258 inputs of -128 times weights of 127 leave i32 with this bias: -2143289600 - 258 * 128 * 127 is -2**31.
graph.global @w : tensor<1x258x!quant.uniform<i8:f32, 0.5>> = dense<127>
graph.global @b : tensor<1xi32> = dense<-2143289601>
func.func @f(%x: tensor<1x258x!quant.uniform<i8:f32, 0.5>>) {
  %w = graph.constant @w : tensor<1x258x!quant.uniform<i8:f32, 0.5>>
  %b = graph.constant @b : tensor<1xi32>
  // expected-error@+1 {{quant.fully_connected: the accumulator may reach [-2147483649, -2139128319], beyond i32; use fewer weight bits or a larger weight scale}}
  %0 = quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x258x!quant.uniform<i8:f32, 0.5>>, tensor<1x258x!quant.uniform<i8:f32, 0.5>>, tensor<1xi32>) -> tensor<1x1x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i16:f32, 0.5>>, %t: tensor<513xi8>) {
  // expected-error@+1 {{the table holds i8, expected i16}}
  %0 = quant.table %x, %t : (tensor<1x4x!quant.uniform<i16:f32, 0.5>>, tensor<513xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<2x3x2x!quant.uniform<i8:f32, 0.5>>, %b: tensor<2x1x2x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{cannot be broadcast to tensor<2x3x2x!quant.uniform<i8:f32, 0.5>>: its own axes must be neighbours}}
  %0 = quant.mul %a, %b {requant = #quant.requant<[1073741824], [33], single, [-128, 127]>} : (tensor<2x3x2x!quant.uniform<i8:f32, 0.5>>, tensor<2x1x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x3x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<2x3x!quant.uniform<i8:f32, 0.5>>, %b: tensor<2x3x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{the result has shape 3x2, expected 2x3}}
  %0 = quant.mul %a, %b {requant = #quant.requant<[1073741824], [33], single, [-128, 127]>} : (tensor<2x3x!quant.uniform<i8:f32, 0.5>>, tensor<2x3x!quant.uniform<i8:f32, 0.5>>) -> tensor<3x2x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<4x!quant.uniform<i16:f32, 0.5:-32768>>, %b: tensor<4x!quant.uniform<i16:f32, 0.5:-32768>>) {
  // expected-error@+1 {{a product may reach 4294836225, beyond i32}}
  %0 = quant.mul %a, %b {requant = #quant.requant<[1073741824], [33], single, [-128, 127]>} : (tensor<4x!quant.uniform<i16:f32, 0.5:-32768>>, tensor<4x!quant.uniform<i16:f32, 0.5:-32768>>) -> tensor<4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<2x3x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<1x4x5x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{the right operand has shape 1x4x5, expected 2x4x5}}
  %0 = quant.matmul %a, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<2x3x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x5x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x3x5x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%a: tensor<2x3x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<4x5x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{operands must have one rank, of 2 or more, not 3 and 2}}
  %0 = quant.matmul %a, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<2x3x4x!quant.uniform<i8:f32, 0.5>>, tensor<4x5x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x3x5x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

// Two products of 32768 by 32768 leave i32.
func.func @f(%a: tensor<3x2x!quant.uniform<i16:f32, 0.5>>, %b: tensor<2x5x!quant.uniform<i16:f32, 0.5>>) {
  // expected-error@+1 {{a sum of 2 products may reach 2147483648, beyond i32; use fewer bits for an operand}}
  %0 = quant.matmul %a, %b {requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<3x2x!quant.uniform<i16:f32, 0.5>>, tensor<2x5x!quant.uniform<i16:f32, 0.5>>) -> tensor<3x5x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<2x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<3xi32>, %b: tensor<4xi32>) {
  // expected-error@+1 {{the weight has shape 3, expected 4}}
  %0 = quant.layer_norm %x, %w, %b {epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>} : (tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<3xi32>, tensor<4xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<2x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<4xi32>, %b: tensor<4xi32>) {
  // expected-error@+1 {{epsilon is 0, expected 1 to 2**61 - 1: no division by zero, and no sum beyond i64}}
  %0 = quant.layer_norm %x, %w, %b {epsilon = 0 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>} : (tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<2x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<4xi32>, %b: tensor<4xi32>) {
  // expected-error@+1 {{epsilon is 2305843009213693952, expected 1 to 2**61 - 1}}
  %0 = quant.layer_norm %x, %w, %b {epsilon = 2305843009213693952 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>} : (tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<2x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<4xi32>, %b: tensor<4xi32>) {
  // expected-error@+1 {{the shift is 45, expected 14 to 44: the bias would leave i64}}
  %0 = quant.layer_norm %x, %w, %b {epsilon = 16 : i64, shift = 45 : i32, clamp = array<i32: -128, 127>} : (tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x32769x!quant.uniform<i8:f32, 0.5>>, %w: tensor<32769xi32>, %b: tensor<32769xi32>) {
  // expected-error@+1 {{32769 elements of a row, expected 1 to 32768: their sums would leave i32}}
  %0 = quant.layer_norm %x, %w, %b {epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>} : (tensor<1x32769x!quant.uniform<i8:f32, 0.5>>, tensor<32769xi32>, tensor<32769xi32>) -> tensor<1x32769x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<2x4x!quant.uniform<i32:f32, 0.5>>, %w: tensor<4xi32>, %b: tensor<4xi32>) {
  // expected-error@+1 {{the input has 32 bits, at most 16}}
  %0 = quant.layer_norm %x, %w, %b {epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>} : (tensor<2x4x!quant.uniform<i32:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<2x4x!quant.uniform<i8:f32, 0.5>>, %w: tensor<4xi32>, %b: tensor<4xi32>) {
  // expected-error@+1 {{the clamp [-129, 127] is not within [-128, 127] of the result type}}
  %0 = quant.layer_norm %x, %w, %b {epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -129, 127>} : (tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{quant.unfold: 16 channels do not hold windows of 18 elements}}
  %0 = quant.unfold %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x4x16x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{quant.unfold: the result has the input's element type}}
  %0 = quant.unfold %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, layout = "nhwc"} : (tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x4x18x!quant.uniform<i8:f32, 0.25>>
  func.return
}

// -----

func.func @f(%x: tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{quant.unfold: expected a 4-D input in nhwc}}
  %0 = quant.unfold %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, layout = "nchw"} : (tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x18x4x4x!quant.uniform<i8:f32, 0.5>>
  func.return
}
