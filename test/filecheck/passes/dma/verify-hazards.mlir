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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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

func.func @barrier_after_a_store() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
  cluster.fork 8 {
  %t = dma.token
  dma.start %b to %y on %t : memref<64xi8, "l1"> to memref<64xi8, "l2"> loc("store")
  dma.wait %t
  // expected-error@+1 {{cluster.add: missing barrier: writes bytes 64..128 of l1 (%b), which dma.start (node 'store') has read on core 0; put a cluster.barrier in between}}
    cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
      {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  }
  func.return
}

// -----

func.func @barrier_after_core_0() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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
  "test.op"(%y, %a, %b) : (memref<64xi8, "l2">, memref<64xi8, "l1">, memref<64xi8, "l1">) -> ()
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

// -----

func.func @nothing_loaded() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  // expected-error@+1 {{cluster.add (node 'conv_1'): reads bytes 0..64 of l1 (%a), but byte 0 was never written; is a tile or a slot of it not loaded?}}
  cluster.add ins(%a, %a : memref<64xi8, "l1">, memref<64xi8, "l1">) outs(%b : memref<64xi8, "l1">)
    {kernel = "rn_cluster_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>} loc("conv_1")
  func.return
}

// -----

func.func @a_slot_was_lost() {
  %x = dma.buffer at 0 "input" 0 : memref<1x64xi8, "l2">
  %a = dma.buffer at 0 : memref<2x64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %slot = arith.constant 1 : index
  %w = memref.subview %a[%slot, 0][1, 64][1, 1] : memref<2x64xi8, "l1"> to memref<1x64xi8, strided<[64, 1], offset: ?>, "l1">
  %v = memref.subview %a[0, 0][1, 64][1, 1] : memref<2x64xi8, "l1"> to memref<1x64xi8, strided<[64, 1]>, "l1">
  dma.copy %x to %w : memref<1x64xi8, "l2"> to memref<1x64xi8, strided<[64, 1], offset: ?>, "l1">
  "test.op"(%b) : (memref<64xi8, "l1">) -> () loc("other")
  dma.copy %x to %v : memref<1x64xi8, "l2"> to memref<1x64xi8, strided<[64, 1]>, "l1">
  // expected-error@+1 {{dma.copy: reads bytes 64..128 of l1 (%a), but byte 64 holds %b, written by test.op (node 'other'); the two buffers must not share bytes, or the read must come earlier}}
  dma.copy %w to %x : memref<1x64xi8, strided<[64, 1], offset: ?>, "l1"> to memref<1x64xi8, "l2">
  func.return
}

// -----

// expected-error@+1 {{func.func @half_an_output: the caller reads bytes 0..64 of l2 (network output 0), but byte 32 was never written; is a tile or a slot of it not loaded?}}
func.func @half_an_output() {
  %y = dma.buffer at 0 "output" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<32xi8, "l1">
  "test.op"(%a) : (memref<32xi8, "l1">) -> ()
  %v = memref.subview %y[0][32][1] : memref<64xi8, "l2"> to memref<32xi8, strided<[1]>, "l2">
  dma.copy %a to %v : memref<32xi8, "l1"> to memref<32xi8, strided<[1]>, "l2">
  func.return
}

// -----

graph.global @c : tensor<4xi8> = dense<1>
func.func @constants_are_read() {
  %c = dma.constant @c : memref<4xi8, "l2">
  %a = dma.buffer at 0 : memref<4xi8, "l1">
  "test.op"(%a) : (memref<4xi8, "l1">) -> ()
  // expected-error@+1 {{dma.copy: writes constant @c; constants are only read}}
  dma.copy %a to %c : memref<4xi8, "l1"> to memref<4xi8, "l2">
  func.return
}

// -----

func.func @windows_that_interleave() {
  %x = dma.buffer at 0 "input" 0 : memref<8x8xi8, "l2">
  %y = dma.buffer at 64 "output" 0 : memref<8x8xi8, "l2">
  %a = dma.buffer at 0 : memref<8x8xi8, "l1">
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %t = dma.token
  scf.for %i = %c0 to %c8 step %c4 {
    %from = memref.subview %x[0, %i][8, 4][1, 1] : memref<8x8xi8, "l2"> to memref<8x4xi8, strided<[8, 1], offset: ?>, "l2">
    %to = memref.subview %a[0, %i][8, 4][1, 1] : memref<8x8xi8, "l1"> to memref<8x4xi8, strided<[8, 1], offset: ?>, "l1">
    dma.start %from to %to on %t : memref<8x4xi8, strided<[8, 1], offset: ?>, "l2"> to memref<8x4xi8, strided<[8, 1], offset: ?>, "l1">
  }
  dma.wait %t
  dma.copy %a to %y : memref<8x8xi8, "l1"> to memref<8x8xi8, "l2">
  func.return
}

// -----

func.func @windows_that_share_a_column() {
  %x = dma.buffer at 0 "input" 0 : memref<8x8xi8, "l2">
  %a = dma.buffer at 0 : memref<8x8xi8, "l1">
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c6 = arith.constant 6 : index
  %t = dma.token
  scf.for %i = %c0 to %c6 step %c3 {
    %from = memref.subview %x[0, %i][8, 4][1, 1] : memref<8x8xi8, "l2"> to memref<8x4xi8, strided<[8, 1], offset: ?>, "l2">
    %to = memref.subview %a[0, %i][8, 4][1, 1] : memref<8x8xi8, "l1"> to memref<8x4xi8, strided<[8, 1], offset: ?>, "l1">
    // expected-error@+1 {{dma.start: writes bytes 3..4 of l1 (%a), which dma.start}}
    dma.start %from to %to on %t : memref<8x4xi8, strided<[8, 1], offset: ?>, "l2"> to memref<8x4xi8, strided<[8, 1], offset: ?>, "l1">
  }
  dma.wait %t
  func.return
}
