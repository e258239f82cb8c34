// A group on a unit that cannot compute its ops is refused.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},convert-tile-to-dma' --split-input-file --verify-diagnostics
// RUN: not opt-tool %s -p 'set-platform{platform=host},convert-tile-to-dma' --split-input-file 2>&1 | filecheck %s
// CHECK: error: pass 'convert-tile-to-dma': platform host has no cluster that tiles could run on

!x = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
module {
  func.func @unit(%x: !x) -> !x {
    // expected-error@+1 {{platform siracusa: unit "controller" is a cpu, tiles run on a cluster or an npu}}
    %y = tile.group "controller" near "l1" home "l2" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !x) -> !x {
    ^bb0(%a: !x):
      %0 = tile.load %a : !x to !x
      %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!x, !x) -> !x
      %2 = tile.store %1 : !x to !x
      tile.yield %2 : !x
    }
    func.return %y : !x
  }
}

// -----

!x = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
!w = tensor<4x1x1x2x!quant.uniform<i8:f32, 0.1>>
graph.global @w : !w = dense<3>
graph.global @b : tensor<4xi32> = dense<77>
func.func @groups(%x: !x) -> !x {
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !x) -> !x {
  ^bb0(%a: !x):
    %w = graph.constant @w : !w
    %b = graph.constant @b : tensor<4xi32>
    %0 = tile.load %a : !x to !x
    // expected-error@+1 {{cores share convolutions of one group, or depthwise ones}}
    %1 = quant.conv2d %0, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64, layout = "nhwc", requant = #quant.requant<[128], [20], single, [-128, 127]>} : (!x, !w, tensor<4xi32>) -> !x
    %2 = tile.store %1 : !x to !x
    tile.yield %2 : !x
  }
  func.return %y : !x
}

// -----

!x = tensor<1x4x8x8x!quant.uniform<i8:f32, 0.5:-3>>
func.func @layout(%x: !x) -> !x {
  %y = tile.group "cluster" near "l1" home "l2" sizes [1, 4, 8, 8] order [0, 1, 2, 3] buffers 1(%x : !x) -> !x {
  ^bb0(%a: !x):
    %0 = tile.load %a : !x to !x
    // expected-error@+1 {{kernels are channels-last; run channels-last first}}
    %1 = quant.max_pool2d %0 {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nchw"} : (!x) -> !x
    %2 = tile.store %1 : !x to !x
    tile.yield %2 : !x
  }
  func.return %y : !x
}

// -----

!x = tensor<1x8x8x4x!quant.uniform<i8:f32, 0.5:-3>>
func.func @npu(%x: !x) -> !x {
  %y = tile.group "npu" near "l1" home "l2" sizes [1, 8, 8, 4] order [0, 1, 2, 3] buffers 1(%x : !x) -> !x {
  ^bb0(%a: !x):
    %0 = tile.load %a : !x to !x
    // expected-error@+1 {{quant.add: unit "npu": it runs convolutions and matrix products only}}
    %1 = quant.add %0, %0 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!x, !x) -> !x
    %2 = tile.store %1 : !x to !x
    tile.yield %2 : !x
  }
  func.return %y : !x
}
