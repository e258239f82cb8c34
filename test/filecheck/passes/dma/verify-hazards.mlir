// Broken schedules, one each: the verifier names op, source node, bytes and the way out.
// RUN: opt-tool %s -p verify-hazards --split-input-file --verify-diagnostics > %t

func.func @good() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  cluster.fork 8 {
    %t = dma.token
    dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1">
    dma.wait %t
    cluster.barrier
    cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
    cluster.barrier
    %u = dma.token
    dma.start %b to %y on %u : memref<64xi8, "l1"> to memref<64xi8, "l2">
    dma.wait %u
  }
  func.return
}

// -----

func.func @dropped_wait() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %t = dma.token
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1"> loc("conv_1")
  // expected-error@+1 {{cluster.add: reads bytes 0..64 of l1 (%a), which dma.start (node 'conv_1') may still be writing; wait for its token before}}
  cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
    {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  dma.wait %t
  func.return
}

// -----

func.func @source_overwritten() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %t = dma.token
  dma.start %b to %y on %t : memref<64xi8, "l1"> to memref<64xi8, "l2"> loc("conv_1")
  // expected-error@+1 {{cluster.add: writes bytes 64..128 of l1 (%b), which dma.start (node 'conv_1') may still be reading; wait for its token before}}
  cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
    {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  dma.wait %t
  func.return
}

// -----

func.func @overlapping_addresses() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 48 : memref<64xi8, "l1">
  %c = dma.buffer at 128 : memref<64xi8, "l1">
  %t = dma.token
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1"> loc("conv_1")
  // expected-error@+1 {{cluster.add: reads bytes 48..64 of l1 (%b), which dma.start (node 'conv_1') may still be writing; wait for its token before}}
  cluster.add ins(%b, %b : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%c : memref<64xi8, "l1">)
    {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  dma.wait %t
  func.return
}

// -----

func.func @two_transfers_on_one_buffer() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %t = dma.token
  %u = dma.token
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1"> loc("conv_1")
  // expected-error@+1 {{dma.start (node 'conv_2'): writes bytes 0..64 of l1 (%a), which dma.start (node 'conv_1') may still be writing; wait for its token before}}
  dma.start %y to %a on %u : memref<64xi8, "l2"> to memref<64xi8, "l1"> loc("conv_2")
  dma.wait %t
  dma.wait %u
  func.return
}

// -----

func.func @transfer_reads_what_another_writes() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %t = dma.token
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1">
  // expected-error-re@+1 {{dma.start: reads bytes 0..64 of l1 (%a), which dma.start {{.*}} may still be writing; wait for its token before}}
  dma.start %a to %y on %t : memref<64xi8, "l1"> to memref<64xi8, "l2">
  dma.wait %t
  func.return
}

// -----

func.func @core_0_reads_what_is_moved() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %t = dma.token
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1">
  // expected-error@+1 {{test.op: reads bytes 0..64 of l1 (%a), which dma.start}}
  "test.op"(%a) : (memref<64xi8, "l1">) -> ()
  dma.wait %t
  func.return
}

// -----

func.func @waited_twice() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %t = dma.token
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1">
  dma.wait %t
  // expected-error-re@+1 {{dma.wait: the token of dma.token {{.*}} was waited for before, by dma.wait {{.*}}; a token is waited for once}}
  dma.wait %t
  func.return
}

// -----

func.func @never_waited() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  // expected-error@+1 {{dma.token: the token is never waited for, dma.start (node 'conv_1') belongs to it; wait for it before the function ends}}
  %t = dma.token
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1"> loc("conv_1")
  func.return
}

// -----

func.func @started_on_a_used_token() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %t = dma.token
  dma.wait %t
  // expected-error-re@+1 {{dma.start: its token was used up by dma.wait {{.*}}; take a new token for what is started afterwards}}
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1">
  func.return
}

// -----

func.func @token_lost_in_a_loop() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %first = dma.token
  dma.start %x to %a on %first : memref<64xi8, "l2"> to memref<64xi8, "l1"> loc("first")
  %last = scf.for %i = %c0 to %c2 step %c1 iter_args(%t = %first) -> (!dma.token) {
    %next = dma.token
    // expected-error@+1 {{dma.start: writes bytes 0..64 of l1 (%a), which dma.start (node 'first') may still be writing}}
    dma.start %x to %a on %next : memref<64xi8, "l2"> to memref<64xi8, "l1">
    dma.wait %t
    scf.yield %next : !dma.token
  }
  dma.wait %last
  func.return
}

// -----

func.func @barrier_after_wait() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  cluster.fork 8 {
  %t = dma.token
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1"> loc("load")
  dma.wait %t
  // expected-error@+1 {{cluster.add (node 'conv_1'): missing barrier: reads bytes 0..64 of l1 (%a), which dma.start (node 'load') has written on core 0; put a cluster.barrier in between}}
    cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>} loc("conv_1")
  }
  func.return
}

// -----

func.func @barrier_between_kernels() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %c = dma.buffer at 128 : memref<64xi8, "l1">
  cluster.fork 8 {
    cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>} loc("conv_1")
  // expected-error@+1 {{cluster.add (node 'conv_2'): missing barrier: reads bytes 64..128 of l1 (%b), which cluster.add (node 'conv_1') has written on all cores; put a cluster.barrier in between}}
    cluster.add ins(%b, %b : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%c : memref<64xi8, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>} loc("conv_2")
  }
  func.return
}

// -----

func.func @barrier_before_store() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  cluster.fork 8 {
    cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>} loc("conv_1")
  %t = dma.token
  // expected-error@+1 {{dma.start: missing barrier: reads bytes 64..128 of l1 (%b), which cluster.add (node 'conv_1') has written on all cores; put a cluster.barrier in between}}
  dma.start %b to %y on %t : memref<64xi8, "l1"> to memref<64xi8, "l2">
  dma.wait %t
  }
  func.return
}

// -----

func.func @barrier_before_the_next_load() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  cluster.fork 8 {
    cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>} loc("conv_1")
  %t = dma.token
  // expected-error@+1 {{dma.start: missing barrier: writes bytes 0..64 of l1 (%a), which cluster.add (node 'conv_1') has read on all cores; put a cluster.barrier in between}}
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1">
  dma.wait %t
  }
  func.return
}

// -----

func.func @barrier_after_core_0() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  cluster.fork 8 {
  "test.op"(%a) : (memref<64xi8, "l1">) -> ()
  // expected-error@+1 {{cluster.add: missing barrier: reads bytes 0..64 of l1 (%a), which test.op}}
    cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  }
  func.return
}

// -----

func.func @barrier_of_the_round_before() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  cluster.fork 8 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.for %i = %c0 to %c2 step %c1 {
    // expected-error@+1 {{cluster.add: missing barrier: writes bytes 64..128 of l1 (%b), which test.op}}
    cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
    cluster.barrier
    "test.op"(%b) : (memref<64xi8, "l1">) -> ()
  }
  }
  func.return
}

// -----

func.func @not_in_place() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  // expected-error@+1 {{cluster.add: writes bytes 0..64 of l1 (%a), which it also reads (%a); it cannot work in place there}}
  cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%a : memref<64xi8, "l1">)
    {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

func.func @a_row_too_large() {
  %x = dma.buffer "input" 0 : memref<1x14x8x4xi8, "l2">
  %a = dma.buffer : memref<1x6x8x4xi8, "l1">
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  scf.for %i = %c0 to %c3 step %c1 {
    %first = arith.muli %i, %c5 : index
    // expected-error@+1 {{memref.subview: the window takes 10..15 of dimension 1 of network input 0 in l2, which has 14; a window must lie inside its buffer}}
    %w = memref.subview %x[0, %first, 0, 0][1, 5, 8, 4][1, 1, 1, 1] : memref<1x14x8x4xi8, "l2"> to memref<1x5x8x4xi8, strided<[448, 32, 4, 1], offset: ?>, "l2">
    %v = memref.subview %a[0, 0, 0, 0][1, 5, 8, 4][1, 1, 1, 1] : memref<1x6x8x4xi8, "l1"> to memref<1x5x8x4xi8, strided<[192, 32, 4, 1]>, "l1">
    dma.copy %w to %v : memref<1x5x8x4xi8, strided<[448, 32, 4, 1], offset: ?>, "l2"> to memref<1x5x8x4xi8, strided<[192, 32, 4, 1]>, "l1">
  }
  func.return
}

// -----

func.func @past_its_buffer() {
  %x = dma.buffer "input" 0 : memref<1x14x8x4xi8, "l2">
  %a = dma.buffer : memref<2x5x8x4xi8, "l1">
  %slot = arith.constant 1 : index
  %rows = arith.constant 6 : index
  %t = dma.token
  %w = memref.subview %x[0, 0, 0, 0][1, %rows, 8, 4][1, 1, 1, 1] : memref<1x14x8x4xi8, "l2"> to memref<1x?x8x4xi8, strided<[448, 32, 4, 1]>, "l2">
  // expected-error@+1 {{memref.subview: the window takes 0..6 of dimension 1 of %a in l1, which has 5; a window must lie inside its buffer}}
  %v = memref.subview %a[%slot, 0, 0, 0][1, %rows, 8, 4][1, 1, 1, 1] : memref<2x5x8x4xi8, "l1"> to memref<1x?x8x4xi8, strided<[160, 32, 4, 1], offset: ?>, "l1">
  dma.start %w to %v on %t : memref<1x?x8x4xi8, strided<[448, 32, 4, 1]>, "l2"> to memref<1x?x8x4xi8, strided<[160, 32, 4, 1], offset: ?>, "l1">
  dma.wait %t
  func.return
}

// -----

func.func @two_shapes() {
  %x = dma.buffer "input" 0 : memref<64xi8, "l2">
  %a = dma.buffer : memref<64xi8, "l1">
  %n = arith.constant 32 : index
  %m = arith.constant 48 : index
  %t = dma.token
  %w = memref.subview %x[0][%n][1] : memref<64xi8, "l2"> to memref<?xi8, strided<[1]>, "l2">
  %v = memref.subview %a[0][%m][1] : memref<64xi8, "l1"> to memref<?xi8, strided<[1]>, "l1">
  // expected-error@+1 {{dma.start: copies a window [32] of network input 0 to one [48] of %a; both ends must have one shape}}
  dma.start %w to %v on %t : memref<?xi8, strided<[1]>, "l2"> to memref<?xi8, strided<[1]>, "l1">
  dma.wait %t
  func.return
}
