// What no graph op may be: the message names the op and the limit.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

func.func @groups(%x: tensor<1x3x8x8xf32>, %w: tensor<4x2x3x3xf32>) {
  // expected-error@+1 {{graph.conv: 1 groups of 2 weight channels need 2 input channels, not 3}}
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x8x8xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x6x6xf32>
  func.return
}

// -----

func.func @extent(%x: tensor<1x2x8x8xf32>, %w: tensor<4x2x3x3xf32>) {
  // expected-error@+1 {{the result is tensor<1x4x7x7xf32>, but operands and properties give tensor<1x4x6x6xf32>}}
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x8x8xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x7x7xf32>
  func.return
}

// -----

func.func @pads(%x: tensor<1x2x8x8xf32>) {
  // expected-error@+1 {{a pad of 2 lets a window of 2 miss the input}}
  %0 = graph.max_pool %x {kernel_shape = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 2, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x8x8xf32>) -> tensor<1x2x7x9xf32>
  func.return
}

// -----

func.func @strides(%x: tensor<1x2x8x8xf32>) {
  // expected-error@+1 {{a window of 2 dimensions needs 2 strides, 2 dilations and 4 pads, not 1, 2 and 4}}
  %0 = graph.max_pool %x {kernel_shape = array<i64: 2, 2>, strides = array<i64: 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x8x8xf32>) -> tensor<1x2x7x7xf32>
  func.return
}

// -----

func.func @broadcast(%x: tensor<1x4xf32>, %y: tensor<3xf32>) {
  // expected-error@+1 {{graph.add: shapes [1, 4] and [3] cannot be broadcast together}}
  %0 = graph.add %x, %y : (tensor<1x4xf32>, tensor<3xf32>) -> tensor<1x4xf32>
  func.return
}

// -----

func.func @elements(%x: tensor<1x4xi8>) {
  // expected-error@+1 {{graph.relu: the operands must hold floats, not i8}}
  %0 = graph.relu %x : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return
}

// -----

func.func @dynamic(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{operands are tensors of static shape, not tensor<?x4xf32>}}
  %0 = graph.relu %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  func.return
}

// -----

func.func @count(%x: tensor<1x4xf32>) {
  // expected-error@+1 {{graph.reshape: [1, 4] has 4 elements, [5] has 5}}
  %0 = graph.reshape %x : (tensor<1x4xf32>) -> tensor<5xf32>
  func.return
}

// -----

func.func @inner(%x: tensor<1x4xf32>, %y: tensor<5x4xf32>) {
  // expected-error@+1 {{graph.gemm: the inner extents 4 and 5 differ}}
  %0 = graph.gemm %x, %y : (tensor<1x4xf32>, tensor<5x4xf32>) -> tensor<1x4xf32>
  func.return
}

// -----

func.func @slice(%x: tensor<1x4xf32>) {
  // expected-error@+1 {{axis 1: 3 elements from 2 with stride 1 leave the extent 4}}
  %0 = graph.slice %x {offsets = array<i64: 0, 2>, sizes = array<i64: 1, 3>, strides = array<i64: 1, 1>} : (tensor<1x4xf32>) -> tensor<1x3xf32>
  func.return
}

// -----

func.func @mode(%x: tensor<1x4xf32>) {
  // expected-error@+1 {{unknown mode 'wrap', expected constant, edge, reflect}}
  %0 = graph.pad %x {pads = array<i64: 0, 1, 0, 1>, mode = "wrap"} : (tensor<1x4xf32>) -> tensor<1x6xf32>
  func.return
}

// -----

func.func @scales(%x: tensor<1x4xi8>, %s: tensor<3xf32>) {
  // expected-error@+1 {{a scale of shape [3] fits neither one value nor the 4 slices of axis 1}}
  %0 = graph.dequantize_linear %x, %s : (tensor<1x4xi8>, tensor<3xf32>) -> tensor<1x4xf32>
  func.return
}

// -----

func.func @axis(%x: tensor<1x4xf32>) {
  // expected-error@+1 {{graph.softmax: axis 2 is outside of a value of rank 2}}
  %0 = graph.softmax %x {axis = 2 : i64} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return
}

// -----

func.func @source(%x: tensor<1x4xf32>) {
  // expected-error@+1 {{graph.transpose (node 'net/swap'): [0, 0] is no permutation of the axes of [1, 4]}}
  %0 = graph.transpose %x {perm = array<i64: 0, 0>} : (tensor<1x4xf32>) -> tensor<1x1xf32> loc("net/swap")
  func.return
}

// -----

func.func @symbol() {
  // expected-error@+1 {{no graph.global named @nothing}}
  %0 = graph.constant @nothing : tensor<4xf32>
  func.return
}

// -----

graph.global @w : tensor<2xf32> = dense<[1.0, 2.0]>
func.func @type() {
  // expected-error@+1 {{@w is a tensor<2xf32>, not a tensor<3xf32>}}
  %0 = graph.constant @w : tensor<3xf32>
  func.return
}

// -----

func.func @rows(%x: tensor<2x4xf32>, %w: tensor<2xf32>) {
  // expected-error@+1 {{graph.layer_normalization: scale must have shape [4], but is tensor<2xf32>}}
  %0 = graph.layer_normalization %x, %w, %w {epsilon = 1.0e-5 : f32} : (tensor<2x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x4xf32>
  func.return
}
