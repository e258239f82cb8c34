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
