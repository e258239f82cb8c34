// Where L2 is too small for all that is alive at once, the largest tensor that may move lives farther away.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-ext},spill-homes' --remarks=passed 2>&1 | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-ext},spill-homes{code=0}' | filecheck %s --check-prefix=FITS
// RUN: not opt-tool %s -p 'set-platform{platform=siracusa},spill-homes' 2>&1 | filecheck %s --check-prefix=NOWHERE

// Three tensors of 614,400 B and a fourth of a quarter of that meet at the sum; L2 has 2 MiB less 4 KiB of
// stack and 192 KiB for code. The input and the results of the network stay.
// CHECK: remark: passed: spill-homes: 614400 B move from l2 to ext to make room
// CHECK-NOT: remark
// CHECK: %a = tile.group "cluster" near "l1" home "ext"
// CHECK: %p = tile.group "cluster" near "l1" home "l2"
// CHECK: %b = tile.group "cluster" near "l1" home "l2"
// CHECK: %q = tile.group "cluster" near "l1" home "l2"

// FITS-NOT: home "ext"
// FITS: func.return

// NOWHERE: error: {{.*}}tile.group: the tensors alive here take 1996800 B of l2, which has 1896448 B beside stack and code, and none of them can live in a farther memory

!t = tensor<1x480x640x2x!quant.uniform<i8:f32, 0.5:-3>>
!s = tensor<1x240x320x2x!quant.uniform<i8:f32, 0.5:-3>>
func.func @net(%x: !t) -> (!t, !s) {
  %a = tile.group "cluster" near "l1" home "l2" sizes [1, 10, 640, 2] order [0, 1, 2, 3] buffers 2(%x : !t) -> !t {
  ^bb0(%0: !t):
    %1 = tile.load %0 : !t to !t
    %2 = quant.add %1, %1 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    %3 = tile.store %2 : !t to !t
    tile.yield %3 : !t
  }
  %p = tile.group "cluster" near "l1" home "l2" sizes [1, 10, 320, 2] order [0, 1, 2, 3] buffers 2(%x : !t) -> !s {
  ^bb0(%0: !t):
    %1 = tile.load %0 : !t to !t
    %2 = quant.max_pool2d %1 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "nhwc"} : (!t) -> !s
    %3 = tile.store %2 : !s to !s
    tile.yield %3 : !s
  }
  %b = tile.group "cluster" near "l1" home "l2" sizes [1, 10, 640, 2] order [0, 1, 2, 3] buffers 2(%a, %x : !t, !t) -> !t {
  ^bb0(%0: !t, %1: !t):
    %2 = tile.load %0 : !t to !t
    %3 = tile.load %1 : !t to !t
    %4 = quant.add %2, %3 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!t, !t) -> !t
    %5 = tile.store %4 : !t to !t
    tile.yield %5 : !t
  }
  %q = tile.group "cluster" near "l1" home "l2" sizes [1, 10, 320, 2] order [0, 1, 2, 3] buffers 2(%p : !s) -> !s {
  ^bb0(%0: !s):
    %1 = tile.load %0 : !s to !s
    %2 = quant.add %1, %1 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (!s, !s) -> !s
    %3 = tile.store %2 : !s to !s
    tile.yield %3 : !s
  }
  func.return %b, %q : !t, !s
}
