// What no job may be.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

func.func @f(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l2">, %c : memref<1x2336xi8, "l1">, %y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{a job stays in one memory, the operands are in}}
  %t = npu.conv2d ins(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l2">) constants(%c : memref<1x2336xi8, "l1">) outs(%y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">, %c : memref<1x2335xi8, "l1">, %y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{the chunk has 2335 bytes, #npu.layer<pointwise, 64 to 32 channels, weight_bits 8, scale_bits 32> takes 2336}}
  %t = npu.conv2d ins(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">) constants(%c : memref<1x2335xi8, "l1">) outs(%y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x63x!quant.uniform<i8:f32, 0.5>, "l1">, %c : memref<1x2336xi8, "l1">, %y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{the input has 63 channels, expected 64}}
  %t = npu.conv2d ins(%x : memref<1x8x8x63x!quant.uniform<i8:f32, 0.5>, "l1">) constants(%c : memref<1x2336xi8, "l1">) outs(%y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">, %c : memref<1x2336xi8, "l1">, %y : memref<1x8x8x33x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{the output has 33 channels, the chunk 32}}
  %t = npu.conv2d ins(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">) constants(%c : memref<1x2336xi8, "l1">) outs(%y : memref<1x8x8x33x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x16x!quant.uniform<i8:f32, 0.5>, "l1">, %c : memref<1x300xi8, "l1">, %y : memref<1x8x8x20x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{the input has 16 channels, expected 20}}
  %t = npu.conv2d ins(%x : memref<1x8x8x16x!quant.uniform<i8:f32, 0.5>, "l1">) constants(%c : memref<1x300xi8, "l1">) outs(%y : memref<1x8x8x20x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<depthwise, 28 to 28 channels, weight_bits 5, scale_bits 8, shift 12>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">, %c : memref<1x2336xi8, "l1">, %y : memref<1x9x8x32x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{9 outputs need 9 inputs, there are 8 and at most 0 of padding}}
  %t = npu.conv2d ins(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">) constants(%c : memref<1x2336xi8, "l1">) outs(%y : memref<1x9x8x32x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x28x!quant.uniform<i8:f32, 0.5>, "l1">, %c : memref<1x300xi8, "l1">, %y : memref<1x8x9x28x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{9 outputs need 11 inputs, there are 8 and at most 2 of padding}}
  %t = npu.conv2d ins(%x : memref<1x8x8x28x!quant.uniform<i8:f32, 0.5>, "l1">) constants(%c : memref<1x300xi8, "l1">) outs(%y : memref<1x8x9x28x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<depthwise, 28 to 28 channels, weight_bits 5, scale_bits 8, shift 12>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">, %c : memref<1x2336xi8, "l1">, %y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{8 outputs need 15 inputs, there are 8 and at most 0 of padding}}
  %t = npu.conv2d ins(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">) constants(%c : memref<1x2336xi8, "l1">) outs(%y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels, strides 2 x 1>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x64xi8, "l1">, %c : memref<1x2336xi8, "l1">, %y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{the input must be quantized, got i8}}
  %t = npu.conv2d ins(%x : memref<1x8x8x64xi8, "l1">) constants(%c : memref<1x2336xi8, "l1">) outs(%y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">, %c : memref<1x2336xi8, "l1">, %y : memref<1x8x8x32x!quant.uniform<i16:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{the output must have 8 bits, got !quant.uniform<i16:f32, 0.5>}}
  %t = npu.conv2d ins(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">) constants(%c : memref<1x2336xi8, "l1">) outs(%y : memref<1x8x8x32x!quant.uniform<i16:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">, %c : memref<1x2336xi8, "l1">, %y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{the input must be [1, h, w, c] or [n, c]}}
  %t = npu.conv2d ins(%x : memref<8x8x64x!quant.uniform<i8:f32, 0.5>, "l1">) constants(%c : memref<1x2336xi8, "l1">) outs(%y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels>}
  npu.wait %t
  func.return
}

// -----

func.func @f(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, strided<[8192, 1024, 128, 2]>, "l1">, %c : memref<1x2336xi8, "l1">, %y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">, %p : index) {
  // expected-error@+1 {{the channels of the input must be neighbours}}
  %t = npu.conv2d ins(%x : memref<1x8x8x64x!quant.uniform<i8:f32, 0.5>, strided<[8192, 1024, 128, 2]>, "l1">) constants(%c : memref<1x2336xi8, "l1">) outs(%y : memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">) pads(%p, %p) {layer = #npu.layer<pointwise, 64 to 32 channels>}
  npu.wait %t
  func.return
}

// -----

// expected-error@+1 {{unknown kind 'sideways', one of dense, depthwise, pointwise}}
module attributes {test.layer = #npu.layer<sideways, 64 to 32 channels>} {}

// -----

// expected-error@+1 {{weights have 2 to 8 bits, not 9}}
module attributes {test.layer = #npu.layer<pointwise, 64 to 32 channels, weight_bits 9>} {}

// -----

// expected-error@+1 {{scales have 8 or 32 bits, not 16}}
module attributes {test.layer = #npu.layer<pointwise, 64 to 32 channels, scale_bits 16>} {}

// -----

// expected-error@+1 {{a shift lies in [0, 31], not 32}}
module attributes {test.layer = #npu.layer<pointwise, 64 to 32 channels, shift 32>} {}

// -----

// expected-error@+1 {{a 3x3 kernel has strides of 1 or 2, not [3, 1]}}
module attributes {test.layer = #npu.layer<dense, 64 to 32 channels, strides 3 x 1>} {}

// -----

// expected-error@+1 {{a depthwise kernel keeps the channels, 28 are not 27}}
module attributes {test.layer = #npu.layer<depthwise, 28 to 27 channels>} {}

// -----

// expected-error@+1 {{channels and strides are at least 1}}
module attributes {test.layer = #npu.layer<dense, 0 to 32 channels>} {}

// -----

// expected-error@+1 {{'size' is none of weight_bits, scale_bits, shift, strides}}
module attributes {test.layer = #npu.layer<pointwise, 64 to 32 channels, size 3>} {}

// -----

func.func @f(%v : index) {
  // expected-error@+1 {{npu.set: there is no register "colour"; there are weights, input, output}}
  npu.set "colour", %v
  func.return
}
