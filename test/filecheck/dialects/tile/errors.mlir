// What is no tiling is refused.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

func.func @row(%x: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  // expected-error@+1 {{a tile of 9 along dimension 1, which has 8; choose 1 to 8}}
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 9, 8, 4] order [0, 1, 2, 3] buffers 2(%x : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  ^bb0(%a: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>):
    %0 = tile.load %a : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %2 = tile.store %1 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    tile.yield %2 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
  }
  func.return %y : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// -----

func.func @none(%x: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  // expected-error@+1 {{a tile of 0 along dimension 1, which has 8}}
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 0, 8, 4] order [0, 1, 2, 3] buffers 2(%x : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  ^bb0(%a: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>):
    %0 = tile.load %a : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %2 = tile.store %1 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    tile.yield %2 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
  }
  func.return %y : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// -----

func.func @dims(%x: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  // expected-error@+1 {{sizes and order must name each of the 4 dimensions}}
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 3, 8, 4] order [0, 1, 1, 3] buffers 2(%x : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  ^bb0(%a: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>):
    %0 = tile.load %a : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %2 = tile.store %1 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    tile.yield %2 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
  }
  func.return %y : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// -----

func.func @buffers(%x: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  // expected-error@+1 {{at least one buffer is needed}}
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 3, 8, 4] order [0, 1, 2, 3] buffers 0(%x : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  ^bb0(%a: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>):
    %0 = tile.load %a : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %2 = tile.store %1 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    tile.yield %2 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
  }
  func.return %y : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// -----

func.func @home(%x: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  // expected-error@+1 {{the result lives in l1, so it is made in place, without a tile.store}}
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 3, 8, 4] order [0, 1, 2, 3] buffers 2(%x : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  ^bb0(%a: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>):
    %0 = tile.load %a : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    %2 = tile.store %1 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> to tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    tile.yield %2 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
  }
  func.return %y : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// -----

func.func @stored(%x: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  // expected-error@+1 {{the result lives in l2, so it needs a tile.store}}
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 3, 8, 4] order [0, 1, 2, 3] buffers 2(%x : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>> {
  ^bb0(%a: tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>):
    %1 = quant.add %a, %a {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
    tile.yield %1 : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
  }
  func.return %y : tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
}

// -----

!t = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
!other = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.25:-3>>
func.func @load(%x: !t) -> !t {
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !t) -> !t {
  ^bb0(%a: !t):
    // expected-error@+1 {{tile.load: a load keeps the type, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>}}
    %0 = tile.load %a : !t to !other
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!other, !other) -> !t
    tile.yield %1 : !t
  }
  func.return %y : !t
}

// -----

!t = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
!other = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.25:-3>>
func.func @store(%x: !t) -> !other {
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !t) -> !other {
  ^bb0(%a: !t):
    %0 = tile.load %a : !t to !t
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    // expected-error@+1 {{tile.store: a store keeps the type, tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>}}
    %2 = tile.store %1 : !t to !other
    tile.yield %2 : !other
  }
  func.return %y : !other
}

// -----

!t = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
!other = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.25:-3>>
func.func @yield(%x: !t) -> !other {
  // expected-error@+1 {{the body must end with a tile.yield of tensor<1x8x8x4x!quant.uniform<i8:f32, 0.25:-3>>}}
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !t) -> !other {
  ^bb0(%a: !t):
    %1 = quant.add %a, %a {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    tile.yield %1 : !t
  }
  func.return %y : !other
}

// -----

!t = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
func.func @arguments(%x: !t) -> !t {
  // expected-error@+1 {{the body takes what the group takes}}
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !t) -> !t {
  ^bb0(%a: !t, %b: !t):
    %1 = quant.add %a, %b {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    tile.yield %1 : !t
  }
  func.return %y : !t
}

// -----

!t = tensor<2x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
graph.global @w : tensor<4x1x1x4x!quant.uniform<i8:f32, 0.1>> = dense<3>
graph.global @b : tensor<4xi32> = dense<77>
func.func @batch(%x: !t) -> !t {
  // expected-error@+1 {{dimension 0 of quant.conv2d cannot be cut, a tile must have all 2}}
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !t) -> !t {
  ^bb0(%a: !t):
    %w = graph.constant @w : tensor<4x1x1x4x!quant.uniform<i8:f32, 0.1>>
    %b = graph.constant @b : tensor<4xi32>
    %0 = quant.conv2d %a, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[128], [20], single, [-128, 127]>} : (!t, tensor<4x1x1x4x!quant.uniform<i8:f32, 0.1>>, tensor<4xi32>) -> !t
    tile.yield %0 : !t
  }
  func.return %y : !t
}

// -----

!t = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
func.func @last(%x: !t) -> !t {
  // expected-error@+1 {{the last op of the body makes the result}}
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !t) -> !t {
  ^bb0(%a: !t):
    %1 = quant.add %a, %a {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    %2 = quant.add %1, %a {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    tile.yield %1 : !t
  }
  func.return %y : !t
}

// -----

!t = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
func.func @reshape(%x: tensor<1x256x!quant.uniform<i8:f32, 0.5:-3>>) -> !t {
  // expected-error@+1 {{graph.reshape cannot be tiled}}
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : tensor<1x256x!quant.uniform<i8:f32, 0.5:-3>>) -> !t {
  ^bb0(%a: tensor<1x256x!quant.uniform<i8:f32, 0.5:-3>>):
    %0 = graph.reshape %a {shape = array<i64: 1, 8, 8, 4>} : (tensor<1x256x!quant.uniform<i8:f32, 0.5:-3>>) -> !t
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    tile.yield %1 : !t
  }
  func.return %y : !t
}

// -----

!t = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
func.func @within(%x: !t) -> !t {
  // expected-error@+1 {{tile.load: loads what the group takes, nothing else}}
  %y = tile.group "cluster" near "l1" home "l1" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !t) -> !t {
  ^bb0(%a: !t):
    %1 = quant.add %a, %a {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    %2 = tile.load %1 : !t to !t
    %3 = quant.add %2, %a {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    tile.yield %3 : !t
  }
  func.return %y : !t
}
