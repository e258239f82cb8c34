// Registers that hold their value already are not written again, also around a loop.
// RUN: opt-tool %s -p dedup-setups | filecheck %s
// RUN: opt-tool %s -p dedup-setups --remarks=all 2>&1 | filecheck %s --check-prefix=REMARK

// REMARK: remark: analysis: dedup-setups: 2 of 2 registers set
// REMARK: remark: analysis: dedup-setups: 1 of 2 registers set

// CHECK-LABEL: func.func @two_contexts
func.func @two_contexts(%p : index, %q : index, %r : index) {
  %c = arith.constant 7 : index
  %d = arith.constant 7 : index
  // CHECK: %[[A:.*]] = accfg.setup "n" to ("x" = %p : index, "w" = %c : index)
  %a = accfg.setup "n" to ("x" = %p : index, "w" = %c : index) : !accfg.state<"n">
  // The other context knows nothing of it.
  // CHECK-NEXT: %[[B:.*]] = accfg.setup "n" to ("x" = %q : index, "w" = %d : index)
  %b = accfg.setup "n" to ("x" = %q : index, "w" = %d : index) : !accfg.state<"n">
  // An equal constant is the same value.
  // CHECK-NEXT: %[[C:.*]] = accfg.setup "n" from %[[A]] to ("x" = %r : index)
  %e = accfg.setup "n" from %a to ("x" = %r : index, "w" = %d : index) : !accfg.state<"n">
  // CHECK-NEXT: accfg.setup "n" from %[[B]] to ()
  %f = accfg.setup "n" from %b to ("x" = %q : index, "w" = %c : index) : !accfg.state<"n">
  // What was written in between counts.
  // CHECK-NEXT: accfg.setup "n" from %[[C]] to ("x" = %p : index)
  %g = accfg.setup "n" from %e to ("x" = %p : index, "w" = %c : index) : !accfg.state<"n">
  func.return
}

// CHECK-LABEL: func.func @loop
func.func @loop(%p : index, %n : index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %c = arith.constant 7 : index
  %d = arith.constant 9 : index
  %a = accfg.setup "n" to ("x" = %p : index, "w" = %c : index, "v" = %d : index, "u" = %p : index) : !accfg.state<"n">
  %b = accfg.setup "n" to ("x" = %p : index, "w" = %c : index, "v" = %d : index, "u" = %p : index) : !accfg.state<"n">
  // The contexts take turns: what both hold, and each round leaves, is known. The index changes; "v" does in a round.
  %l:2 = scf.for %i = %zero to %n step %one iter_args(%s = %a, %t = %b) -> (!accfg.state<"n">, !accfg.state<"n">) {
    // CHECK: accfg.setup "n" from %{{.*}} to ("x" = %i : index, "v" = %d : index)
    %u = accfg.setup "n" from %s to ("x" = %i : index, "w" = %c : index, "v" = %d : index, "u" = %p : index) : !accfg.state<"n">
    // CHECK-NEXT: accfg.setup "n" from %{{.*}} to ("v" = %c : index)
    %v = accfg.setup "n" from %u to ("v" = %c : index) : !accfg.state<"n">
    scf.yield %t, %v : !accfg.state<"n">, !accfg.state<"n">
  }
  // CHECK: accfg.setup "n" from %{{.*}} to ("v" = %d : index, "x" = %p : index)
  %e = accfg.setup "n" from %l#0 to ("w" = %c : index, "v" = %d : index, "x" = %p : index) : !accfg.state<"n">
  func.return
}

// An inner loop stands on what the outer one leaves.
// CHECK-LABEL: func.func @nested
func.func @nested(%n : index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %c = arith.constant 7 : index
  %d = arith.constant 9 : index
  %a = accfg.setup "n" to ("w" = %c : index, "v" = %c : index) : !accfg.state<"n">
  %o = scf.for %i = %zero to %n step %one iter_args(%s = %a) -> (!accfg.state<"n">) {
    %l = scf.for %j = %zero to %n step %one iter_args(%t = %s) -> (!accfg.state<"n">) {
      // CHECK: accfg.setup "n" from %{{.*}} to ("w" = %c : index)
      %u = accfg.setup "n" from %t to ("w" = %c : index, "v" = %c : index) : !accfg.state<"n">
      scf.yield %u : !accfg.state<"n">
    }
    // CHECK: accfg.setup "n" from %{{.*}} to ("w" = %d : index)
    %v = accfg.setup "n" from %l to ("w" = %d : index) : !accfg.state<"n">
    scf.yield %v : !accfg.state<"n">
  }
  func.return
}
